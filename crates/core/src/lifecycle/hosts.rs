//! Hosts that are resources: their rows come and go with the resources.

use super::budget::{Budget, Progress};
use super::deferred::defer;
use super::place;
use super::save::confirm_write;
use super::withdrawn_keys::WITHDRAWN;
use crate::access::{Allowed, Plane, ScopeKey, WrongProof};
use crate::directory::{HOST_TYPE, Resource};
use crate::placement::{self, HOSTS, Host, PLACEMENTS, Placed, host_of};
use bonafide_store::{Read, StoreError, Tx};
use bonafide_types::{HostId, ResourceUuid, World};
use std::collections::BTreeSet;

/// The right to make a token by which a machine joins as a host. Source: ours.
pub const CREATE_JOIN_TOKEN: &str = "Microsoft.Compute/hostGroups/hosts/createJoinToken/action";

/// The reason why a host was not changed.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// The proof of permission is for something else.
    #[error(transparent)]
    WrongProof(#[from] WrongProof),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Makes the row of a host that is a resource, where there is none. `allowed` is the proof of a write on the resource,
/// from before it was saved.
///
/// # Errors
/// [`HostError`].
pub fn register_host(tx: &mut Tx<'_>, allowed: &Allowed, uuid: ResourceUuid, host: &Resource) -> Result<(), HostError> {
    confirm_write(allowed, uuid, host)?;
    Ok(register(tx, uuid, host)?)
}

fn register(tx: &mut Tx<'_>, uuid: ResourceUuid, host: &Resource) -> Result<(), StoreError> {
    let id = host_of(uuid);
    match tx.get(&HOSTS, &id)? {
        Some(_) => Ok(()),
        None => tx.put(&HOSTS, &id, &Host::invited(host.id.name())),
    }
}

/// Lets a machine join as a host: stores the hash of a token that serves once. `allowed` is the proof of
/// [`CREATE_JOIN_TOKEN`] on the resource.
///
/// # Errors
/// [`HostError`].
pub fn create_join_token(
    tx: &mut Tx<'_>,
    world: &World<'_>,
    allowed: &Allowed,
    (uuid, host): (ResourceUuid, &Resource),
    token_hash: String,
) -> Result<(), HostError> {
    if !host.id.is_of(HOST_TYPE) {
        return Err(WrongProof.into());
    }
    allowed.confirm(host.tenant, ScopeKey::of(uuid, host), CREATE_JOIN_TOKEN, Plane::Control)?;
    Ok(placement::invite(tx, world, host_of(uuid), host.id.name(), token_hash)?)
}

/// Ends a host whose resource is going: it is unknown from here on, its invitations are void, and its placements go as far
/// as the budget goes.
pub(super) fn evict(tx: &mut Tx<'_>, host: HostId, budget: &mut Budget) -> Result<Progress, StoreError> {
    if tx.get(&HOSTS, &host)?.is_some() {
        tx.delete(&HOSTS, &host)?;
    }
    loop {
        let placed = tx.page(&PLACEMENTS, &host, None, budget.left())?;
        if placed.is_empty() {
            return Ok(if budget.is_spent() { Progress::Unfinished } else { Progress::Done });
        }
        for (key, row) in placed {
            // Its keys serve on its own connections only, and it has none any more.
            let taken: BTreeSet<_> = Placed::read(tx, row)?.identities().map(|identity| identity.principal).collect();
            place::remove(tx, key)?;
            defer(tx, &WITHDRAWN, &key, (!taken.is_empty()).then_some(taken))?;
            budget.take(1);
        }
    }
}
