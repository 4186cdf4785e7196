//! Management locks: what is locked, here or above, is not changed or not deleted, whatever roles grant.

use super::place::{Place, chain_at, chain_near};
use crate::command::Call;
use crate::fault::Fault;
use bonafide_core::access::locks::{self, Lock, LockKey, LockLevel};
use bonafide_core::access::{Chain, ScopeKey};
use bonafide_core::directory::{RESOURCES, Resource};
use bonafide_store::{Read, StoreError};
use bonafide_types::{ResourceId, ResourceUuid, SubscriptionId};
use std::collections::HashMap;

/// Refuses to change what is read-only.
pub(crate) fn check_write(tx: &impl Read, call: &Call<'_>, place: &Place) -> Result<(), Fault> {
    let Some(subscription) = subscription_of(place) else { return Ok(()) };
    for (key, lock) in locks::of_subscription(tx, subscription)? {
        if lock.level == LockLevel::ReadOnly && place.chain.scopes().contains(&key.1) {
            return Err(refused(tx, call.command.scope_text(), Operation::Write, &key)?);
        }
    }
    Ok(())
}

/// Refuses to delete what is locked, or has something locked below it.
pub(crate) fn check_delete(tx: &impl Read, call: &Call<'_>, place: &Place) -> Result<(), Fault> {
    delete(tx, call, place, |key| Ok(place.chain.scopes().contains(&key.1) || goes_with(tx, key, place)?))
}

/// Refuses to delete what is said of a scope, not the scope itself, where that is locked.
pub(crate) fn check_delete_at(tx: &impl Read, call: &Call<'_>, place: &Place) -> Result<(), Fault> {
    delete(tx, call, place, |key| Ok(place.chain.scopes().contains(&key.1)))
}

/// The operations that locks stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    Write,
    Delete,
}

/// Refuses an operation on resources that another request leads to: each is asked for as if the request named it.
pub(crate) fn check_each(
    tx: &impl Read,
    of: &Resource,
    resources: &[ResourceUuid],
    operation: Operation,
) -> Result<(), Fault> {
    locked(tx, of, resources, operation)?.map_or(Ok(()), Err)
}

/// The refusal of the first of some resources that is locked; they are in the subscription of `of`.
pub(crate) fn locked(
    tx: &impl Read,
    of: &Resource,
    resources: &[ResourceUuid],
    operation: Operation,
) -> Result<Option<Fault>, StoreError> {
    let Some(subscription) = of.subscription() else { return Ok(None) };
    let locks = locks::of_subscription(tx, subscription)?;
    if locks.is_empty() {
        return Ok(None);
    }
    let Some(near) = chain_at(tx, of.tenant, ScopeKey::Subscription(subscription))? else { return Ok(None) };
    let stopped = Stopped::by(tx, &near, locks, operation)?;
    for uuid in resources {
        let Some(resource) = tx.get(&RESOURCES, uuid)? else { continue };
        if let Some(key) = stopped.at(&chain_near(tx, &near, *uuid, &resource)?) {
            return refused(tx, resource.id.to_string(), operation, key).map(Some);
        }
    }
    Ok(None)
}

/// The scopes at which locks stop an operation.
struct Stopped {
    /// It stops at these and below them.
    inside: HashMap<ScopeKey, LockKey>,
    /// It stops at these, for what lies below them.
    above: HashMap<ScopeKey, LockKey>,
}

impl Stopped {
    fn by(tx: &impl Read, near: &Chain, locks: Vec<(LockKey, Lock)>, operation: Operation) -> Result<Self, StoreError> {
        let mut stopped = Self { inside: HashMap::new(), above: HashMap::new() };
        for (key, lock) in locks {
            if operation == Operation::Delete {
                let scopes = scopes_of(tx, &key, near)?.into_iter().map(|scope| (scope, key.clone()));
                stopped.above.extend(scopes);
            } else if lock.level != LockLevel::ReadOnly {
                continue;
            }
            stopped.inside.insert(key.1, key);
        }
        Ok(stopped)
    }

    fn at(&self, chain: &Chain) -> Option<&LockKey> {
        chain.scopes().iter().find_map(|scope| self.inside.get(scope)).or_else(|| self.above.get(&chain.scope()))
    }
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
            return Err(refused(tx, call.command.scope_text(), Operation::Delete, &key)?);
        }
    }
    Ok(())
}

/// True when a lock is on something that lies below a place.
pub(crate) fn is_below(tx: &impl Read, key: &LockKey, place: &Place) -> Result<bool, Fault> {
    Ok(scopes_of(tx, key, &place.chain)?.contains(&place.chain.scope()))
}

/// True when a lock is on something that goes with what a place is: it lies below it, or below a machine of the set.
fn goes_with(tx: &impl Read, key: &LockKey, place: &Place) -> Result<bool, Fault> {
    let scopes = scopes_of(tx, key, &place.chain)?;
    if scopes.contains(&place.chain.scope()) {
        return Ok(true);
    }
    let Some((set, _)) = place.found.as_ref().filter(|(_, row)| row.instances_made > 0) else { return Ok(false) };
    for scope in scopes {
        let ScopeKey::Resource(uuid) = scope else { continue };
        let row = tx.get(&RESOURCES, &uuid)?;
        if row.and_then(|row| row.set).is_some_and(|membership| membership.set == *set) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The scopes from the one that a lock is on outwards, where that is a group or lies in one.
fn scopes_of(tx: &impl Read, (_, scope, _): &LockKey, near: &Chain) -> Result<Vec<ScopeKey>, StoreError> {
    let (ScopeKey::Group(uuid) | ScopeKey::Resource(uuid)) = scope else { return Ok(Vec::new()) };
    let Some(resource) = tx.get(&RESOURCES, uuid)? else { return Ok(Vec::new()) };
    Ok(chain_near(tx, near, *uuid, &resource)?.scopes().to_vec())
}

/// The subscription that a place lies in.
pub(crate) fn subscription_of(place: &Place) -> Option<SubscriptionId> {
    place.chain.subscription()
}

fn refused(tx: &impl Read, scope: String, operation: Operation, key: &LockKey) -> Result<Fault, StoreError> {
    let locked = match &key.1 {
        ScopeKey::Group(uuid) | ScopeKey::Resource(uuid) => tx.get(&RESOURCES, uuid)?.map(|row| row.id),
        _ => Some(ResourceId::of_subscription(key.0)),
    };
    let operation = match operation {
        Operation::Write => "write",
        Operation::Delete => "delete",
    };
    Ok(Fault::Locked { scope, operation, locked: locked.map(|id| id.to_string()).unwrap_or_default() })
}
