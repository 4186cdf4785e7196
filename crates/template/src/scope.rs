//! The part of an evaluation that functions may ask for.

use crate::context::Context;
use crate::error::TemplateError;
use serde_json::Value;

/// The kinds of symbols.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Table {
    Parameters,
    Variables,
}

/// The surroundings of an expression.
pub(crate) trait Scope {
    /// The place of the deployment.
    fn context(&self) -> &Context;

    /// The value of a parameter or a variable.
    fn symbol(&mut self, table: Table, name: &str) -> Result<Value, TemplateError>;
}
