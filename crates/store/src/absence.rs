//! The consequence of a row that is not there, which each table declares.

use crate::rows::OnDamage;

/// The consequence of a row that is not there. It decides what becomes of a damaged one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absence {
    /// Somebody can do less, or nothing changes: where it is read, a damaged row is absent.
    Withholds,
    /// Somebody can do more, as without a lock or an unfinished revocation: a damaged row is an error wherever it is
    /// read, and nothing starts with it.
    Allows,
}

impl Absence {
    pub(crate) const fn on_damage(self) -> OnDamage {
        match self {
            Self::Withholds => OnDamage::Skip,
            Self::Allows => OnDamage::Fail,
        }
    }
}
