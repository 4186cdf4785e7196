//! GET and HEAD of a resource of any type, and how a resource looks.

use super::access::Access;
use super::place::{Found, chain_near, check_above};
use super::{api_version, conditions, derived};
use crate::command::{Call, Verb};
use crate::fault::Fault;
use crate::identity_block;
use crate::outcome::{Outcome, Shown};
use crate::resource_type::{Kind, Stored, View};
use crate::types;
use bonafide_core::access::{Chain, Sights};
use bonafide_core::directory::{Resource, Shown as Seen};
use bonafide_store::Read;
use bonafide_types::ResourceUuid;
use serde_json::{Map, Value};
use std::borrow::Cow;

/// Reads a resource.
pub(crate) fn get(tx: &impl Read, call: &Call<'_>, access: &Access) -> Result<Outcome, Fault> {
    let kind = call.resource()?.1;
    let found = readable(tx, call, access)?;
    let (uuid, resource) = &*found;
    if matches!(found, Cow::Borrowed(_)) || resource.id.is_of(&kind.name) {
        return Ok(Outcome::Shown(shown(tx, call, access, kind, (*uuid, resource))?));
    }
    // It lies elsewhere, with its own type and place.
    let kind = types::kind_of(resource).ok_or(Fault::NoSuchRoute)?;
    let chain = chain_near(tx, &access.place.chain, *uuid, resource)?;
    Ok(Outcome::Shown(shown_at(tx, call, (access, &chain), &kind, (*uuid, resource))?))
}

/// The resource that a call reads: a row, or one that is derived from others.
pub(crate) fn readable<'a>(tx: &impl Read, call: &Call<'_>, access: &'a Access) -> Result<Cow<'a, Found>, Fault> {
    let (id, kind) = call.resource()?;
    match derived::named(tx, &access.place, id, kind)? {
        Some(derived) => {
            api_version::check(call, kind, Some(&derived))?;
            Ok(Cow::Owned(derived))
        }
        None => existing(call, access).map(Cow::Borrowed),
    }
}

/// Says whether a resource is there.
pub(crate) fn head(tx: &impl Read, call: &Call<'_>, access: &Access) -> Result<Outcome, Fault> {
    readable(tx, call, access).map(|_| Outcome::Nothing)
}

/// The resource that a call is about.
pub(crate) fn existing<'a>(call: &Call<'_>, access: &'a Access) -> Result<&'a (ResourceUuid, Resource), Fault> {
    let (id, kind) = call.resource()?;
    api_version::check(call, kind, access.place.found.as_ref())?;
    check_above(&access.place, id, kind, "read")?;
    access.place.found.as_ref().ok_or_else(|| Fault::absent(id))
}

/// A resource as a call answers with it.
pub(crate) fn shown(
    tx: &impl Read,
    call: &Call<'_>,
    access: &Access,
    kind: &Kind,
    found: (ResourceUuid, &Resource),
) -> Result<Shown, Fault> {
    shown_at(tx, call, (access, &access.place.chain), kind, found)
}

fn shown_at(
    tx: &impl Read,
    call: &Call<'_>,
    (access, chain): (&Access, &Chain),
    kind: &Kind,
    (uuid, resource): (ResourceUuid, &Resource),
) -> Result<Shown, Fault> {
    let sights = Sights::new(tx, &access.grants, chain);
    let seen = sights.show(resource, &kind.name, || Ok::<_, Fault>(chain.clone()), is_shown)?;
    show(tx, call, kind, (uuid, resource), seen)
}

/// True for a member of a body that a resource shows; its location stands elsewhere.
pub(crate) fn is_shown(name: &str) -> bool {
    name != "location"
}

/// A resource as its caller reads it, in the order of the recordings. `seen` is what the caller may see of its body.
pub(crate) fn show(
    tx: &dyn Stored,
    call: &Call<'_>,
    kind: &Kind,
    (uuid, resource): (ResourceUuid, &Resource),
    mut seen: Seen,
) -> Result<Shown, Fault> {
    let mut properties = match seen.members.shift_remove("properties") {
        Some(Value::Object(properties)) => properties,
        _ => Map::new(),
    };
    let etag = conditions::etag_of_view(uuid, resource, seen.is_partial);
    let mut shown = head_of(call, kind, resource);
    shown.append(&mut seen.members);
    let command = call.command;
    let (version, query, now) = (&command.version, &command.query, call.cx.world.now);
    let (is_get, directory) = (matches!(command.verb, Verb::Get), call.cx.view);
    let view = View { tx, uuid, resource, version, query, is_get, now, directory };
    (kind.of.members)(&view, &mut shown)?;
    (kind.of.view)(&view, &mut properties)?;
    shown.insert("properties".to_owned(), Value::Object(properties));
    if kind.of.etag_in_body {
        shown.insert("etag".to_owned(), etag.as_str().into());
    }
    Ok(Shown { body: Value::Object(shown), etag: Some(etag) })
}

/// The first members of every resource, in lists of all types too. `tags` is never left out: az cannot set a
/// tag on a resource that has no `tags` (docs/wire/management.md).
pub(crate) fn head_of(call: &Call<'_>, kind: &Kind, resource: &Resource) -> Map<String, Value> {
    let mut shown = Map::new();
    shown.insert("name".to_owned(), resource.id.name().into());
    shown.insert("id".to_owned(), resource.id.to_string().into());
    let type_name = resource.id.type_name();
    shown.insert("type".to_owned(), kind.of.shown_as.unwrap_or(type_name.as_str()).into());
    if let Some(location) = resource.body.location() {
        shown.insert("location".to_owned(), location.into());
    }
    shown.insert("tags".to_owned(), Value::Object(resource.tags.clone()));
    let as_list = kind.lists_identities(&call.command.version);
    if let Some(identity) = identity_block::show(&resource.identity, resource.tenant, as_list) {
        shown.insert("identity".to_owned(), identity);
    }
    shown
}
