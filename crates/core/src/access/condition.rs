//! The condition of a built-in role on what it grants.
//!
//! Grammar: Microsoft Learn, "Azure role assignment condition format and syntax". Of it the conditions of the built-in
//! roles use what is read here; anything else is unknown, and grants nothing. Truth has three values: an attribute that is not
//! known yet (the right is checked before the body is read) or never leaves open what depends on it.

mod evaluate;
mod parse;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

/// A condition.
#[derive(Clone, PartialEq, Eq)]
pub struct Condition(Arc<Read>);

#[derive(PartialEq, Eq)]
struct Read {
    text: Cow<'static, str>,
    expression: Expression,
}

/// A condition, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Expression {
    All(Vec<Expression>),
    Any(Vec<Expression>),
    Not(Box<Expression>),
    /// `ActionMatches{'pattern'}`.
    Action(String),
    Compare(Comparison),
    /// Text that is not understood.
    Unknown,
}

/// An attribute beside values.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Comparison {
    of: Of,
    attribute: String,
    quantifier: Quantifier,
    operator: Operator,
    values: Vec<String>,
}

/// The object whose attribute it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Of {
    Request,
    Resource,
}

/// The values of the attribute, and those beside it, that must be equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Quantifier {
    AnyOfAny,
    AllOfAny,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Guid,
    Text,
    TextOfAnyCase,
    Bool,
}

/// The truth of a condition, as far as it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Truth {
    /// It holds.
    True,
    /// It does not hold.
    False,
    /// It depends on what is not known.
    Unknown,
}

/// The known attributes of a call, which conditions ask for beside its action.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attributes {
    request: Vec<(&'static str, String)>,
    resource: Vec<(&'static str, String)>,
}

impl Attributes {
    /// Also a value of an attribute of what is asked for.
    #[must_use]
    pub fn request(mut self, name: &'static str, value: impl fmt::Display) -> Self {
        self.request.push((name, value.to_string()));
        self
    }

    /// Also a value of an attribute of what is stored.
    #[must_use]
    pub fn resource(mut self, name: &'static str, value: impl fmt::Display) -> Self {
        self.resource.push((name, value.to_string()));
        self
    }
}

impl Condition {
    /// Reads a condition.
    pub fn new(text: impl Into<Cow<'static, str>>) -> Self {
        let text = text.into();
        let expression = parse::read(&text);
        Self(Arc::new(Read { text, expression }))
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.0.text
    }

    /// Its truth for an action.
    pub fn truth(&self, action: &str, attributes: &Attributes) -> Truth {
        evaluate::truth(&self.0.expression, action, attributes)
    }
}

impl fmt::Debug for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Condition {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.as_str().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Condition {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

#[cfg(test)]
mod tests;
