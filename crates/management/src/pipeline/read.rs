//! GET and HEAD of a resource of any type, and how a resource looks.

use super::access::Access;
use super::{Input, api_version, etag, write};
use crate::fault::Fault;
use crate::identity_block;
use crate::providers::{Kind, View};
use bonafide_core::directory::Resource;
use bonafide_types::{ResourceId, ResourceUuid};
use bonafide_wire::Reply;
use http::StatusCode;
use serde_json::{Map, Value};

/// Reads a resource.
pub(crate) fn get(input: &Input<'_>, access: &Access, id: &ResourceId, kind: &Kind) -> Result<Reply, Fault> {
    let (uuid, resource) = existing(input, access, id, kind)?;
    Ok(Reply::json(StatusCode::OK, &show(input, kind, *uuid, resource)).with("etag", &etag::of(resource)))
}

/// Says whether a resource is there.
pub(crate) fn head(input: &Input<'_>, access: &Access, id: &ResourceId, kind: &Kind) -> Result<Reply, Fault> {
    existing(input, access, id, kind).map(|_| Reply::empty(StatusCode::NO_CONTENT))
}

/// The resource that a call is about.
pub(crate) fn existing<'a>(
    input: &Input<'_>,
    access: &'a Access,
    id: &ResourceId,
    kind: &Kind,
) -> Result<&'a (ResourceUuid, Resource), Fault> {
    api_version::check(input, kind, access.place.found.as_ref())?;
    write::check_above(&access.place, id, kind, "read")?;
    access.place.found.as_ref().ok_or_else(|| Fault::ResourceNotFound(id.clone()))
}

/// A resource as it is read, in the order of the recordings.
pub(crate) fn show(input: &Input<'_>, kind: &Kind, uuid: ResourceUuid, resource: &Resource) -> Map<String, Value> {
    let mut shown = head_of(input, kind, resource);
    for (name, value) in &resource.body {
        if name != "location" && name != "properties" {
            shown.insert(name.clone(), value.clone());
        }
    }
    let mut properties = match resource.body.get("properties") {
        Some(Value::Object(properties)) => properties.clone(),
        _ => Map::new(),
    };
    let view = View { uuid, resource, version: &input.version, query: &input.query };
    kind.provider.view(&view, &mut properties);
    shown.insert("properties".to_owned(), Value::Object(properties));
    if kind.provider.etag_in_body() {
        shown.insert("etag".to_owned(), etag::of(resource).into());
    }
    shown
}

/// What every resource begins with, in lists of all types too. `tags` is never left out: az cannot set a
/// tag on a resource that has no `tags` (docs/wire/management.md).
pub(crate) fn head_of(input: &Input<'_>, kind: &Kind, resource: &Resource) -> Map<String, Value> {
    let mut shown = Map::new();
    shown.insert("name".to_owned(), resource.id.name().into());
    shown.insert("id".to_owned(), resource.id.to_string().into());
    shown.insert("type".to_owned(), resource.id.type_name().as_str().into());
    if let Some(location) = resource.body.get("location") {
        shown.insert("location".to_owned(), location.clone());
    }
    shown.insert("tags".to_owned(), Value::Object(resource.tags.clone()));
    let as_list = kind.provider.identity_map_from().is_some_and(|date| !input.version.at_least(date));
    if let Some(identity) = identity_block::show(&resource.identity, resource.tenant, as_list) {
        shown.insert("identity".to_owned(), identity);
    }
    shown
}
