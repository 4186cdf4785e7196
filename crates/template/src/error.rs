//! The refusal of a template.

use crate::limits::SHOWN_CHARS_MAX;

/// A template that cannot be deployed. Its code is always `InvalidTemplate`. Wording: Microsoft's deployments engine
/// 1.812.0, without the line and column that it adds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct TemplateError {
    text: String,
    is_later: bool,
}

impl TemplateError {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { text: message.into(), is_later: false }
    }

    /// The refusal of a part of the language that is not served yet.
    pub(crate) fn later(message: impl Into<String>) -> Self {
        Self { text: message.into(), is_later: true }
    }

    /// True when the template may be right: it uses a part of the language that is not served yet.
    pub fn is_later(&self) -> bool {
        self.is_later
    }

    /// The refusal of a resource: which one, and its cause.
    pub(crate) fn of_resource(self, name: &str) -> Self {
        let usage = "Please see https://aka.ms/arm-functions for usage details.";
        let text = format!("The template resource '{}' is not valid: {}. {usage}", shown(name), self.text);
        Self { text, ..self }
    }

    /// The refusal of a variable.
    pub(crate) fn of_variable(self, name: &str) -> Self {
        let usage = "Please see https://aka.ms/arm-functions for usage details.";
        let text = format!("The template variable '{}' is not valid: {}. {usage}", shown(name), self.text);
        Self { text, ..self }
    }
}

/// A text of the template as a refusal repeats it.
pub(crate) fn shown(text: &str) -> String {
    text.chars().take(SHOWN_CHARS_MAX).collect()
}
