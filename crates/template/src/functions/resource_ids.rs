//! `resourceId` and its like: an id from a type and names, each checked against the other.

use crate::context::Context;
use crate::error::{TemplateError, shown};
use crate::ids;
use serde_json::Value;

/// `resourceId([subscription, [group,]] type, name, …)`.
pub(super) fn in_group(context: &Context, arguments: &[Value]) -> Result<Value, TemplateError> {
    let Asked { above, tail } = read("resourceId", arguments, 2)?;
    let group = match above.as_slice() {
        [] => context.group_id(),
        [group] => context.id_of_group(&context.subscription.id, group),
        [subscription, group, ..] => context.id_of_group(subscription, group),
    };
    Ok(format!("{group}/providers/{tail}").into())
}

/// `subscriptionResourceId([subscription,] type, name, …)`.
pub(super) fn in_subscription(context: &Context, arguments: &[Value]) -> Result<Value, TemplateError> {
    let Asked { above, tail } = read("subscriptionResourceId", arguments, 1)?;
    let subscription = above.first().copied().unwrap_or(&context.subscription.id);
    let scope = format!("/subscriptions/{subscription}");
    Ok(match tail.strip_prefix("Microsoft.Resources/resourceGroups/") {
        Some(group) => format!("{scope}/resourceGroups/{group}").into(),
        None => format!("{scope}/providers/{tail}").into(),
    })
}

/// `tenantResourceId(type, name, …)`.
pub(super) fn in_tenant(_: &Context, arguments: &[Value]) -> Result<Value, TemplateError> {
    Ok(format!("/providers/{}", read("tenantResourceId", arguments, 0)?.tail).into())
}

/// `extensionResourceId(scope, type, name, …)`.
pub(super) fn of_extension(_: &Context, arguments: &[Value]) -> Result<Value, TemplateError> {
    let function = "extensionResourceId";
    let Some((scope, rest)) = arguments.split_first() else { return Err(too_few(function)) };
    let scope = scope.as_str().unwrap_or_default();
    if !scope.starts_with('/') {
        return Err(TemplateError::new(format!(
            "Unable to evaluate template language function '{function}': the provided parent resource id '{}' is not a valid uri. {}",
            shown(scope),
            usage(function)
        )));
    }
    let tail = read(function, rest, 0)?.tail;
    Ok(format!("{}/providers/{tail}", scope.trim_end_matches('/')).into())
}

/// The arguments of such a function.
struct Asked<'a> {
    /// The scopes before the type.
    above: Vec<&'a str>,
    /// Type and names in turn.
    tail: String,
}

fn read<'a>(function: &str, arguments: &'a [Value], above_max: usize) -> Result<Asked<'a>, TemplateError> {
    if arguments.len() < 2 {
        return Err(too_few(function));
    }
    let texts: Vec<&str> = arguments.iter().filter_map(Value::as_str).collect();
    let types: Vec<usize> = (0..texts.len()).filter(|at| texts[*at].contains('/')).collect();
    let at = match types.as_slice() {
        [at] if *at <= above_max => *at,
        _ => {
            return Err(TemplateError::new(format!(
                "Unable to evaluate template language function '{function}': function requires exactly one multi-segmented argument which must be resource type including resource provider namespace. Current function arguments '{}'. {}",
                shown(&texts.join(",")),
                usage(function)
            )));
        }
    };
    let type_name = texts[at].strip_suffix('/').unwrap_or(texts[at]);
    let names = &texts[at + 1..];
    match ids::tail(type_name, names) {
        Some(tail) => Ok(Asked { above: texts[..at].to_vec(), tail }),
        None => Err(TemplateError::new(format!(
            "Unable to evaluate template language function '{function}': the type '{}' requires '{}' resource name argument(s). {}",
            shown(texts[at]),
            ids::names_of(type_name),
            usage(function)
        ))),
    }
}

fn too_few(function: &str) -> TemplateError {
    TemplateError::new(format!(
        "Unable to evaluate template language function '{function}'. At least two parameter should be provided. Please see https://aka.ms/arm-functions for usage details."
    ))
}

fn usage(function: &str) -> String {
    format!("Please see https://aka.ms/arm-resource-functions/#{} for usage details.", function.to_ascii_lowercase())
}
