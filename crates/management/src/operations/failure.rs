//! The error that an operation ended with.

use serde::{Deserialize, Serialize};

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
}
