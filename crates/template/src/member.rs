//! Members of values, and the names that expressions give to them.

use crate::error::{TemplateError, shown};
use crate::json::{find_at, kind};
use serde_json::Value;

/// Longest list of a value's members in a refusal. Source: ours.
const MEMBERS_SHOWN_MAX: usize = 32;

/// A member of a value: by name without case, or by index.
pub(crate) fn member(mut value: Value, step: &Value) -> Result<Value, TemplateError> {
    let printed = || match step {
        Value::String(text) => shown(text),
        other => shown(&other.to_string()),
    };
    let error = |message: String| Err(TemplateError::new(message));
    match (&mut value, step) {
        (Value::Object(object), Value::String(name)) => {
            let known = find_at(object, name).map(|(known, _)| known.clone());
            known.and_then(|known| object.swap_remove(&known)).ok_or_else(|| {
                let names: Vec<String> = object.keys().take(MEMBERS_SHOWN_MAX).map(|name| shown(name)).collect();
                TemplateError::new(format!(
                    "The language expression property '{}' doesn't exist, available properties are '{}'.",
                    shown(name),
                    names.join(", ")
                ))
            })
        }
        (Value::Object(_), _) => error(format!(
            "The language expression property '{}' can't be evaluated, property name must be a string.",
            printed()
        )),
        (Value::Array(items), Value::Number(number)) if !number.is_f64() => {
            let index = number.as_u64().and_then(|index| usize::try_from(index).ok());
            match index.filter(|index| *index < items.len()) {
                Some(index) => Ok(items.swap_remove(index)),
                None => error(format!("The language expression property array index '{number}' is out of bounds.")),
            }
        }
        (Value::Array(_), _) => {
            error(format!("Unable to evaluate named property or non-integer index '{}' on an array value.", printed()))
        }
        _ => error(format!("The language expression property '{}' can't be evaluated.", printed())),
    }
}

/// The name that an expression gives to a member.
pub(crate) fn property_name(value: &Value) -> Result<String, TemplateError> {
    let printed = match value {
        Value::String(name) => return Ok(name.clone()),
        Value::Array(_) => "[array]".to_owned(),
        Value::Object(_) => "[object]".to_owned(),
        other => other.to_string(),
    };
    Err(TemplateError::new(format!(
        "Unable to evaluate language expression '{printed}' as JSON property name: the expression value of type '{}' could not be used as property name. ",
        kind(value)
    )))
}
