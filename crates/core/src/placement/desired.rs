//! Desired state: one row for each workload on each host, written in the same transaction as what it
//! follows from. Hosts watch these rows; nobody sends them messages.

use crate::directory::{PRINCIPALS, Resource};
use crate::leftovers::{ROWS_AT_ONCE, withdraw_keys};
use bonafide_store::{Index, Read, StoreError, Table, Tx};
use bonafide_types::limits::WORKLOAD_HOSTS_MAX;
use bonafide_types::{ClientId, HostId, ObjectId, ResourceId, ResourceUuid, TenantId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// A workload on a host, with the identities that it may use there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placement {
    /// The workload's ARM id.
    pub resource_id: ResourceId,
    /// Its tenant.
    pub tenant: TenantId,
    /// Its location.
    pub location: String,
    /// Its identities, the system-assigned one first.
    pub identities: Vec<PlacedIdentity>,
}

impl Placement {
    /// One of its identities.
    pub fn identity(&self, principal: ObjectId) -> Option<&PlacedIdentity> {
        self.identities.iter().find(|identity| identity.principal == principal)
    }
}

/// An identity of a placed workload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlacedIdentity {
    /// Its service principal.
    pub principal: ObjectId,
    /// What it signs in as.
    pub client_id: ClientId,
    /// The ARM id of a user-assigned identity; `None` for the system-assigned one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_assigned: Option<ResourceId>,
}

/// Placements by host and workload.
pub const PLACEMENTS: Table<(HostId, ResourceUuid), Placement> = Table::indexed("placement", |key, _, entries| {
    entries.many(&PLACEMENTS_OF_WORKLOAD, &key.1);
});

/// Placements by workload.
pub const PLACEMENTS_OF_WORKLOAD: Index<ResourceUuid, (HostId, ResourceUuid)> = Index::new("placement-of-workload");

/// Why a workload was not put on a host.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// It runs on [`WORKLOAD_HOSTS_MAX`] hosts.
    #[error("'{0}' runs on {WORKLOAD_HOSTS_MAX} hosts, the most it can run on")]
    TooManyHosts(ResourceId),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Puts a workload on a host.
pub fn place(tx: &mut Tx<'_>, host: HostId, uuid: ResourceUuid, resource: &Resource) -> Result<(), PlaceError> {
    let hosts = tx.many(&PLACEMENTS_OF_WORKLOAD, &uuid, None, WORKLOAD_HOSTS_MAX)?;
    if hosts.len() == WORKLOAD_HOSTS_MAX && !hosts.contains(&(host, uuid)) {
        return Err(PlaceError::TooManyHosts(resource.id.clone()));
    }
    let placement = living(tx, describe(resource), &BTreeSet::new())?;
    Ok(tx.put(&PLACEMENTS, &(host, uuid), &placement)?)
}

/// Brings a workload's rows up to date after a change of the resource, and withdraws from each host
/// the keys of identities that no workload there has any more.
pub fn refresh(tx: &mut Tx<'_>, uuid: ResourceUuid, resource: &Resource) -> Result<(), StoreError> {
    let mut room = ROWS_AT_ONCE;
    for key in tx.many(&PLACEMENTS_OF_WORKLOAD, &uuid, None, WORKLOAD_HOSTS_MAX)? {
        let Some(old) = tx.get(&PLACEMENTS, &key)? else { continue };
        let known = principals(&old);
        let new = living(tx, describe(resource), &known)?;
        if new != old {
            tx.put(&PLACEMENTS, &key, &new)?;
            withdraw_keys(tx, key, known, &mut room)?;
        }
    }
    Ok(())
}

/// Takes one identity from every host that runs a workload; on how many it was is returned.
pub(crate) fn forget_identity(tx: &mut Tx<'_>, uuid: ResourceUuid, principal: ObjectId) -> Result<usize, StoreError> {
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
pub fn remove(tx: &mut Tx<'_>, uuid: ResourceUuid) -> Result<(), StoreError> {
    let mut room = ROWS_AT_ONCE;
    for key in tx.many(&PLACEMENTS_OF_WORKLOAD, &uuid, None, WORKLOAD_HOSTS_MAX)? {
        let Some(old) = tx.get(&PLACEMENTS, &key)? else { continue };
        tx.delete(&PLACEMENTS, &key)?;
        withdraw_keys(tx, key, principals(&old), &mut room)?;
    }
    Ok(())
}

/// Takes a workload from one host.
pub fn take_away(tx: &mut Tx<'_>, host: HostId, uuid: ResourceUuid) -> Result<(), StoreError> {
    let Some(old) = tx.get(&PLACEMENTS, &(host, uuid))? else { return Ok(()) };
    tx.delete(&PLACEMENTS, &(host, uuid))?;
    withdraw_keys(tx, (host, uuid), principals(&old), &mut { ROWS_AT_ONCE })
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

fn describe(resource: &Resource) -> Placement {
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
    let location = resource.body.get("location").and_then(|location| location.as_str()).unwrap_or_default();
    Placement {
        resource_id: resource.id.clone(),
        tenant: resource.tenant,
        location: location.to_owned(),
        identities: system.chain(users).collect(),
    }
}
