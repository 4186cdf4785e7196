//! Audiences: what a token is for.

use std::fmt;

/// Longest audience, in bytes. Source: ours; registered resource URIs are at most 255.
const AUDIENCE_BYTES_MAX: usize = 512;

/// The text cannot be an audience.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AudienceError {
    /// Nothing was asked for.
    #[error("the resource is empty")]
    Empty,
    /// Longer than [`AUDIENCE_BYTES_MAX`].
    #[error("the resource is longer than {AUDIENCE_BYTES_MAX} bytes")]
    TooLong,
    /// A blank, a control character or a character outside ASCII.
    #[error("the resource has a character that no resource has")]
    Character,
}

/// A resource identifier exactly as a client asked for it, for instance
/// `https://management.azure.com/`. Whether it is registered is the directory's to say: this type
/// only keeps out what no registered resource can contain.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Audience(Box<str>);

impl Audience {
    /// Reads a `resource` parameter.
    pub fn parse(text: &str) -> Result<Self, AudienceError> {
        if text.is_empty() {
            return Err(AudienceError::Empty);
        }
        if text.len() > AUDIENCE_BYTES_MAX {
            return Err(AudienceError::TooLong);
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(AudienceError::Character);
        }
        Ok(Self(text.into()))
    }

    /// The audience as it was asked for.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The audience without one trailing slash, in lower case: two spellings of one resource give
    /// the same key.
    pub fn lookup_key(&self) -> String {
        self.0.strip_suffix('/').unwrap_or(&self.0).to_ascii_lowercase()
    }
}

/// The end of a scope that asks for everything an application has at a resource.
const DEFAULT_SCOPE: &str = "/.default";

/// The resource of a scope such as `https://vault.azure.net/.default`; `None` for what is no such scope.
pub fn resource_of_scope(text: &str) -> Option<&str> {
    text.strip_suffix(DEFAULT_SCOPE).filter(|resource| !resource.is_empty())
}

impl fmt::Display for Audience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_and_controls_are_refused() {
        for wrong in ["a b", "a\tb", "a\u{7f}", "ä", ""] {
            assert!(Audience::parse(wrong).is_err(), "{wrong:?}");
        }
    }
}
