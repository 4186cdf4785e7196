//! Management locks: what is locked, here or above, is not changed or not deleted, whatever roles grant.

use super::place::{Place, chain_near};
use crate::command::Call;
use crate::fault::Fault;
use bonafide_core::access::ScopeKey;
use bonafide_core::access::locks::{self, LockKey, LockLevel};
use bonafide_core::directory::RESOURCES;
use bonafide_store::Read;
use bonafide_types::{ResourceId, ResourceUuid, SubscriptionId};

/// Refuses to change what is read-only.
pub(crate) fn check_write(tx: &impl Read, call: &Call<'_>, place: &Place) -> Result<(), Fault> {
    let Some(subscription) = subscription_of(place) else { return Ok(()) };
    for (key, lock) in locks::of_subscription(tx, subscription)? {
        if lock.level == LockLevel::ReadOnly && place.chain.scopes().contains(&key.1) {
            return refused(tx, call, "write", &key);
        }
    }
    Ok(())
}

/// Refuses to delete what is locked, or has something locked below it.
pub(crate) fn check_delete(tx: &impl Read, call: &Call<'_>, place: &Place) -> Result<(), Fault> {
    delete(tx, call, place, |key| Ok(place.chain.scopes().contains(&key.1) || is_below(tx, key, place)?))
}

/// Refuses to delete what is said of a scope, not the scope itself, where that is locked.
pub(crate) fn check_delete_at(tx: &impl Read, call: &Call<'_>, place: &Place) -> Result<(), Fault> {
    delete(tx, call, place, |key| Ok(place.chain.scopes().contains(&key.1)))
}

fn delete(
    tx: &impl Read,
    call: &Call<'_>,
    place: &Place,
    is_about: impl Fn(&LockKey) -> Result<bool, Fault>,
) -> Result<(), Fault> {
    let Some(subscription) = subscription_of(place) else { return Ok(()) };
    for (key, _) in locks::of_subscription(tx, subscription)? {
        if is_about(&key)? {
            return refused(tx, call, "delete", &key);
        }
    }
    Ok(())
}

/// True when a lock is on something that lies below a place.
pub(crate) fn is_below(tx: &impl Read, (_, scope, _): &LockKey, place: &Place) -> Result<bool, Fault> {
    let (ScopeKey::Group(uuid) | ScopeKey::Resource(uuid)) = scope else { return Ok(false) };
    let Some(resource) = tx.get(&RESOURCES, uuid)? else { return Ok(false) };
    Ok(chain_near(tx, &place.chain, *uuid, &resource)?.scopes().contains(&place.chain.scope()))
}

/// The subscription that a place lies in.
pub(crate) fn subscription_of(place: &Place) -> Option<SubscriptionId> {
    place.chain.subscription()
}

fn refused(tx: &impl Read, call: &Call<'_>, operation: &'static str, key: &LockKey) -> Result<(), Fault> {
    let of_resource = |uuid: &ResourceUuid| tx.get(&RESOURCES, uuid).map(|row| row.map(|row| row.id));
    let locked = match &key.1 {
        ScopeKey::Group(uuid) | ScopeKey::Resource(uuid) => of_resource(uuid)?,
        _ => Some(ResourceId::of_subscription(key.0)),
    };
    let locked = locked.map(|id| id.to_string()).unwrap_or_default();
    Err(Fault::Locked { scope: call.command.scope_text(), operation, locked })
}
