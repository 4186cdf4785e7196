//! PUT and PATCH of a resource of any type.

use super::access::Access;
use super::place::{Found, Place};
use super::{Input, api_version, audit, body, etag, linked, read, tags, unserved, write_only};
use crate::fault::Fault;
use crate::identity_block::{self, Asked, Verb};
use crate::operations;
use crate::providers::resources::groups;
use crate::providers::{Kind, USER_ASSIGNED_IDENTITY, location_of};
use bonafide_core::access::{Allowed, ScopeKey};
use bonafide_core::directory::{Change, RESOURCES, Resource, ResourceIdentity, apply, save};
use bonafide_store::{Read, Tx};
use bonafide_types::{Location, ResourceId, ResourceUuid};
use bonafide_wire::Reply;
use http::StatusCode;
use serde_json::{Map, Value};

/// Members of a body that are stored elsewhere, or are not the caller's to say.
const NOT_STORED: [&str; 7] = ["id", "name", "type", "tags", "identity", "etag", "systemData"];

/// Creates or replaces a resource.
pub(crate) fn put(
    tx: &mut Tx<'_>,
    input: &Input<'_>,
    access: Access,
    allowed: &Allowed,
    id: &ResourceId,
    kind: &Kind,
) -> Result<Reply, Fault> {
    api_version::check(input, kind, access.place.found.as_ref())?;
    check_above(&access.place, id, kind, "write")?;
    let sent = input.body()?;
    let old = access.place.found.clone();
    etag::check(input.request, old.as_ref().map(|(_, old)| old))?;
    let (uuid, mut new) = match &old {
        Some((uuid, old)) => (*uuid, Resource { body: replace(sent, old, kind), ..old.clone() }),
        None => create(input, &access.place, id, kind, sent)?,
    };
    check_location(sent, old.as_ref().map(|(_, old)| old), &mut new, kind)?;
    finish(tx, input, &access, allowed, Write { verb: Verb::Put, kind, sent, uuid, old: old.as_ref() }, new)
}

/// Changes some of a resource.
pub(crate) fn patch(
    tx: &mut Tx<'_>,
    input: &Input<'_>,
    access: Access,
    allowed: &Allowed,
    id: &ResourceId,
    kind: &Kind,
) -> Result<Reply, Fault> {
    api_version::check(input, kind, access.place.found.as_ref())?;
    check_above(&access.place, id, kind, "write")?;
    let (uuid, old) = access.place.found.clone().ok_or_else(|| Fault::ResourceNotFound(id.clone()))?;
    let sent = input.body()?;
    let mut new = old.clone();
    etag::check(input.request, Some(&old))?;
    body::patched(&mut new.body, &cleaned(sent, kind))?;
    check_location(sent, Some(&old), &mut new, kind)?;
    let found = (uuid, old);
    finish(tx, input, &access, allowed, Write { verb: Verb::Patch, kind, sent, uuid, old: Some(&found) }, new)
}

/// A write that has passed its checks up to the linked access.
struct Write<'a> {
    verb: Verb,
    kind: &'a Kind,
    sent: &'a Map<String, Value>,
    uuid: ResourceUuid,
    old: Option<&'a Found>,
}

/// Linked access, tags, identities, provider, audit.
fn finish(
    tx: &mut Tx<'_>,
    input: &Input<'_>,
    access: &Access,
    allowed: &Allowed,
    write: Write<'_>,
    mut new: Resource,
) -> Result<Reply, Fault> {
    let (kind, provider) = (write.kind, write.kind.provider);
    let action = format!("{}/write", kind.name);
    access.confirm(input, allowed, &action)?;
    unserved::check(input, kind, write.sent)?;
    let asked = read_identity(input, write.sent, kind)?;
    let change = match &asked {
        None => None,
        Some(asked) => {
            let replaced = linked::replaced(tx, asked, &new)?;
            let change = asked.change(write.verb, &new.identity, &replaced)?;
            linked::check(tx, input, access, &new, &action, &change.add)?;
            Some(change)
        }
    };
    // A deletion can take its time; identities can be taken away meanwhile, and nothing else changes.
    let adds = |change: &Change| !change.add.is_empty() || (change.system && new.identity.system.is_none());
    let only_identity = write.verb == Verb::Patch && write.sent.keys().all(|name| name == "identity");
    if !only_identity || change.as_ref().is_none_or(adds) {
        check_open(tx, &access.place)?;
    }
    if let Some(tags) = tags::read(write.sent)? {
        new.tags = tags;
    } else if write.verb == Verb::Put && write.old.is_some() {
        new.tags = Map::new();
    }
    if let Some(change) = change {
        let resource = new.id.clone();
        apply(tx, &input.cx.world, write.uuid, &mut new, &change)
            .map_err(|error| Fault::from_identity(resource, error))?;
    }
    if write.old.is_none() {
        provider.create(tx, &input.cx.world, write.uuid, &mut new)?;
    }
    save(tx, write.uuid, &mut new, input.cx.world.now)?;
    audit::record(tx, input, &action, new.id.as_str())?;
    Ok(reply(input, &write, &new))
}

/// The resource as it now is: the write is done, so that a client has nothing to wait for.
fn reply(input: &Input<'_>, write: &Write<'_>, new: &Resource) -> Reply {
    let status = if write.old.is_none() { write.kind.provider.created(&write.kind.name) } else { StatusCode::OK };
    let shown = read::show(input, write.kind, write.uuid, new);
    Reply::json(status, &shown).with("etag", &etag::of(new))
}

/// Neither the group nor the resource nor anything between them may be on its way out.
fn check_open(tx: &impl Read, place: &Place) -> Result<(), Fault> {
    if let Some((_, group)) = place.group.as_ref().filter(|(_, group)| groups::is_being_deleted(group)) {
        return Err(Fault::GroupBeingDeleted(group.id.name().to_owned()));
    }
    for scope in place.chain.scopes() {
        if let ScopeKey::Resource(uuid) = scope
            && operations::is_being_deleted(tx, *uuid)?
        {
            let going = tx.get(&RESOURCES, uuid)?.ok_or(Fault::NoSuchRoute)?;
            return Err(Fault::BeingDeleted(going.id));
        }
    }
    Ok(())
}

/// The group and the parent must be there.
pub(crate) fn check_above(place: &Place, id: &ResourceId, kind: &Kind, verb: &str) -> Result<(), Fault> {
    if let Some(name) = id.resource_group()
        && place.group.is_none()
    {
        return Err(Fault::GroupNotFound(name.to_owned()));
    }
    let Some(parent) = id.parent() else { return Ok(()) };
    // By the form of the id, not by the parent's type: `providers/Microsoft.Resources/…` can be written anywhere.
    let in_group = id.group_id().is_some_and(|group| group == parent);
    let in_subscription = id.subscription().is_some_and(|id| ResourceId::of_subscription(id) == parent);
    if !in_group && !in_subscription && place.parent.is_none() {
        return Err(Fault::ParentNotFound { action: verb.to_owned(), parent, type_name: kind.name.to_string() });
    }
    Ok(())
}

/// A new resource, in Azure's spelling of its id.
fn create(
    input: &Input<'_>,
    place: &Place,
    id: &ResourceId,
    kind: &Kind,
    sent: &Map<String, Value>,
) -> Result<(ResourceUuid, Resource), Fault> {
    let refused = |rule| Fault::NameInvalid { name: id.name().to_owned(), type_name: kind.name.to_string(), rule };
    kind.provider.check_name(id.name()).map_err(refused)?;
    let new = Resource {
        id: canonical(place, id, kind)?,
        tenant: place.chain.tenant(),
        group: place.group.as_ref().map(|(uuid, _)| *uuid),
        parent: place.parent.as_ref().map(|(uuid, _)| *uuid),
        tags: Map::new(),
        identity: ResourceIdentity::default(),
        principal: None,
        body: cleaned(sent, kind),
        version: 0,
        created_at: input.cx.world.now,
        changed_at: input.cx.world.now,
    };
    Ok((ResourceUuid::random(input.cx.world.entropy), new))
}

/// The id with the spelling of what lies above it and of the type; the name stays as it was written.
/// User-assigned identities say `resourcegroups` (recording of azure-cli, 2023).
fn canonical(place: &Place, id: &ResourceId, kind: &Kind) -> Result<ResourceId, Fault> {
    let above = match (&place.parent, &place.group, id.subscription()) {
        (Some((_, parent)), _, _) => parent.id.to_string(),
        (None, Some((_, group)), _) => group.id.to_string(),
        (None, None, Some(subscription)) => format!("/subscriptions/{subscription}"),
        (None, None, None) => return Err(Fault::NoSuchRoute),
    };
    let (namespace, types) = kind.name.split_once('/').unwrap_or((&kind.name, ""));
    let text = match types.rsplit_once('/') {
        Some((_, child)) => format!("{above}/{child}/{}", id.name()),
        None => format!("{above}/providers/{namespace}/{types}/{}", id.name()),
    };
    let text = if kind.name == USER_ASSIGNED_IDENTITY {
        text.replacen("/resourceGroups/", "/resourcegroups/", 1)
    } else {
        text
    };
    let found = ResourceId::parse(&text).map_err(|error| Fault::PathInvalid(error.to_string()))?;
    // Only the spelling may differ: what was authorised and looked up is `id`.
    if found == *id { Ok(found) } else { Err(Fault::PathInvalid("it has a part that nothing lies below".to_owned())) }
}

/// What is stored of a body that is sent.
fn cleaned(sent: &Map<String, Value>, kind: &Kind) -> Map<String, Value> {
    let mut body = sent.clone();
    body.retain(|name, _| !NOT_STORED.contains(&name.as_str()));
    if let Some(Value::Object(properties)) = body.get_mut("properties") {
        let read_only = kind.provider.read_only();
        properties.retain(|name, _| !read_only.iter().any(|other| other.eq_ignore_ascii_case(name)));
    }
    write_only::drop_secrets(&mut body);
    body
}

/// The body after a PUT: what was sent, and the location that it had.
fn replace(sent: &Map<String, Value>, old: &Resource, kind: &Kind) -> Map<String, Value> {
    let mut body = cleaned(sent, kind);
    if !body.contains_key("location")
        && let Some(location) = old.body.get("location")
    {
        body.insert("location".to_owned(), location.clone());
    }
    body
}

/// Puts the location in its canonical form; it cannot change.
fn check_location(
    sent: &Map<String, Value>,
    old: Option<&Resource>,
    new: &mut Resource,
    kind: &Kind,
) -> Result<(), Fault> {
    let is = old.and_then(location_of);
    let location = match sent.get("location") {
        None | Some(Value::Null) => is.map(str::to_owned),
        Some(Value::String(text)) => {
            let name: String = text.chars().take(64).collect();
            Some(
                Location::parse(text)
                    .ok_or_else(|| Fault::BodyInvalid(format!("'{name}' is not a location")))?
                    .to_string(),
            )
        }
        Some(_) => return Err(Fault::BodyInvalid("'location' is not a string".to_owned())),
    };
    match (is, location) {
        (Some(is), Some(asked)) if is != asked => {
            Err(Fault::OtherLocation { id: new.id.clone(), is: is.to_owned(), asked })
        }
        (_, Some(location)) => {
            new.body.insert("location".to_owned(), location.into());
            Ok(())
        }
        (_, None) if kind.provider.location_required() => Err(Fault::LocationMissing),
        (_, None) => {
            new.body.shift_remove("location");
            Ok(())
        }
    }
}

fn read_identity(input: &Input<'_>, sent: &Map<String, Value>, kind: &Kind) -> Result<Option<Asked>, Fault> {
    let block = match sent.get("identity") {
        None | Some(Value::Null) => return Ok(None),
        Some(block) => block,
    };
    if !kind.provider.identities() {
        return Err(Fault::IdentityNotSupported { type_name: kind.name.to_string() });
    }
    let list_allowed = kind.provider.identity_map_from().is_some_and(|date| !input.version.at_least(date));
    identity_block::read(block, list_allowed)
}
