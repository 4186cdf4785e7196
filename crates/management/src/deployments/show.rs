//! The form of deployments and their operations on the wire.

use super::NAME;
use super::row::{Deployment, Part, parts};
use crate::command::Call;
use crate::fault::Fault;
use crate::order::conditions;
use crate::outcome::Shown;
use bonafide_store::Read;
use bonafide_template::Plan;
use bonafide_types::{Location, ResourceId, Timestamp};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The word for the state of a deployment.
pub(super) fn state(row: &Deployment) -> &'static str {
    match (row.ended_at, &row.failure) {
        (None, _) => "Running",
        _ if row.canceled => "Canceled",
        (Some(_), Some(_)) => "Failed",
        (Some(_), None) => "Succeeded",
    }
}

/// The etag of a deployment: each PUT makes another one, and so does its end. Source: ours; Azure has none.
pub(super) fn tag(row: &Deployment) -> String {
    conditions::etag_of_version(row.uuid.uuid(), row.ended_at.map_or(0, Timestamp::unix_micros))
}

/// A deployment.
pub(super) fn deployment(tx: &impl Read, group: &ResourceId, row: &Deployment) -> Result<Shown, Fault> {
    let parts = parts(tx, row)?;
    let all: Vec<Named<'_>> = parts.iter().map(Named::of_part).collect();
    let last = row.ended_at.unwrap_or(row.started_at);
    let mut properties = json!({
        "templateHash": row.template_hash,
        "parameters": row.parameters,
        "mode": "Incremental",
        "provisioningState": state(row),
        "timestamp": zone(last),
        "duration": duration(row.started_at, last),
        "correlationId": row.correlation.to_string(),
        "providers": providers(&all),
        "dependencies": dependencies(&all),
    });
    if let Some(outputs) = &row.outputs {
        properties["outputs"] = Value::Object(outputs.clone());
        let ids = parts.iter().map(|part| json!({ "id": part.id }));
        properties["outputResources"] = ids.collect();
    }
    if let Some(failure) = &row.failure {
        properties["error"] = json!(failure);
    }
    let mut body = json!({ "id": format!("{group}/providers/{NAME}/{}", row.name), "name": row.name, "type": NAME });
    if !row.tags.is_empty() {
        body["tags"] = Value::Object(row.tags.clone());
    }
    body["properties"] = properties;
    Ok(Shown { body, etag: Some(tag(row)) })
}

/// The answer to `validate`.
pub(super) fn validated(call: &Call<'_>, group: &ResourceId, name: &str, hash: &str, plan: &Plan) -> Value {
    let all: Vec<Named<'_>> = plan.resources.iter().map(Named::of_plan).collect();
    let parameters: Map<String, Value> = plan
        .parameters
        .iter()
        .map(|parameter| {
            let mut shown = json!({ "type": parameter.type_name });
            if let Some(value) = &parameter.value {
                shown["value"] = value.clone();
            }
            (parameter.name.clone(), shown)
        })
        .collect();
    json!({
        "id": format!("{group}/providers/{NAME}/{name}"),
        "name": name,
        "type": NAME,
        "properties": {
            "templateHash": hash,
            "parameters": parameters,
            "mode": "Incremental",
            "provisioningState": "Succeeded",
            "timestamp": zone(call.cx.world.now),
            "duration": "PT0S",
            "correlationId": call.command.correlation.to_string(),
            "providers": providers(&all),
            "dependencies": dependencies(&all),
            "validatedResources": all.iter().map(|named| json!({ "id": named.id })).collect::<Vec<_>>(),
        },
    })
}

/// A resource of a deployment, before or after it begins.
struct Named<'a> {
    id: &'a str,
    type_name: &'a str,
    name: &'a str,
    location: Option<Location>,
    after: Vec<usize>,
}

impl<'a> Named<'a> {
    fn of_part(part: &'a Part) -> Self {
        let after = part.after.iter().filter_map(|at| usize::try_from(*at).ok()).collect();
        let location = part.location.as_deref().and_then(Location::parse);
        Self { id: &part.id, type_name: &part.type_name, name: &part.name, location, after }
    }

    fn of_plan(planned: &'a bonafide_template::Planned) -> Self {
        let (location, after) = (planned.location.as_deref().and_then(Location::parse), planned.after.clone());
        Self { id: &planned.id, type_name: &planned.type_name, name: &planned.name, location, after }
    }

    fn shown(&self) -> Value {
        json!({ "id": self.id, "resourceType": self.type_name, "resourceName": self.name })
    }
}

/// The types of a deployment, by namespace.
fn providers(all: &[Named<'_>]) -> Value {
    let mut by_namespace: BTreeMap<&str, BTreeMap<&str, Vec<Option<&str>>>> = BTreeMap::new();
    for named in all {
        let (namespace, type_name) = named.type_name.split_once('/').unwrap_or((named.type_name, ""));
        let locations = by_namespace.entry(namespace).or_default().entry(type_name).or_default();
        let location = named.location.as_ref().map(Location::as_str);
        if !locations.contains(&location) {
            locations.push(location);
        }
    }
    let shown = by_namespace.into_iter().map(|(namespace, types)| {
        let types: Vec<Value> = types
            .into_iter()
            .map(|(name, locations)| json!({ "resourceType": name, "locations": locations }))
            .collect();
        json!({ "namespace": namespace, "resourceTypes": types })
    });
    shown.collect()
}

fn dependencies(all: &[Named<'_>]) -> Value {
    let waiting = all.iter().filter(|named| !named.after.is_empty());
    let shown = waiting.map(|named| {
        let after: Vec<Value> = named.after.iter().filter_map(|at| all.get(*at)).map(Named::shown).collect();
        let mut shown = json!({ "dependsOn": after });
        shown["id"] = named.id.into();
        shown["resourceType"] = named.type_name.into();
        shown["resourceName"] = named.name.into();
        shown
    });
    shown.collect()
}

/// An operation of a deployment; none for a resource whose turn has not come.
pub(super) fn operation(group: &ResourceId, row: &Deployment, at: u64, part: &Part) -> Option<Value> {
    let state = part.state.as_ref()?;
    let id = operation_id(at);
    let mut properties = json!({
        "provisioningOperation": "Create",
        "provisioningState": state.word.text(),
        "timestamp": zone(state.at),
        "duration": duration(state.started_at, state.at),
        "trackingId": row.correlation.to_string(),
        "statusCode": state.status,
        "targetResource": { "id": part.id, "resourceType": part.type_name, "resourceName": part.name },
    });
    if let Some(failure) = &state.failure {
        properties["statusMessage"] = json!({ "status": "Failed", "error": failure });
    }
    Some(json!({
        "id": format!("{group}/providers/{NAME}/{}/operations/{id}", row.name),
        "operationId": id,
        "properties": properties,
    }))
}

/// The name of the operation of the resource at a place: 16 digits of hexadecimals, as Azure's have.
fn operation_id(at: u64) -> String {
    format!("{:016X}", at + 1)
}

/// The place that an operation's name says.
pub(super) fn place(id: &str) -> Option<u64> {
    u64::from_str_radix(id, 16).ok().filter(|_| id.len() == 16)?.checked_sub(1)
}

fn zone(time: Timestamp) -> String {
    time.arm()
}

/// A span of time in the form of ISO 8601.
fn duration(from: Timestamp, to: Timestamp) -> String {
    let micros = to.unix_micros().saturating_sub(from.unix_micros());
    let (seconds, rest) = (micros / 1_000_000, micros % 1_000_000);
    if rest == 0 { format!("PT{seconds}S") } else { format!("PT{seconds}.{rest:06}S") }
}
