//! The number and types of a function's arguments, as Microsoft's engine words it.

use crate::error::TemplateError;
use crate::json::kind;
use serde_json::Value;

const ORDINALS: [&str; 5] = ["first", "second", "third", "fourth", "fifth"];

/// Refuses a number of arguments outside a range.
pub(crate) fn between(function: &str, given: usize, least: usize, most: usize) -> Result<(), TemplateError> {
    if (least..=most).contains(&given) {
        return Ok(());
    }
    let wanted = if least == most { least.to_string() } else { format!("between {least} and {most}") };
    Err(TemplateError::new(format!(
        "Unable to evaluate template language function '{function}': function requires {wanted} argument(s) while {given} were provided. Please see https://aka.ms/arm-resource-functions/#{function} for usage details."
    )))
}

/// Refuses arguments that are no texts.
pub(crate) fn all_texts(function: &str, arguments: &[Value]) -> Result<(), TemplateError> {
    for (at, argument) in arguments.iter().enumerate() {
        if !argument.is_string() {
            let which = if arguments.len() == 1 { "" } else { ORDINALS.get(at).copied().unwrap_or("next") };
            let space = if which.is_empty() { "" } else { " " };
            return Err(TemplateError::new(format!(
                "The template language function '{function}' expects its {which}{space}parameter to be of type 'String'. The provided value is of type '{}'. Please see https://aka.ms/arm-functions for usage details.",
                kind(argument)
            )));
        }
    }
    Ok(())
}
