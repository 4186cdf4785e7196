//! `concat`: texts, integers and booleans to one text, or arrays to one array.

use crate::error::TemplateError;
use serde_json::Value;

pub(super) fn concat(arguments: Vec<Value>) -> Result<Value, TemplateError> {
    if !arguments.is_empty() && arguments.iter().all(Value::is_array) {
        let items = arguments.into_iter().flat_map(|argument| match argument {
            Value::Array(items) => items,
            _ => Vec::new(),
        });
        return Ok(Value::Array(items.collect()));
    }
    let length = arguments.iter().filter_map(Value::as_str).map(str::len).sum();
    let mut text = String::with_capacity(length);
    for argument in &arguments {
        match argument {
            Value::String(part) => text.push_str(part),
            Value::Number(number) if !number.is_f64() => text.push_str(&number.to_string()),
            Value::Bool(flag) => text.push_str(if *flag { "True" } else { "False" }),
            _ => {
                return Err(TemplateError::new(
                    "The provided parameters for language function 'concat' are invalid. Either all or none of the parameters must be an array. Please see https://aka.ms/arm-function-concat for usage details.",
                ));
            }
        }
    }
    Ok(text.into())
}
