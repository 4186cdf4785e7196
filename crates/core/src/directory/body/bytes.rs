//! The size of JSON, about as it is in memory or in an answer, whichever is more: many small values take more than their text,
//! and some characters are longer when they are written.

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
    let written = |byte| match byte {
        b'"' | b'\\' => 2,
        // As `\u0000`.
        0..=0x1f => 6,
        _ => 1,
    };
    text.bytes().map(written).sum()
}

fn of_value(value: &Value) -> u64 {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => VALUE_BYTES,
        Value::String(text) => VALUE_BYTES + of_text(text),
        Value::Array(elements) => VALUE_BYTES + elements.iter().map(of_value).sum::<u64>(),
        Value::Object(object) => of_object(object),
    }
}
