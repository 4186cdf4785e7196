//! `$select`.

use crate::fault::Fault;
use crate::kind::Kind;

/// The properties that an answer has.
pub(crate) enum Select {
    /// Every property.
    All,
    /// These, in the order in which they were asked for.
    Some(Vec<String>),
}

impl Select {
    /// Reads `$select` on objects of a type; an empty one selects everything. Names are compared without case.
    pub(crate) fn read(text: &str, of: Kind) -> Result<Self, Fault> {
        let known = of.empty();
        let name = |name: &str| {
            let found = known.keys().find(|known| known.eq_ignore_ascii_case(name));
            found.cloned().ok_or_else(|| Fault::Select(name.to_owned(), of))
        };
        let names = text.split(',').map(str::trim).filter(|name| !name.is_empty() && *name != "*");
        let names = names.map(name).collect::<Result<Vec<String>, Fault>>()?;
        Ok(if names.is_empty() { Self::All } else { Self::Some(names) })
    }

    /// True when an answer has the property.
    pub(crate) fn has(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Some(names) => names.iter().any(|selected| selected == name),
        }
    }

    /// The names in brackets, as `@odata.context` has them; nothing for every property.
    pub(crate) fn context(&self) -> String {
        match self {
            Self::All => String::new(),
            Self::Some(names) => format!("({})", names.join(",")),
        }
    }
}
