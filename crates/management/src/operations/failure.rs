//! The error that an operation ended with.

use serde::{Deserialize, Serialize};

/// Longest text of an error that an operation ends with, in bytes. Source: ours; several rows repeat it.
const TEXT_BYTES_MAX: usize = 8 * 1024;
/// Errors that one came of, at most. Source: ours.
const DETAILS_MAX: usize = 32;

/// An error as Resource Manager writes it, whatever it is part of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// The code.
    pub code: String,
    /// The error.
    pub message: String,
    /// The thing that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// The errors that it came of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub details: Vec<Failure>,
}

impl Failure {
    /// An error that no other one caused.
    pub(crate) fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into(), target: None, details: Vec::new() }
    }

    /// The error with no more than can be stored of it.
    pub(super) fn bounded(mut self) -> Self {
        let texts = [Some(&mut self.code), Some(&mut self.message), self.target.as_mut()];
        for text in texts.into_iter().flatten() {
            text.truncate(text.floor_char_boundary(TEXT_BYTES_MAX));
        }
        self.details.truncate(DETAILS_MAX);
        self.details = self.details.into_iter().map(Self::bounded).collect();
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_error_is_cut_between_characters() {
        let long = Failure::new("Code", format!("x{}", "é".repeat(TEXT_BYTES_MAX)));
        let many = Failure { details: vec![long; DETAILS_MAX + 1], ..Failure::new("Code", "short") };
        let bounded = many.bounded();
        assert_eq!((bounded.message.as_str(), bounded.details.len()), ("short", DETAILS_MAX));
        assert_eq!(bounded.details[0].message.len(), TEXT_BYTES_MAX - 1);
    }
}
