//! Locations (regions).

use serde::{Deserialize, Serialize};
use std::fmt;

/// Longest location name, in bytes. Source: ours.
const LOCATION_NAME_BYTES_MAX: usize = 64;

/// A location in its canonical form: lower case without blanks (`westeurope` for `West Europe`).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Location(Box<str>);

impl Location {
    /// Reads a location's name or display name; `None` when it is empty, too long or has other
    /// characters than letters, digits and blanks.
    pub fn parse(text: &str) -> Option<Self> {
        let name: String = text.chars().filter(|c| *c != ' ').collect();
        let right = !name.is_empty()
            && name.len() <= LOCATION_NAME_BYTES_MAX
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric());
        right.then(|| Self(name.to_ascii_lowercase().into()))
    }

    /// The canonical name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
