//! The facts for the log beside a request's line: named fields, and an event. The log knows no surface.

use bonafide_types::Loggable;
use std::fmt::{self, Display, Formatter};

/// A field's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Field {
    /// A text.
    Text(String),
    /// A number.
    Number(u64),
}

impl Display for Field {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Number(number) => number.fmt(f),
        }
    }
}

/// The facts that a surface has recorded of one request. Nothing in it is a secret.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Record {
    fields: Vec<(&'static str, Field)>,
    event: Option<(&'static str, String)>,
    is_quiet: bool,
}

impl Record {
    /// The record of a request that need not be logged: a poll that ended without news.
    pub fn quiet() -> Self {
        Self { is_quiet: true, ..Self::default() }
    }

    /// The same record with one more field, when there is a value. A text is none:
    ///
    /// ```compile_fail,E0277
    /// bonafide_wire::Record::default().with("path", Some("/subscriptions/a-pasted-secret"));
    /// ```
    #[must_use]
    pub fn with(mut self, name: &'static str, value: Option<impl Loggable>) -> Self {
        self.fields.extend(value.map(|value| (name, Field::Text(value.to_string()))));
        self
    }

    /// The same record with a number, when there is one.
    #[must_use]
    pub fn with_number(mut self, name: &'static str, value: Option<u64>) -> Self {
        self.fields.extend(value.map(|value| (name, Field::Number(value))));
        self
    }

    /// The same record with a failure that is an event of its own in the log (docs/log.md).
    #[must_use]
    pub fn with_event(mut self, name: &'static str, why: &impl Display) -> Self {
        self.event = Some((name, why.to_string()));
        self
    }

    /// The fields, in the order in which they were added.
    pub fn fields(&self) -> &[(&'static str, Field)] {
        &self.fields
    }

    /// A field's value.
    pub fn get(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|(of, _)| *of == name).map(|(_, value)| value)
    }

    /// The name of the event, and its reason.
    pub fn event(&self) -> Option<(&'static str, &str)> {
        self.event.as_ref().map(|(name, why)| (*name, why.as_str()))
    }

    /// True when the request need not be logged.
    pub fn is_quiet(&self) -> bool {
        self.is_quiet
    }
}
