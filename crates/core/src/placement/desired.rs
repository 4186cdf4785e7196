//! Desired state: one row for each workload on each host, written in the same transaction as what it
//! follows from. Hosts watch these rows; nobody sends them messages.

use crate::directory::{CREDENTIALS, PRINCIPALS, Resource};
use bonafide_store::{Index, Read, StoreError, Table, Tx};
use bonafide_types::{ClientId, HostId, ObjectId, ResourceId, ResourceUuid, TenantId};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;

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

/// Puts a workload on a host.
pub fn place(tx: &mut Tx<'_>, host: HostId, uuid: ResourceUuid, resource: &Resource) -> Result<(), StoreError> {
    let placement = living(tx, describe(resource), &HashSet::new())?;
    tx.put(&PLACEMENTS, &(host, uuid), &placement)
}

/// Brings a workload's rows up to date after a change of the resource, and withdraws from each host
/// the keys of identities that no workload there has any more.
pub fn refresh(tx: &mut Tx<'_>, uuid: ResourceUuid, resource: &Resource) -> Result<(), StoreError> {
    for key in tx.many(&PLACEMENTS_OF_WORKLOAD, &uuid, None, usize::MAX)? {
        let Some(old) = tx.get(&PLACEMENTS, &key)? else { continue };
        let known: HashSet<ObjectId> = old.identities.iter().map(|identity| identity.principal).collect();
        let new = living(tx, describe(resource), &known)?;
        if new != old {
            tx.put(&PLACEMENTS, &key, &new)?;
            withdraw_keys(tx, key.0, &old.identities)?;
        }
    }
    Ok(())
}

/// Takes one identity from every host that runs a workload.
pub fn forget_identity(tx: &mut Tx<'_>, uuid: ResourceUuid, principal: ObjectId) -> Result<(), StoreError> {
    for key in tx.many(&PLACEMENTS_OF_WORKLOAD, &uuid, None, usize::MAX)? {
        if let Some(mut placement) = tx.get(&PLACEMENTS, &key)? {
            placement.identities.retain(|identity| identity.principal != principal);
            tx.put(&PLACEMENTS, &key, &placement)?;
        }
    }
    Ok(())
}

/// Takes a workload from every host.
pub fn remove(tx: &mut Tx<'_>, uuid: ResourceUuid) -> Result<(), StoreError> {
    for key in tx.many(&PLACEMENTS_OF_WORKLOAD, &uuid, None, usize::MAX)? {
        let old = tx.get(&PLACEMENTS, &key)?;
        tx.delete(&PLACEMENTS, &key)?;
        withdraw_keys(tx, key.0, &old.map(|old| old.identities).unwrap_or_default())?;
    }
    Ok(())
}

/// A placement without identities that were deleted while assigned: they stay on the resource, but not
/// on its hosts. Those in `known` are known to live.
fn living(tx: &impl Read, mut placement: Placement, known: &HashSet<ObjectId>) -> Result<Placement, StoreError> {
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

/// Deletes the keys that a host made for identities which none of its workloads has any more.
fn withdraw_keys(tx: &mut Tx<'_>, host: HostId, candidates: &[PlacedIdentity]) -> Result<(), StoreError> {
    if candidates.is_empty() {
        return Ok(());
    }
    let placed: HashSet<ObjectId> = tx
        .page(&PLACEMENTS, &host, None, usize::MAX)?
        .into_iter()
        .flat_map(|(_, placement)| placement.identities.into_iter().map(|identity| identity.principal))
        .collect();
    for gone in candidates.iter().filter(|identity| !placed.contains(&identity.principal)) {
        for (key, credential) in tx.page(&CREDENTIALS, &gone.principal, None, usize::MAX)? {
            if credential.host == Some(host) {
                tx.delete(&CREDENTIALS, &key)?;
            }
        }
    }
    Ok(())
}
