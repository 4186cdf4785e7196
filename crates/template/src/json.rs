//! Values: their size and kind, and what an evaluation may make of them in all.

use crate::error::{TemplateError, shown};
use crate::limits::{CALLS_MAX, DEPTH_MAX, EVALUATION_MEMORY_BYTES_MAX};
use serde_json::{Map, Value};
use std::collections::HashMap;

/// Memory of a value beside its text, in bytes. Source: measured (tests/memory.rs); it stands in a list, or in the hands of a call.
const VALUE_BYTES: usize = 128;
/// Memory of an object beside its members, in bytes. Source: measured (tests/memory.rs); its table has places for members to come.
const OBJECT_BYTES: usize = 256;
/// Memory of a member beside its name and value, in bytes. Source: measured (tests/memory.rs); growing makes places for twice as many.
const MEMBER_BYTES: usize = 256;

/// The calls and the memory that an evaluation has left.
#[derive(Debug)]
pub(crate) struct Budget {
    calls: usize,
    bytes: usize,
}

impl Budget {
    pub(crate) fn new() -> Self {
        Self { calls: CALLS_MAX, bytes: EVALUATION_MEMORY_BYTES_MAX }
    }

    /// One more call.
    pub(crate) fn call(&mut self) -> Result<(), TemplateError> {
        self.calls = self.calls.checked_sub(1).ok_or_else(|| {
            TemplateError::new(format!("The template's expressions call functions more than {CALLS_MAX} times."))
        })?;
        Ok(())
    }

    /// Takes memory, before it is filled.
    pub(crate) fn take(&mut self, bytes: usize) -> Result<(), TemplateError> {
        self.bytes = self.bytes.checked_sub(bytes).ok_or_else(|| {
            TemplateError::new(format!(
                "The template's expressions make values that need more than {EVALUATION_MEMORY_BYTES_MAX} bytes of memory in all."
            ))
        })?;
        Ok(())
    }

    /// Gives back what was taken.
    pub(crate) fn give(&mut self, bytes: usize) {
        self.bytes += bytes;
    }

    /// Takes the memory of a text.
    pub(crate) fn text(&mut self, text: &str) -> Result<(), TemplateError> {
        self.take(VALUE_BYTES + text.len())
    }

    /// Takes the memory of a list or an object that is being collected, beside the values in it.
    pub(crate) fn container(&mut self, members: usize) -> Result<(), TemplateError> {
        self.take(OBJECT_BYTES + members * MEMBER_BYTES)
    }

    /// Takes the memory of a copy of a value.
    pub(crate) fn value(&mut self, value: &Value) -> Result<(), TemplateError> {
        let bytes = memory(value, 0).ok_or_else(|| {
            TemplateError::new(format!("A value of the template is nested more than {DEPTH_MAX} deep."))
        })?;
        self.take(bytes)
    }
}

/// About the memory of a value, in bytes; `None` when it is nested too deeply.
fn memory(value: &Value, depth: usize) -> Option<usize> {
    if depth > DEPTH_MAX {
        return None;
    }
    match value {
        Value::String(text) => Some(VALUE_BYTES + text.len()),
        Value::Array(items) => {
            let mut sum = VALUE_BYTES;
            for item in items {
                sum += memory(item, depth + 1)?;
            }
            Some(sum)
        }
        Value::Object(members) => {
            let mut sum = OBJECT_BYTES;
            for (name, value) in members {
                sum += MEMBER_BYTES + name.len() + memory(value, depth + 1)?;
            }
            Some(sum)
        }
        _ => Some(VALUE_BYTES),
    }
}

/// About the bytes of a value, written out.
pub(crate) fn size(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len() + 2,
        Value::Array(items) => items.iter().fold(2, |sum, item| sum + 1 + size(item)),
        Value::Object(members) => members.iter().fold(2, |sum, (name, value)| sum + 4 + name.len() + size(value)),
        _ => 8,
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
    find_at(object, name).map(|(_, value)| value)
}

/// As [`find`], with its name as it is written.
pub(crate) fn find_at<'a>(object: &'a Map<String, Value>, name: &str) -> Option<(&'a String, &'a Value)> {
    object.get_key_value(name).or_else(|| object.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)))
}
