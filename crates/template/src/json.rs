//! Values: their size and kind, and what an evaluation may make of them in all.

use crate::error::{TemplateError, shown};
use crate::limits::{CALLS_MAX, COPIED_BYTES_MAX, DEPTH_MAX};
use serde_json::{Map, Value};
use std::collections::HashMap;

/// The calls and bytes that an evaluation has left.
#[derive(Debug)]
pub(crate) struct Budget {
    calls: usize,
    bytes: usize,
}

impl Budget {
    pub(crate) fn new() -> Self {
        Self { calls: CALLS_MAX, bytes: COPIED_BYTES_MAX }
    }

    /// One more call.
    pub(crate) fn call(&mut self) -> Result<(), TemplateError> {
        self.calls = self.calls.checked_sub(1).ok_or_else(|| {
            TemplateError::new(format!("The template's expressions call functions more than {CALLS_MAX} times."))
        })?;
        Ok(())
    }

    /// One more value, made or copied.
    pub(crate) fn value(&mut self, value: &Value) -> Result<(), TemplateError> {
        let size = size(value, 0).ok_or_else(|| {
            TemplateError::new(format!("A value of the template is nested more than {DEPTH_MAX} deep."))
        })?;
        self.bytes = self.bytes.checked_sub(size).ok_or_else(|| {
            TemplateError::new(format!(
                "The template's expressions make values of more than {COPIED_BYTES_MAX} bytes in all."
            ))
        })?;
        Ok(())
    }
}

/// About the bytes of a value; `None` when it is nested too deeply.
pub(crate) fn size(value: &Value, depth: usize) -> Option<usize> {
    if depth > DEPTH_MAX {
        return None;
    }
    match value {
        Value::String(text) => Some(text.len() + 2),
        Value::Array(items) => items.iter().try_fold(2, |sum, item| Some(sum + 1 + size(item, depth + 1)?)),
        Value::Object(members) => {
            members.iter().try_fold(2, |sum, (name, value)| Some(sum + 4 + name.len() + size(value, depth + 1)?))
        }
        _ => Some(8),
    }
}

/// The engine's own word for the kind of a value.
pub(crate) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "Null",
        Value::Bool(_) => "Boolean",
        Value::Number(number) if number.is_f64() => "Float",
        Value::Number(_) => "Integer",
        Value::String(_) => "String",
        Value::Array(_) => "Array",
        Value::Object(_) => "Object",
    }
}

/// An object in the making, whose names are told apart without case where an expression made one of them.
#[derive(Default)]
pub(crate) struct Members {
    object: Map<String, Value>,
    /// In lower case, and whether an expression made it.
    folded: HashMap<String, bool>,
}

impl Members {
    /// Adds a member. Two that were written out may differ in case alone.
    pub(crate) fn add(&mut self, name: String, value: Value, is_written_out: bool) -> Result<(), TemplateError> {
        let known = self.folded.insert(name.to_ascii_lowercase(), !is_written_out);
        if known.is_some_and(|was_made| was_made || !is_written_out) || self.object.contains_key(&name) {
            return Err(TemplateError::new(format!(
                "Unable to evaluate language expression '[function]' as JSON property name: the property with name '{}' already exists.",
                shown(&name)
            )));
        }
        self.object.insert(name, value);
        Ok(())
    }

    pub(crate) fn object(self) -> Value {
        Value::Object(self.object)
    }
}

/// The member of an object with this name: the exact one, or else one in another case.
pub(crate) fn find<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    object
        .get(name)
        .or_else(|| object.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value))
}
