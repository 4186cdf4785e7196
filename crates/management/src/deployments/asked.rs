//! The body of a deployment.

use super::NAME;
use crate::command::{Target, Verb};
use crate::fault::Fault;
use crate::fixed::Answer;
use crate::order::body::{self, BodyError};
use bonafide_template::read_lenient;
use bonafide_types::Excerpt;
use bonafide_types::json::JsonError;
use bonafide_types::limits::{JSON_MEMBERS_MAX, MANAGEMENT_BODY_BYTES_MAX};
use http::Method;
use serde_json::{Map, Value};

/// True where a body may be a template file as it was written.
pub(crate) fn is_lenient(target: &Target) -> bool {
    match target {
        Target::Own(_, kind, _) => kind.name == NAME,
        Target::Fixed(_, named) => !named.text("deployment").is_empty(),
        Target::Resource(..) => false,
    }
}

/// True of requests in which a template is evaluated, or a step of a deployment taken: they wait in a lane of their own,
/// which bounds how many evaluations there are at once.
pub(crate) fn evaluates(verb: Verb, target: &Target) -> bool {
    match target {
        Target::Own(_, kind, _) => kind.name == NAME && matches!(verb, Verb::Put),
        Target::Fixed(fixed, named) if !named.text("deployment").is_empty() => match fixed.answer {
            Answer::Operation(_) => true,
            Answer::Read(_) => fixed.route.method == Method::POST,
            Answer::Change(..) | Answer::Public(_) => false,
        },
        Target::Fixed(..) | Target::Resource(..) => false,
    }
}

/// Reads the body of a deployment: JSON, or else what az makes of a template file. In either form it has the limits of
/// every body, and members that are known in one spelling.
pub(crate) fn read_body(bytes: &[u8]) -> Result<Map<String, Value>, BodyError> {
    match body::read(bytes) {
        Err(BodyError::Json(JsonError::Malformed | JsonError::DuplicateMember)) => {
            let lenient = read_lenient(bytes, MANAGEMENT_BODY_BYTES_MAX, JSON_MEMBERS_MAX).map_err(BodyError::Json)?;
            body::read(Value::Object(lenient).to_string().as_bytes())
        }
        other => other,
    }
}

/// The deployment that a client asks for.
pub(super) struct Asked<'a> {
    pub(super) template: &'a Map<String, Value>,
    pub(super) parameters: Option<&'a Map<String, Value>>,
}

/// Members that say nothing that changes a deployment here.
const IGNORED: [&str; 6] = [
    "debugSetting",
    "expressionEvaluationOptions",
    "validationLevel",
    "provisioningState",
    "correlationId",
    "timestamp",
];

/// Reads the body of a deployment. What would change it and is not understood is refused.
pub(super) fn read(body: &Map<String, Value>) -> Result<Asked<'_>, Fault> {
    let invalid = |why: &str| Fault::BodyInvalid(why.to_owned());
    let Some(properties) = body.get("properties").and_then(Value::as_object) else {
        return Err(invalid("Required property 'properties' not found in JSON"));
    };
    let (mut template, mut parameters, mut mode) = (None, None, None);
    for (name, value) in properties.iter().filter(|(_, value)| !value.is_null()) {
        match name.to_ascii_lowercase().as_str() {
            "template" => template = Some(value),
            "parameters" => parameters = Some(value),
            "mode" => mode = Some(value),
            _ if IGNORED.iter().any(|known| known.eq_ignore_ascii_case(name)) => {}
            _ => {
                let name: String = Excerpt::of(name).into();
                return Err(invalid(&format!("'{name}' of a deployment is not supported; leave it out")));
            }
        }
    }
    match mode.and_then(Value::as_str) {
        Some(mode) if mode.eq_ignore_ascii_case("Incremental") => {}
        Some(mode) if mode.eq_ignore_ascii_case("Complete") => {
            return Err(invalid(
                "the mode 'Complete' is not supported: use 'Incremental', and delete what is left over",
            ));
        }
        _ => return Err(invalid("the 'mode' of a deployment is 'Incremental'")),
    }
    let object =
        |name: &str, value: &'_ Value| invalid(&format!("'{name}' is {}, where an object is expected", word(value)));
    let template = template.ok_or_else(|| invalid("Required property 'template' not found in JSON"))?;
    let template = template.as_object().ok_or_else(|| object("template", template))?;
    let parameters = match parameters {
        None => None,
        Some(value) => {
            let whole = value.as_object().ok_or_else(|| object("parameters", value))?;
            // A file of parameters as a whole has them one level deeper.
            let inner = whole.get("parameters").and_then(Value::as_object);
            Some(inner.filter(|_| whole.contains_key("$schema")).unwrap_or(whole))
        }
    };
    Ok(Asked { template, parameters })
}

fn word(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        _ => "a plain value",
    }
}
