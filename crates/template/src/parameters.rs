//! Parameters: what a template declares, and what its deployment gives.

use crate::depth::check_depth;
use crate::document::check_count;
use crate::error::{TemplateError, shown};
use crate::evaluate::{Evaluator, Symbol};
use crate::json::{find, kind};
use crate::limits::{PARAMETERS_MAX, SHOWN_BYTES_MAX};
use crate::scope::Table;
use crate::secure::Secure;
use serde_json::{Map, Value};

/// A parameter as a deployment shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct ShownParameter {
    /// Its name.
    pub name: String,
    /// Its type, as Azure writes it.
    pub type_name: &'static str,
    /// Its value; none where it is secure, or a default that is made of what is.
    pub value: Option<Value>,
}

/// A type of parameters and outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Type {
    /// As templates write it.
    written: &'static str,
    /// As deployments show it.
    pub(crate) shown: &'static str,
    /// The engine's word for it in refusals.
    words: &'static str,
    kind: &'static str,
    pub(crate) is_secure: bool,
}

const TYPES: [Type; 7] = [
    Type { written: "string", shown: "String", words: "String, Uri", kind: "String", is_secure: false },
    Type { written: "securestring", shown: "SecureString", words: "String, Uri", kind: "String", is_secure: true },
    Type { written: "int", shown: "Int", words: "Integer", kind: "Integer", is_secure: false },
    Type { written: "bool", shown: "Bool", words: "Boolean", kind: "Boolean", is_secure: false },
    Type { written: "array", shown: "Array", words: "Array", kind: "Array", is_secure: false },
    Type { written: "object", shown: "Object", words: "Object", kind: "Object", is_secure: false },
    Type { written: "secureobject", shown: "SecureObject", words: "Object", kind: "Object", is_secure: true },
];

/// Members of a declaration that language version 2.0 knows.
const OF_LATER: [&str; 8] =
    ["properties", "additionalProperties", "items", "prefixItems", "nullable", "discriminator", "sealed", "$ref"];

/// The type of this name, in any case.
pub(crate) fn type_of(written: Option<&Value>) -> Result<Type, TemplateError> {
    let Some(written) = written.and_then(Value::as_str) else {
        return Err(TemplateError::new("Required property 'type' not found in JSON."));
    };
    let found = TYPES.into_iter().find(|known| known.written.eq_ignore_ascii_case(written));
    found.ok_or_else(|| TemplateError::new(format!("Requested value '{}' was not found.", shown(written))))
}

/// Checks a value against a type. `place` is `parameter 'p'` or `output 'o'`.
pub(crate) fn check_type(place: &str, wanted: Type, value: &Value) -> Result<(), TemplateError> {
    if kind(value) == wanted.kind {
        return Ok(());
    }
    Err(TemplateError::new(format!(
        "The provided value for the template {place} is not valid. Expected a value of type '{}', but received a value of type '{}'. Please see https://aka.ms/arm-create-parameter-file for usage details.",
        wanted.words,
        kind(value)
    )))
}

/// Puts all parameters in the evaluator, and checks their values.
pub(crate) fn declare<'a>(
    evaluator: &mut Evaluator<'a>,
    declared: &'a Map<String, Value>,
    given: &'a Map<String, Value>,
    secure: &Secure,
) -> Result<Vec<ShownParameter>, TemplateError> {
    check_count("input parameters", "arm-syntax-parameters", declared.len(), PARAMETERS_MAX)?;
    check_no_others(declared, given)?;
    for (name, declaration) in declared {
        let written = match given_value(name, find(given, name))? {
            Some(value) => Symbol::Known(value.clone()),
            None => match declaration.as_object().and_then(|declaration| find(declaration, "defaultValue")) {
                Some(value) if !value.is_null() => Symbol::Written(value),
                _ => {
                    return Err(TemplateError::new(format!(
                        "The value for the template parameter '{}' is not provided. Please see https://aka.ms/arm-create-parameter-file for usage details.",
                        shown(name)
                    )));
                }
            },
        };
        if evaluator.parameters.insert(name.to_ascii_lowercase(), written).is_some() {
            return Err(TemplateError::new(format!("The template declares the parameter '{}' twice.", shown(name))));
        }
    }
    let (mut all, mut bytes) = (Vec::with_capacity(declared.len()), 0);
    for (name, declaration) in declared {
        let parameter = checked(evaluator, name, declaration, secure)?;
        bytes += name.len() + parameter.value.as_ref().map_or(0, |value| value.to_string().len());
        if bytes > SHOWN_BYTES_MAX {
            return Err(TemplateError::new(format!(
                "The values of the template's parameters have more than {SHOWN_BYTES_MAX} bytes."
            )));
        }
        all.push(parameter);
    }
    Ok(all)
}

/// One parameter, with its value if that may be shown.
fn checked(
    evaluator: &mut Evaluator<'_>,
    name: &str,
    declaration: &Value,
    secure: &Secure,
) -> Result<ShownParameter, TemplateError> {
    let Some(declaration) = declaration.as_object() else {
        return Err(TemplateError::new(format!("The template parameter '{}' is no object.", shown(name))));
    };
    let wanted = type_of(find(declaration, "type"))?;
    if OF_LATER.iter().any(|member| find(declaration, member).is_some()) {
        return Err(TemplateError::new(
            "Template language version must be specified in order to use feature 'AggregateTypeValidation'.",
        ));
    }
    let value = evaluator.value_of_symbol(Table::Parameters, name)?;
    let place = format!("parameter '{}'", shown(name));
    check_type(&place, wanted, &value)?;
    check_depth(&place, &value)?;
    let rules = Rules { place: &place, wanted, declaration };
    rules.check_allowed(&value)?;
    rules.check_bounds(&value)?;
    let value = Some(value).filter(|_| !secure.has_parameter(name));
    Ok(ShownParameter { name: name.to_owned(), type_name: wanted.shown, value })
}

/// The parameters that are secure, and what is made of them.
pub(crate) fn secure(
    declared: &Map<String, Value>,
    variables: &Map<String, Value>,
    given: &Map<String, Value>,
) -> Secure {
    // A declaration that cannot be read stops the template.
    let is_secure = |declaration: &Value| {
        let type_name = declaration.as_object().and_then(|declaration| find(declaration, "type"));
        type_of(type_name).map_or(true, |found| found.is_secure)
    };
    let is_given = |name: &str| matches!(given_value(name, find(given, name)), Ok(Some(_)));
    Secure::of(declared, variables, is_secure, is_given)
}

/// `{"value": …}`; a null one is not given.
fn given_value<'a>(name: &str, given: Option<&'a Value>) -> Result<Option<&'a Value>, TemplateError> {
    let Some(given) = given.filter(|given| !given.is_null()) else { return Ok(None) };
    let wrong = |why: &str| TemplateError::new(format!("The parameter '{}' {why}.", shown(name)));
    let given = given.as_object().ok_or_else(|| wrong("is not given as an object with a member 'value'"))?;
    if find(given, "reference").is_some_and(|reference| !reference.is_null()) {
        let error = wrong("refers to a secret of a vault, which is not served here yet");
        return Err(TemplateError::later(error.to_string()));
    }
    Ok(find(given, "value").filter(|value| !value.is_null()))
}

fn check_no_others(declared: &Map<String, Value>, given: &Map<String, Value>) -> Result<(), TemplateError> {
    let folded: std::collections::HashSet<String> = declared.keys().map(|name| name.to_ascii_lowercase()).collect();
    let others: Vec<String> =
        given.keys().filter(|name| !folded.contains(&name.to_ascii_lowercase())).map(|name| shown(name)).collect();
    if others.is_empty() {
        return Ok(());
    }
    let known: Vec<String> = declared.keys().map(|name| shown(name)).collect();
    Err(TemplateError::new(format!(
        "The following parameters were supplied, but do not correspond to any parameters defined in the template: '{}'. The parameters defined in the template are: '{}'. Please see https://aka.ms/arm-pass-parameter-values for usage details.",
        others.join(", "),
        known.join(", ")
    )))
}

/// The rules of one declaration.
struct Rules<'a> {
    place: &'a str,
    wanted: Type,
    declaration: &'a Map<String, Value>,
}

impl Rules<'_> {
    fn refuse(&self, why: &str) -> TemplateError {
        TemplateError::new(format!("The provided value for the template {} is not valid. {why}", self.place))
    }

    /// `allowedValues`, exact in case; of an array each element.
    fn check_allowed(&self, value: &Value) -> Result<(), TemplateError> {
        let Some(Value::Array(allowed)) = find(self.declaration, "allowedValues") else { return Ok(()) };
        let is_allowed = match value {
            Value::Array(items) if !allowed.contains(value) => items.iter().all(|item| allowed.contains(item)),
            _ => allowed.contains(value),
        };
        if is_allowed {
            return Ok(());
        }
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let given = if self.wanted.is_secure { "*".to_owned() } else { shown(&text(value)) };
        let list: Vec<String> = allowed.iter().map(text).collect();
        Err(self
            .refuse(&format!("The value '{given}' is not part of the allowed value(s): '{}'.", shown(&list.join(",")))))
    }

    /// `minValue` and `maxValue` of integers, `minLength` and `maxLength` of texts and arrays.
    fn check_bounds(&self, value: &Value) -> Result<(), TemplateError> {
        let usage = "Please see https://aka.ms/arm-syntax-parameters for usage details.";
        let bounds = [
            ("minValue", true, false),
            ("maxValue", false, false),
            ("minLength", true, true),
            ("maxLength", false, true),
        ];
        for (name, is_least, is_length) in bounds {
            let Some(bound) = find(self.declaration, name).filter(|bound| !bound.is_null()) else { continue };
            let measured = match value {
                Value::Number(number) if !is_length => number.as_i64(),
                Value::String(text) if is_length => i64::try_from(text.encode_utf16().count()).ok(),
                Value::Array(items) if is_length => i64::try_from(items.len()).ok(),
                _ => None,
            };
            let (Some(measured), Some(bound)) = (measured, bound.as_i64()) else {
                return Err(self.not_for(is_length, usage));
            };
            let is_met = if is_least { measured >= bound } else { measured <= bound };
            if !is_met {
                let what = if is_length { "Length of the value" } else { "Value" };
                let word = if is_least { "greater" } else { "less" };
                return Err(self.refuse(&format!("{what} should be {word} than or equal to '{bound}'. {usage}")));
            }
        }
        Ok(())
    }

    fn not_for(&self, is_length: bool, usage: &str) -> TemplateError {
        let rule = if is_length {
            "Only 'String' and 'Array' type parameters can specify a minLength and maxLength"
        } else {
            "Only 'Int' type parameters can specify a minValue and maxValue"
        };
        TemplateError::new(format!(
            "The provided properties for the template {} are not valid. {rule}, but the target was of type '{}'. {usage}",
            self.place, self.wanted.kind
        ))
    }
}
