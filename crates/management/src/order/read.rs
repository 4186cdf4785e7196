//! GET and HEAD of a resource of any type, and how a resource looks.

use super::access::Access;
use super::place::check_above;
use super::{api_version, conditions, derived};
use crate::command::Call;
use crate::fault::Fault;
use crate::identity_block;
use crate::outcome::{Outcome, Shown};
use crate::resource_type::{Kind, Stored, View};
use bonafide_core::access::Sights;
use bonafide_core::directory::{Resource, Shown as Seen};
use bonafide_store::Read;
use bonafide_types::ResourceUuid;
use serde_json::{Map, Value};

/// Reads a resource.
pub(crate) fn get(tx: &impl Read, call: &Call<'_>, access: &Access) -> Result<Outcome, Fault> {
    let (id, kind) = call.resource()?;
    let derived = derived::named(&access.place, id, kind);
    let (uuid, resource) = match &derived {
        Some(derived) => {
            api_version::check(call, kind, Some(derived))?;
            derived
        }
        None => existing(call, access)?,
    };
    Ok(Outcome::Shown(shown(tx, call, access, kind, (*uuid, resource))?))
}

/// Says whether a resource is there.
pub(crate) fn head(call: &Call<'_>, access: &Access) -> Result<Outcome, Fault> {
    let (id, kind) = call.resource()?;
    match derived::named(&access.place, id, kind) {
        Some(derived) => api_version::check(call, kind, Some(&derived)).map(|()| Outcome::Nothing),
        None => existing(call, access).map(|_| Outcome::Nothing),
    }
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
    (uuid, resource): (ResourceUuid, &Resource),
) -> Result<Shown, Fault> {
    let chain = &access.place.chain;
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
    let view =
        View { tx, uuid, resource, version: &call.command.version, query: &call.command.query, now: call.cx.world.now };
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
