//! The nesting of values that are stored as they are.

use crate::error::TemplateError;
use crate::limits::STORED_DEPTH_MAX;
use serde_json::Value;

/// Refuses a value that is nested too deeply to be stored. `place` is `parameter 'p'` or `output 'o'`.
pub(crate) fn check_depth(place: &str, value: &Value) -> Result<(), TemplateError> {
    if fits(value) {
        return Ok(());
    }
    Err(TemplateError::new(format!("The value of the template {place} is nested more than {STORED_DEPTH_MAX} deep.")))
}

/// True when a value is not nested too deeply to be stored.
pub(crate) fn fits(value: &Value) -> bool {
    fits_in(value, STORED_DEPTH_MAX)
}

fn fits_in(value: &Value, levels: usize) -> bool {
    match value {
        Value::Array(items) => levels > 0 && items.iter().all(|item| fits_in(item, levels - 1)),
        Value::Object(members) => levels > 0 && members.values().all(|value| fits_in(value, levels - 1)),
        _ => true,
    }
}
