//! Owners of applications and service principals, and what a service principal owns.

use crate::asked::{Asked, read_id};
use crate::change::{Change, Done};
use crate::directory_objects::Objects;
use crate::fault::Fault;
use bonafide_core::directory::{OWNED, OWNERS};
use bonafide_core::lifecycle;
use bonafide_store::Read;
use bonafide_types::ObjectId;
use serde_json::Value;

/// Objects that a service principal is shown to own, at most. Source: ours; bounds one answer.
const OWNED_MAX: usize = 999;

/// `GET /applications/{id}/owners`, `GET /servicePrincipals/{id}/owners`.
pub(crate) fn list(asked: &Asked<'_>) -> Result<Value, Fault> {
    let owners = asked.tx.page(&OWNERS, &asked.named()?.id, None, usize::MAX)?;
    show(asked, owners.into_iter().map(|((_, owner), _)| owner))
}

/// `GET /servicePrincipals/{id}/ownedObjects`.
pub(crate) fn owned(asked: &Asked<'_>) -> Result<Value, Fault> {
    let (id, _) = asked.named_principal()?;
    let owned = asked.tx.many(&OWNED, &id, None, OWNED_MAX)?;
    show(asked, owned.into_iter().map(|(object, _)| object))
}

fn show(asked: &Asked<'_>, ids: impl Iterator<Item = ObjectId>) -> Result<Value, Fault> {
    let objects = Objects::new(asked)?;
    let mut items = Vec::new();
    for id in ids {
        items.extend(objects.print(id)?.map(|(_, object)| object));
    }
    Ok(asked.list("directoryObjects", items))
}

/// `POST /applications/{id}/owners/$ref`, `POST /servicePrincipals/{id}/owners/$ref`.
pub(crate) fn add(change: &mut Change<'_, '_>) -> Result<Done, Fault> {
    let object = change.named()?;
    let owner = change.reference()?;
    if change.asked().principal(owner)?.is_none() {
        return Err(Fault::NotFound(owner.to_string()));
    }
    let (tenant, world) = (change.request.who.tenant, change.request.cx.world);
    lifecycle::add_owner(change.tx, &world, change.allowed, (tenant, object.id), owner)?;
    Ok(Done::nothing(object.scope()))
}

/// `DELETE /applications/{id}/owners/{owner}/$ref`, `DELETE /servicePrincipals/{id}/owners/{owner}/$ref`.
pub(crate) fn remove(change: &mut Change<'_, '_>) -> Result<Done, Fault> {
    let object = change.named()?;
    let owner = read_id(change.request.captures.get("owner"))?;
    lifecycle::remove_owner(change.tx, change.allowed, (change.request.who.tenant, object.id), owner)?;
    Ok(Done::nothing(object.scope()))
}
