//! The size of JSON, about as it is in memory: many small values take more than their text.

use serde_json::{Map, Value};

/// Bytes that a JSON value counts for, beside its text. Source: ours; about as much as serde_json takes for one.
const VALUE_BYTES: u64 = 32;

/// Bytes that an object counts for.
pub(in crate::directory) fn of_object(object: &Map<String, Value>) -> u64 {
    let members = object.iter().map(|(name, value)| of_text(name) + of_value(value));
    VALUE_BYTES + members.sum::<u64>()
}

/// Bytes of a text.
pub(in crate::directory) fn of_text(text: &str) -> u64 {
    u64::try_from(text.len()).unwrap_or(u64::MAX)
}

fn of_value(value: &Value) -> u64 {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => VALUE_BYTES,
        Value::String(text) => VALUE_BYTES + of_text(text),
        Value::Array(elements) => VALUE_BYTES + elements.iter().map(of_value).sum::<u64>(),
        Value::Object(object) => of_object(object),
    }
}
