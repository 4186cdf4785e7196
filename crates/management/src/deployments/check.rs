//! A deployment before it begins: its plan, and whether each of its resources could be made by this caller.

use super::DeploymentError;
use super::asked::{self, Asked};
use crate::Cx;
use crate::command::{Call, Command, Conditions, Target, Verb};
use crate::fault::Fault;
use crate::operations::Failure;
use crate::order::access::{self, Access};
use crate::order::body::BodyError;
use crate::route;
use crate::types::location_of;
use bonafide_core::directory::SUBSCRIPTIONS;
use bonafide_core::tokens::Caller;
use bonafide_store::Read;
use bonafide_template::{Context, Group, Plan, Planned, Subscription, plan};
use bonafide_types::json::JsonError;
use bonafide_types::{ApiVersion, ResourceId, SubscriptionId};
use bonafide_wire::Parameters;
use http::Method;
use serde_json::{Map, Value};
use uuid::Uuid;

/// The version in which the providers are read that a template asks for. Source: ours; no answer depends on it.
const PROVIDERS_VERSION: &str = "2022-09-01";

/// Plans a deployment.
pub(super) fn planned(tx: &impl Read, call: &Call<'_>, access: &Access) -> Result<Plan, Fault> {
    let Asked { template, parameters } = asked::read(call.body()?)?;
    let context = context(tx, access)?;
    plan(template, parameters.unwrap_or(&Map::new()), &context).map_err(|error| {
        let text = format!("Deployment template validation failed: '{error}'.");
        if error.is_later() { DeploymentError::Later(text) } else { DeploymentError::Template(text) }.into()
    })
}

/// The reasons why a deployment could not be done, as far as rights, types and versions decide; none where it could.
pub(super) fn refusal(tx: &impl Read, call: &Call<'_>, name: &str, plan: &Plan) -> Result<Option<Fault>, Fault> {
    let mut details = Vec::new();
    for planned in &plan.resources {
        details.extend(refusal_of(tx, call, planned)?);
    }
    let refused =
        |details| DeploymentError::Refused { name: name.to_owned(), tracking: call.command.correlation, details };
    Ok(if details.is_empty() { None } else { Some(refused(details).into()) })
}

/// The place of a deployment, as its template sees it.
fn context(tx: &impl Read, access: &Access) -> Result<Context, Fault> {
    let Some((_, group)) = &access.place.group else { return Err(Fault::NoSuchRoute) };
    let id = group.id.subscription().ok_or(Fault::NoSuchRoute)?;
    let row = tx.get(&SUBSCRIPTIONS, &id)?.ok_or(Fault::SubscriptionNotFound(id))?;
    Ok(Context {
        tenant: row.tenant.to_string(),
        subscription: Subscription { id: id.to_string(), display_name: row.display_name },
        group: Group {
            name: group.id.name().to_owned(),
            location: location_of(group).unwrap_or_default().to_owned(),
            tags: group.tags.clone(),
            managed_by: None,
        },
    })
}

/// The reason why a resource could not be made, if it is known now.
fn refusal_of(tx: &impl Read, call: &Call<'_>, planned: &Planned) -> Result<Option<Failure>, Fault> {
    let of = |fault: Fault| Failure { target: Some(planned.id.clone()), ..fault.failure() };
    let part = Part { id: &planned.id, api_version: &planned.api_version };
    let command = match part.command(call.command.by.clone(), call.command.correlation, Ok(Map::new())) {
        Ok(command) => command,
        Err(fault) => return Ok(Some(of(fault))),
    };
    match access::enter(tx, &Call { cx: call.cx, command: &command }, &command.right()) {
        Ok(_) => Ok(None),
        Err(fault @ Fault::Store(_)) => Err(fault),
        Err(fault) => Ok(Some(of(fault))),
    }
}

/// The part of a resource of a deployment that makes it a command.
pub(super) struct Part<'a> {
    pub(super) id: &'a str,
    pub(super) api_version: &'a str,
}

impl Part<'_> {
    /// The command that makes the resource.
    pub(super) fn command(
        &self,
        by: Caller,
        correlation: Uuid,
        body: Result<Map<String, Value>, BodyError>,
    ) -> Result<Command, Fault> {
        of_resource(command(&Method::PUT, self.id, self.api_version, by, correlation, body)?)
    }
}

/// The command that reads a resource.
pub(super) fn get(cx: &Cx<'_>, id: &ResourceId, version: &str, by: Caller) -> Result<Command, Fault> {
    of_resource(get_path(cx, id.as_str(), version, by)?)
}

/// The command that reads a provider in a subscription.
pub(super) fn get_provider(cx: &Cx<'_>, id: SubscriptionId, namespace: &str, by: Caller) -> Result<Command, Fault> {
    get_path(cx, &format!("/subscriptions/{id}/providers/{namespace}"), PROVIDERS_VERSION, by)
}

fn get_path(cx: &Cx<'_>, path: &str, version: &str, by: Caller) -> Result<Command, Fault> {
    let (correlation, no_body) = (cx.world.entropy.guid(), BodyError::Json(JsonError::NotAnObject));
    command(&Method::GET, path, version, by, correlation, Err(no_body))
}

/// A template names resources: no lists, no actions, and no endpoints.
fn of_resource(command: Command) -> Result<Command, Fault> {
    match (command.verb, &command.target) {
        (Verb::Put | Verb::Get, Target::Resource(..) | Target::Own(..)) => Ok(command),
        _ => Err(Fault::PathInvalid("it is not the id of a resource".to_owned())),
    }
}

fn command(
    method: &Method,
    path: &str,
    version: &str,
    by: Caller,
    correlation: Uuid,
    body: Result<Map<String, Value>, BodyError>,
) -> Result<Command, Fault> {
    // A template writes names as they are; in a path, a percent sign begins a code.
    let (verb, target) = route::read(method, &path.replace('%', "%25")).map_err(|fault| fault.of_version(version))?;
    let version: ApiVersion = version.parse().map_err(|_| Fault::ApiVersionMissing)?;
    let (query, conditions) = (Parameters::default(), Conditions::default());
    Ok(Command { verb, target, path: path.to_owned(), query, version, by, correlation, conditions, uuid: None, body })
}
