//! Resource groups.

use crate::fault::Fault;
use crate::filter;
use crate::operations::{self, Stage, Work};
use crate::pipeline::access::Access;
use crate::pipeline::list::{self, Source};
use crate::pipeline::{Input, api_version, audit, etag, tags, write};
use crate::providers::{Kind, ResourceType, location_of};
use bonafide_core::access::Allowed;
use bonafide_core::directory::{GROUP_TYPE, Resource, ResourceIdentity};
use bonafide_core::lifecycle::{self, Condemned};
use bonafide_store::{Read, Tx};
use bonafide_types::limits::RESOURCE_GROUP_NAME_BYTES_MAX;
use bonafide_types::{OperationId, ResourceId, ResourceUuid, SubscriptionId};
use bonafide_wire::Reply;
use http::StatusCode;
use serde_json::{Map, Value, json};

/// The oldest api-version of resource groups.
const OLDEST: &str = "2014-04-01";

struct Groups;

impl ResourceType for Groups {
    fn location_required(&self) -> bool {
        true
    }
}

fn kind() -> Kind {
    Kind { name: GROUP_TYPE.into(), provider: &Groups }
}

/// The type of anything stored, groups included.
pub(crate) fn kind_of(resource: &Resource) -> Option<Kind> {
    if resource.id.type_name().is(GROUP_TYPE) {
        return Some(kind());
    }
    crate::providers::kind_of(resource)
}

/// True when a group takes no new resources because it is being deleted.
pub(crate) fn is_being_deleted(group: &Resource) -> bool {
    group.body.get("deleting") == Some(&Value::Bool(true))
}

/// Creates or replaces a group.
pub(crate) fn put(
    tx: &mut Tx<'_>,
    input: &Input<'_>,
    access: &Access,
    allowed: &Allowed,
    id: &ResourceId,
) -> Result<Reply, Fault> {
    api_version::check_own(&input.version, OLDEST)?;
    let sent = input.body()?;
    let old = access.place.found.as_ref();
    etag::check(input.request, old.map(|(_, old)| old))?;
    let (uuid, mut group) = match old {
        Some((uuid, old)) => (*uuid, old.clone()),
        None => (ResourceUuid::random(input.cx.world.entropy), new(input, access, id)?),
    };
    write::check_location(sent, old.map(|(_, old)| old), &mut group, &kind())?;
    check_alive(&group)?;
    group.tags = tags::read(sent)?.unwrap_or_default();
    if let Some(Value::String(manager)) = sent.get("managedBy") {
        group.body.insert("managedBy".to_owned(), manager.clone().into());
    }
    let status = if old.is_some() { StatusCode::OK } else { StatusCode::CREATED };
    store(tx, input, access, allowed, uuid, group, status)
}

/// Changes a group's tags.
pub(crate) fn patch(
    tx: &mut Tx<'_>,
    input: &Input<'_>,
    access: &Access,
    allowed: &Allowed,
    id: &ResourceId,
) -> Result<Reply, Fault> {
    let (uuid, old) = existing(input, access, id)?;
    let sent = input.body()?;
    etag::check(input.request, Some(old))?;
    let mut group = old.clone();
    write::check_location(sent, Some(old), &mut group, &kind())?;
    check_alive(old)?;
    if let Some(tags) = tags::read(sent)? {
        group.tags = tags;
    }
    store(tx, input, access, allowed, *uuid, group, StatusCode::OK)
}

fn store(
    tx: &mut Tx<'_>,
    input: &Input<'_>,
    access: &Access,
    allowed: &Allowed,
    uuid: ResourceUuid,
    mut group: Resource,
    status: StatusCode,
) -> Result<Reply, Fault> {
    let action = format!("{GROUP_TYPE}/write");
    access.confirm(input, allowed, &action)?;
    lifecycle::save(tx, &input.cx.world, allowed, uuid, &mut group, None)
        .map_err(|error| Fault::from_save(&group.id, error))?;
    audit::record(tx, input, &action, group.id.as_str())?;
    Ok(Reply::json(status, &show(&group)).with("etag", &etag::of(&group)))
}

/// Reads a group.
pub(crate) fn get(input: &Input<'_>, access: &Access, id: &ResourceId) -> Result<Reply, Fault> {
    let (_, group) = existing(input, access, id)?;
    Ok(Reply::json(StatusCode::OK, &show(group)).with("etag", &etag::of(group)))
}

/// Says whether a group is there.
pub(crate) fn head(input: &Input<'_>, access: &Access, id: &ResourceId) -> Result<Reply, Fault> {
    existing(input, access, id).map(|_| Reply::empty(StatusCode::NO_CONTENT))
}

/// One page of the groups in a subscription.
pub(crate) fn page(
    tx: &impl Read,
    input: &Input<'_>,
    access: &Access,
    subscription: SubscriptionId,
) -> Result<Reply, Fault> {
    api_version::check_own(&input.version, OLDEST)?;
    let terms = filter::read(input.query.get("$filter"))?;
    let source = Source::TypeInSubscription(subscription, GROUP_TYPE.to_ascii_lowercase());
    let wanted = |group: &Resource| super::inventory::group_passes(&terms, group);
    list::page(tx, input, access, &source, wanted, |_, _, group| show(group))
}

/// Begins to delete a group: from here on it takes nothing new. What is in it goes in steps, which
/// `operations::advance` takes.
pub(crate) fn delete(
    tx: &mut Tx<'_>,
    input: &Input<'_>,
    access: &Access,
    allowed: &Allowed,
    id: &ResourceId,
    subscription: SubscriptionId,
) -> Result<OperationId, Fault> {
    let action = format!("{GROUP_TYPE}/delete");
    access.confirm(input, allowed, &action)?;
    let (uuid, old) = existing(input, access, id)?;
    etag::check(input.request, Some(old))?;
    let mut group = old.clone();
    group.body.insert("deleting".to_owned(), true.into());
    let condemned = Condemned::by(allowed, *uuid, &group)?;
    lifecycle::save_condemned(tx, &input.cx.world, condemned, &mut group)?;
    audit::record(tx, input, &action, group.id.as_str())?;
    let (tenant, principal) = (input.caller.tenant, input.caller.object_id);
    let work = Work::DeleteGroup { group: condemned, stage: Stage::default() };
    Ok(operations::start(tx, &input.cx.world, tenant, principal, subscription, work)?)
}

fn existing<'a>(input: &Input<'_>, access: &'a Access, id: &ResourceId) -> Result<&'a (ResourceUuid, Resource), Fault> {
    api_version::check_own(&input.version, OLDEST)?;
    access.place.found.as_ref().ok_or_else(|| Fault::GroupNotFound(id.name().to_owned()))
}

fn check_alive(group: &Resource) -> Result<(), Fault> {
    if is_being_deleted(group) { Err(Fault::GroupBeingDeleted(group.id.name().to_owned())) } else { Ok(()) }
}

/// Refuses a name with a character that no group's name has.
pub(crate) fn check_name(name: &str) -> Result<(), Fault> {
    let name: String = name.chars().take(RESOURCE_GROUP_NAME_BYTES_MAX).collect();
    let wrong: String = name.chars().filter(|c| !c.is_ascii_alphanumeric() && !"-_.()".contains(*c)).collect();
    if wrong.is_empty() { Ok(()) } else { Err(Fault::GroupNameInvalid { name, wrong }) }
}

fn new(input: &Input<'_>, access: &Access, id: &ResourceId) -> Result<Resource, Fault> {
    let name = id.name();
    check_name(name)?;
    let subscription = id.subscription().ok_or(Fault::NoSuchRoute)?;
    Ok(Resource {
        id: ResourceId::of_group(subscription, name).map_err(|error| Fault::PathInvalid(error.to_string()))?,
        tenant: access.place.chain.tenant(),
        group: None,
        parent: None,
        tags: Map::new(),
        identity: ResourceIdentity::default(),
        principal: None,
        body: Map::new(),
        version: 0,
        created_at: input.cx.world.now,
        changed_at: input.cx.world.now,
    })
}

fn show(group: &Resource) -> Value {
    let state = if is_being_deleted(group) { "Deleting" } else { "Succeeded" };
    let mut shown = json!({
        "id": group.id.as_str(),
        "name": group.id.name(),
        "type": "Microsoft.Resources/resourceGroups",
        "location": location_of(group).unwrap_or_default(),
        "tags": group.tags,
        "properties": { "provisioningState": state },
    });
    if let (Some(manager), Some(shown)) = (group.body.get("managedBy"), shown.as_object_mut()) {
        shown.insert("managedBy".to_owned(), manager.clone());
    }
    shown
}
