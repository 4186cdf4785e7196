//! The consequence of a row that is not there, which each table declares.

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

/// A table's name, and what the absence of a row would do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Declaration {
    /// The name.
    pub name: &'static str,
    /// The consequence of a row that is not there.
    pub absence: Absence,
}

impl Declaration {
    pub(crate) const fn source(self) -> Source {
        Source { table: self.name, on_damage: self.absence.on_damage() }
    }
}

/// The table or index that is read, and what a damaged row of it is.
#[derive(Debug, Clone, Copy)]
pub struct Source {
    pub(crate) table: &'static str,
    pub(crate) on_damage: OnDamage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnDamage {
    /// It is absent.
    Skip,
    /// It is an error.
    Fail,
}

impl Source {
    /// An index. Without an entry a name would be free, or a list shorter than what it guards: no index has entries
    /// that may be absent.
    pub(crate) const fn index(name: &'static str) -> Self {
        Self { table: name, on_damage: OnDamage::Fail }
    }

    /// An index that is read for what its entries give, and for nothing else: one that is damaged gives nothing.
    pub(crate) const fn grants(name: &'static str) -> Self {
        Self { table: name, on_damage: OnDamage::Skip }
    }
}
