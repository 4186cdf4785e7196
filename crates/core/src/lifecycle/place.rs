//! Putting workloads on hosts, and keeping their placements up to date.

use super::budget::Budget;
use super::extension::extension_of;
use super::withdrawn_keys::withdraw_keys;
use crate::access::{Allowed, ScopeKey, WrongProof};
use crate::directory::{PRINCIPALS, RESOURCES, Resource};
use crate::placement::{EXTENSION_STATUS, PLACEMENTS, PLACEMENTS_OF_WORKLOAD, PlacedIdentity, Placement};
use bonafide_store::{Read, StoreError, Tx};
use bonafide_types::{HostId, ObjectId, ResourceId, ResourceUuid};
use std::collections::BTreeSet;

/// Hosts that run one workload. Source: ours; a change of the workload is one transaction with all of them.
pub const WORKLOAD_HOSTS_MAX: usize = 100;

/// The reason why a workload was not put on a host.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// It runs on [`WORKLOAD_HOSTS_MAX`] hosts.
    #[error("'{0}' runs on {WORKLOAD_HOSTS_MAX} hosts, the most it can run on")]
    TooManyHosts(ResourceId),
    /// The proof of permission is for something else.
    #[error(transparent)]
    WrongProof(#[from] WrongProof),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Puts a workload on a host. `allowed` is the proof of a write on the workload.
pub fn place(
    tx: &mut Tx<'_>,
    allowed: &Allowed,
    host: HostId,
    uuid: ResourceUuid,
    resource: &Resource,
) -> Result<(), PlaceError> {
    allowed.confirm_write(resource.tenant, ScopeKey::of(uuid, resource), resource.id.type_name().as_str())?;
    let hosts = tx.many(&PLACEMENTS_OF_WORKLOAD, &uuid, None, WORKLOAD_HOSTS_MAX)?;
    if hosts.len() == WORKLOAD_HOSTS_MAX && !hosts.contains(&(host, uuid)) {
        return Err(PlaceError::TooManyHosts(resource.id.clone()));
    }
    let placement = living(tx, describe(tx, uuid, resource)?, &BTreeSet::new())?;
    Ok(tx.put(&PLACEMENTS, &(host, uuid), &placement)?)
}

/// Brings a workload's rows up to date after a change of the resource, and withdraws from each host
/// the keys of identities that no workload there has any more.
pub(super) fn refresh(tx: &mut Tx<'_>, uuid: ResourceUuid, resource: &Resource) -> Result<(), StoreError> {
    let mut budget = Budget::of_one_write();
    for key in tx.many(&PLACEMENTS_OF_WORKLOAD, &uuid, None, WORKLOAD_HOSTS_MAX)? {
        let Some(old) = tx.get(&PLACEMENTS, &key)? else { continue };
        let known = principals(&old);
        let new = living(tx, describe(tx, uuid, resource)?, &known)?;
        if new == old {
            continue;
        }
        if new.extension.is_none() && old.extension.is_some() {
            tx.delete(&EXTENSION_STATUS, &key)?;
        }
        tx.put(&PLACEMENTS, &key, &new)?;
        withdraw_keys(tx, key, known, &mut budget)?;
    }
    Ok(())
}

/// Brings the rows of a machine up to date after a change of an extension on it.
pub(super) fn refresh_machine(tx: &mut Tx<'_>, machine: ResourceUuid) -> Result<(), StoreError> {
    match tx.get(&RESOURCES, &machine)? {
        Some(row) => refresh(tx, machine, &row),
        None => Ok(()),
    }
}

/// Takes one identity from every host that runs a workload; on how many it was is returned.
pub(super) fn take_from_hosts(tx: &mut Tx<'_>, uuid: ResourceUuid, principal: ObjectId) -> Result<usize, StoreError> {
    let mut changed = 0;
    for key in tx.many(&PLACEMENTS_OF_WORKLOAD, &uuid, None, WORKLOAD_HOSTS_MAX)? {
        if let Some(mut placement) = tx.get(&PLACEMENTS, &key)?
            && placement.identity(principal).is_some()
        {
            placement.identities.retain(|identity| identity.principal != principal);
            tx.put(&PLACEMENTS, &key, &placement)?;
            changed += 1;
        }
    }
    Ok(changed)
}

/// Takes a workload from every host.
pub(super) fn take_from_all(tx: &mut Tx<'_>, uuid: ResourceUuid) -> Result<(), StoreError> {
    let mut budget = Budget::of_one_write();
    for key in tx.many(&PLACEMENTS_OF_WORKLOAD, &uuid, None, WORKLOAD_HOSTS_MAX)? {
        let Some(old) = tx.get(&PLACEMENTS, &key)? else { continue };
        remove(tx, key)?;
        withdraw_keys(tx, key, principals(&old), &mut budget)?;
    }
    Ok(())
}

/// Takes a workload from one host.
pub fn take_away(tx: &mut Tx<'_>, host: HostId, uuid: ResourceUuid) -> Result<(), StoreError> {
    let Some(old) = tx.get(&PLACEMENTS, &(host, uuid))? else { return Ok(()) };
    remove(tx, (host, uuid))?;
    withdraw_keys(tx, (host, uuid), principals(&old), &mut Budget::of_one_write())
}

/// Removes a placement with what its host has reported of it.
fn remove(tx: &mut Tx<'_>, key: (HostId, ResourceUuid)) -> Result<(), StoreError> {
    tx.delete(&PLACEMENTS, &key)?;
    tx.delete(&EXTENSION_STATUS, &key)
}

fn principals(placement: &Placement) -> BTreeSet<ObjectId> {
    placement.identities.iter().map(|identity| identity.principal).collect()
}

/// A placement without identities that were deleted while assigned: they stay on the resource, but not
/// on its hosts. Those in `known` are known to live.
fn living(tx: &impl Read, mut placement: Placement, known: &BTreeSet<ObjectId>) -> Result<Placement, StoreError> {
    let mut identities = Vec::with_capacity(placement.identities.len());
    for identity in placement.identities {
        if known.contains(&identity.principal) || tx.get(&PRINCIPALS, &identity.principal)?.is_some() {
            identities.push(identity);
        }
    }
    placement.identities = identities;
    Ok(placement)
}

fn describe(tx: &impl Read, uuid: ResourceUuid, resource: &Resource) -> Result<Placement, StoreError> {
    let system = resource.identity.system.iter().map(|system| PlacedIdentity {
        principal: system.principal_id,
        client_id: system.client_id,
        user_assigned: None,
    });
    let users = resource.identity.users.iter().map(|user| PlacedIdentity {
        principal: user.principal.principal_id,
        client_id: user.principal.client_id,
        user_assigned: Some(user.id.clone()),
    });
    let location = resource.body.location().unwrap_or_default();
    let extension = if resource.power.is_running() { extension_of(tx, uuid, resource)? } else { None };
    Ok(Placement {
        resource_id: resource.id.clone(),
        tenant: resource.tenant,
        location: location.to_owned(),
        // A machine that is switched off asks for nothing, so that nobody may in its name.
        identities: system.chain(users).filter(|_| resource.power.is_running()).collect(),
        extension,
    })
}
