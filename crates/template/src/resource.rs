//! One resource of a template: its type, name and id, what it waits for, and its body.

use crate::error::{TemplateError, shown};
use crate::evaluate::Evaluator;
use crate::expression::Expression;
use crate::ids;
use crate::json::{find, kind};
use crate::residue::{Node, Residue};
use crate::secure::Secure;
use serde_json::{Map, Value};

/// Members that say how a resource is deployed; all others are its body.
const OF_DEPLOYMENT: [&str; 8] =
    ["type", "apiVersion", "name", "dependsOn", "scope", "condition", "comments", "resources"];
/// Members that may ask for what is deployed. Source: Microsoft's deployments engine.
const LATE: [&str; 3] = ["properties", "tags", "sku"];
/// Members of the language that are not served yet.
const LATER: [&str; 4] = ["copy", "existing", "asserts", "import"];
/// Copies of a resource's type and name in its ids and in the index by which it is found, room for growth included. Source: counted.
const COPIES: usize = 16;
const DEPLOYMENTS: &str = "Microsoft.Resources/deployments";

/// A resource as a template writes it, nested ones apart.
pub(crate) struct Written<'a> {
    pub(crate) members: &'a Map<String, Value>,
    /// The type and name of the resource that it is nested in.
    pub(crate) parent: Option<(String, String)>,
    pub(crate) secure: &'a Secure,
}

/// A resource whose turn is known.
#[derive(Debug)]
pub(crate) struct Read {
    pub(crate) id: String,
    pub(crate) type_name: String,
    pub(crate) name: String,
    pub(crate) api_version: String,
    /// As they were written, expressions evaluated.
    pub(crate) depends_on: Vec<String>,
    /// Its location; none that is made of a secure value.
    pub(crate) location: Option<String>,
    /// Its body; none where its condition is not met.
    pub(crate) body: Option<Residue>,
    /// True when its body may use a secure value.
    pub(crate) uses_secure: bool,
}

/// The type and name of a resource, for those nested in it.
pub(crate) fn head(evaluator: &mut Evaluator<'_>, written: &Written<'_>) -> Result<(String, String), TemplateError> {
    let text = |name: &str| find(written.members, name).and_then(Value::as_str).unwrap_or_default();
    let own = text("type");
    let written_name = text("name");
    if own.is_empty() {
        return Err(TemplateError::new("Required property 'type' not found in JSON.").of_resource(written_name));
    }
    let name = match find(written.members, "name") {
        None | Some(Value::Null) => Value::Null,
        Some(name) => evaluator.value(name).map_err(|error| error.of_resource(written_name))?,
    };
    let own_name = match &name {
        Value::String(name) if !name.is_empty() => name.as_str(),
        Value::String(_) | Value::Null => {
            return Err(TemplateError::new(format!(
                "The template resource '{}' of type '{}' is not valid. The name property cannot be null or empty. Please see https://aka.ms/arm-syntax-resources for usage details.",
                shown(written_name),
                shown(own)
            )));
        }
        other => {
            let error = format!(
                "Evaluation result of language expression '{}' is type '{}', expected type is 'String'.",
                shown(&other.to_string()),
                kind(other)
            );
            return Err(TemplateError::new(error).of_resource(written_name));
        }
    };
    check_segments(own, own_name, written.parent.is_some())?;
    Ok(match &written.parent {
        // A nested one may write its type in full.
        Some((type_name, name)) if !own.contains('.') => (format!("{type_name}/{own}"), format!("{name}/{own_name}")),
        Some((type_name, name))
            if own.rsplit_once('/').is_some_and(|(above, _)| above.eq_ignore_ascii_case(type_name)) =>
        {
            (own.to_owned(), format!("{name}/{own_name}"))
        }
        _ => (own.to_owned(), own_name.to_owned()),
    })
}

fn check_segments(type_name: &str, name: &str, is_nested: bool) -> Result<(), TemplateError> {
    let given = name.split('/').count();
    if type_name.split('/').chain(name.split('/')).any(str::is_empty) {
        return Err(TemplateError::new(format!(
            "The template resource '{}' of type '{}' is not valid: no segment of its type and its name can be empty. Please see https://aka.ms/arm-syntax-resources for usage details.",
            shown(name),
            shown(type_name)
        )));
    }
    let wanted =
        if is_nested && !type_name.contains('.') { type_name.split('/').count() } else { ids::names_of(type_name) };
    // One that is nested and writes its type in full has the name of its own level.
    if given == wanted || (is_nested && type_name.contains('.') && given == 1) {
        return Ok(());
    }
    Err(TemplateError::new(format!(
        "The template resource '{}' of type '{}' has an invalid name. The name '{0}' contains '{given}' name segment(s) separated by '/', but '{wanted}' segment(s) were expected. Please see https://aka.ms/arm-syntax-resources for usage details.",
        shown(name),
        shown(type_name)
    )))
}

/// Refuses what is not served yet, before anything is evaluated: a name may use the index of a copy.
pub(crate) fn check_served(members: &Map<String, Value>) -> Result<(), TemplateError> {
    let text = |name: &str| find(members, name).and_then(Value::as_str).unwrap_or_default();
    let of = |why: String| TemplateError::later(why).of_resource(text("name"));
    if let Some(member) = LATER.iter().find(|member| find(members, member).is_some_and(|value| !value.is_null())) {
        return Err(of(format!("Resources with '{member}' are not served here yet")));
    }
    if text("type").eq_ignore_ascii_case(DEPLOYMENTS) {
        return Err(of("Deployments nested in a template are not served here yet".to_owned()));
    }
    Ok(())
}

/// Reads a resource whose type and name are known.
pub(crate) fn read(
    evaluator: &mut Evaluator<'_>,
    written: &Written<'_>,
    (type_name, name): (String, String),
) -> Result<Read, TemplateError> {
    let members = written.members;
    let of = |error: TemplateError| error.of_resource(&name);
    evaluator.take((type_name.len() + name.len()) * COPIES).map_err(of)?;
    let id = id_of(evaluator, members, &type_name, &name).map_err(of)?;
    let is_wanted = condition(evaluator, find(members, "condition")).map_err(of)?;
    let api_version = match find(members, "apiVersion").filter(|_| is_wanted) {
        // It is stored and shown as the name is, and no client needs one that is secret.
        Some(version) if written.secure.is_used_by(version) => {
            return Err(of(TemplateError::new("its apiVersion uses a secure parameter")));
        }
        Some(version) => evaluator.value(version).map_err(of)?,
        None => Value::Null,
    };
    let api_version = match api_version {
        Value::String(version) => version,
        _ if !is_wanted => String::new(),
        _ => return Err(of(TemplateError::new("Required property 'apiVersion' not found in JSON"))),
    };
    let depends_on = depends_on(evaluator, find(members, "dependsOn").filter(|_| is_wanted)).map_err(of)?;
    let body = if is_wanted { Some(body(evaluator, members).map_err(of)?) } else { None };
    let uses_secure = members.iter().any(|(name, value)| is_of_body(name) && written.secure.is_used_by(value));
    let location = find(members, "location").filter(|location| !written.secure.is_used_by(location));
    let location = location.and(body.as_ref()).and_then(|body| body.text("location")).map(str::to_owned);
    Ok(Read { id, type_name, name, api_version, depends_on, location, body, uses_secure })
}

fn id_of(
    evaluator: &mut Evaluator<'_>,
    members: &Map<String, Value>,
    type_name: &str,
    name: &str,
) -> Result<String, TemplateError> {
    let names: Vec<&str> = name.split('/').collect();
    let Some(tail) = ids::tail(type_name, &names) else {
        return Err(TemplateError::new("its type and its name have not as many segments"));
    };
    let group = evaluator.context.group_id();
    let scope = match find(members, "scope").filter(|scope| !scope.is_null()) {
        None => group,
        Some(scope) => match evaluator.value(scope)? {
            Value::String(scope) if scope.is_empty() => group,
            Value::String(scope) if scope.starts_with('/') => scope.trim_end_matches('/').to_owned(),
            Value::String(scope) if scope.contains('/') => format!("{group}/providers/{scope}"),
            _ => return Err(TemplateError::new("its scope is not an id of a resource")),
        },
    };
    // Another group, or a scope above, is deployed to by a deployment of its own.
    let is_inside = scope.get(..evaluator.context.group_id().len()).is_some_and(|start| {
        start.eq_ignore_ascii_case(&evaluator.context.group_id())
            && matches!(scope.as_bytes().get(start.len()), None | Some(b'/'))
    });
    if !is_inside {
        return Err(TemplateError::new(format!(
            "its scope '{}' is not in the resource group of the deployment",
            shown(&scope)
        )));
    }
    Ok(format!("{scope}/providers/{tail}"))
}

fn condition(evaluator: &mut Evaluator<'_>, written: Option<&Value>) -> Result<bool, TemplateError> {
    match written {
        None | Some(Value::Null) => Ok(true),
        Some(written) => match evaluator.value(written)? {
            Value::Bool(is_met) => Ok(is_met),
            other => Err(TemplateError::new(format!(
                "its condition is of type '{}', where 'Boolean' is expected",
                kind(&other)
            ))),
        },
    }
}

fn depends_on(evaluator: &mut Evaluator<'_>, written: Option<&Value>) -> Result<Vec<String>, TemplateError> {
    let wrong = || TemplateError::new("its 'dependsOn' is not a list of texts");
    match written {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(items)) => items
            .iter()
            .filter(|item| !item.is_null())
            .map(|item| match evaluator.value(item)? {
                Value::String(text) => Ok(text),
                _ => Err(wrong()),
            })
            .collect(),
        Some(_) => Err(wrong()),
    }
}

fn is_of_body(name: &str) -> bool {
    !OF_DEPLOYMENT.iter().chain(&LATER).any(|known| known.eq_ignore_ascii_case(name))
}

fn body(evaluator: &mut Evaluator<'_>, members: &Map<String, Value>) -> Result<Residue, TemplateError> {
    let mut body = Vec::new();
    let mut is_known = true;
    for (name, value) in members {
        if !is_of_body(name) {
            continue;
        }
        let node = if LATE.iter().any(|late| late.eq_ignore_ascii_case(name)) {
            evaluator.residue(value)?.0
        } else {
            Node::Value(evaluator.value(value)?)
        };
        is_known &= matches!(node, Node::Value(_));
        body.push((name.clone(), node));
    }
    if !is_known {
        let named = |(name, node): (String, Node)| (Expression::Value(name.into()), node);
        return Ok(Residue(Node::Object(body.into_iter().map(named).collect())));
    }
    let known = body.into_iter().filter_map(|(name, node)| match node {
        Node::Value(value) => Some((name, value)),
        _ => None,
    });
    Ok(Residue::value(Value::Object(known.collect())))
}
