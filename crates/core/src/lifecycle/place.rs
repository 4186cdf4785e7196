//! Putting workloads on hosts, and keeping their placements up to date.

use super::budget::Budget;
use super::extension::extension_of;
use super::instance_facts;
use super::on_host::OnHost;
use super::withdrawn_keys::withdraw_keys;
use crate::access::{Allowed, ScopeKey, WrongProof};
use crate::directory::{PRINCIPALS, RESOURCES, Resource};
use crate::placement::{
    EXTENSION_STATUS, IDENTITIES_OF_SETS, PLACEMENTS, PLACEMENTS_OF_SET, PLACEMENTS_OF_WORKLOAD, Placed,
    PlacedIdentity, Placement, SCHEDULED_EVENTS, SetIdentities, WORKLOAD_HOSTS_MAX, own,
};
use bonafide_store::{Read, StoreError, Tx};
use bonafide_types::{HostId, ObjectId, ResourceId, ResourceUuid};
use std::collections::BTreeSet;

/// Keys that are withdrawn from the hosts of a scale set at once, with one change of the set. Source: ours; bounds the
/// commit.
const WITHDRAWN_AT_ONCE: usize = 10_000;

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

/// Puts a workload on a host for a session there, which ends with [`take_away`]. `allowed` is the proof of a write on the
/// workload. One that is there for good stays so.
pub fn place(
    tx: &mut Tx<'_>,
    allowed: &Allowed,
    on: OnHost,
    uuid: ResourceUuid,
    resource: &Resource,
) -> Result<(), PlaceError> {
    allowed.confirm_write(resource.tenant, ScopeKey::of(uuid, resource), resource.id.type_name().as_str())?;
    match tx.get(&PLACEMENTS, &(on.host(), uuid))? {
        Some(_) => Ok(()),
        None => put(tx, on, uuid, resource, false),
    }
}

/// Writes the row of a placement; who calls it has the proof of a write on the workload.
pub(super) fn put(
    tx: &mut Tx<'_>,
    on: OnHost,
    uuid: ResourceUuid,
    resource: &Resource,
    lasting: bool,
) -> Result<(), PlaceError> {
    let host = on.host();
    let hosts = tx.many(&PLACEMENTS_OF_WORKLOAD, &uuid, None, WORKLOAD_HOSTS_MAX)?;
    if hosts.len() == WORKLOAD_HOSTS_MAX && !hosts.contains(&(host, uuid)) {
        return Err(PlaceError::TooManyHosts(resource.id.clone()));
    }
    let mut placement = Placement { lasting, ..describe(tx, uuid, resource)? };
    placement.own = living(tx, placement.own, &BTreeSet::new())?;
    placement.instance = Some(instance_facts::write(tx, uuid, resource)?);
    if let Some(membership) = placement.set {
        share(tx, membership.set)?;
    }
    Ok(tx.put(&PLACEMENTS, &(host, uuid), &placement)?)
}

/// Sees to it that the identities of a set are there for the placements of its instances.
fn share(tx: &mut Tx<'_>, set: ResourceUuid) -> Result<(), StoreError> {
    match (tx.get(&IDENTITIES_OF_SETS, &set)?, tx.get(&RESOURCES, &set)?) {
        (None, Some(row)) => {
            let identities = living_of_set(tx, &row, &BTreeSet::new())?;
            tx.put(&IDENTITIES_OF_SETS, &set, &identities)
        }
        _ => Ok(()),
    }
}

/// Brings a workload's rows up to date after a change of the resource, and withdraws from each host
/// the keys of identities that no workload there has any more.
pub(super) fn refresh(tx: &mut Tx<'_>, uuid: ResourceUuid, resource: &Resource) -> Result<(), StoreError> {
    let mut budget = Budget::of_one_write();
    let placements = tx.many(&PLACEMENTS_OF_WORKLOAD, &uuid, None, WORKLOAD_HOSTS_MAX)?;
    // One that is being deleted is deleted on a full disk, too: of it nothing new is told.
    let has_news = !placements.is_empty() && !resource.is_being_deleted();
    let facts = if has_news { Some(instance_facts::write(tx, uuid, resource)?) } else { None };
    for key in placements {
        let Some(old) = tx.get(&PLACEMENTS, &key)? else { continue };
        let old = Placed::read(tx, old)?;
        let known = principals(old.identities());
        let mut new = describe(tx, uuid, resource)?;
        new.own = living(tx, new.own, &known)?;
        new.instance = facts.clone().or_else(|| old.row.instance.clone());
        let old = old.row;
        new.lasting = old.lasting;
        if new == old {
            continue;
        }
        // A machine that is switched off keeps its extension, and what was last said of that.
        if new.extension.is_none() && old.extension.is_some() && resource.power.is_running() {
            tx.delete(&EXTENSION_STATUS, &key)?;
        }
        tx.put(&PLACEMENTS, &key, &new)?;
        let kept = principals(Placed::read(tx, new)?.identities());
        // To find who else has them, all placements of the host are read: only for those that are taken.
        let taken = known.difference(&kept).copied().collect();
        withdraw_keys(tx, key, taken, &mut budget)?;
    }
    refresh_instances(tx, uuid, resource, &mut budget)
}

/// Brings the identities that a set gives to its instances up to date, with one row for all of them.
fn refresh_instances(
    tx: &mut Tx<'_>,
    uuid: ResourceUuid,
    set: &Resource,
    budget: &mut Budget,
) -> Result<(), StoreError> {
    let Some(old) = tx.get(&IDENTITIES_OF_SETS, &uuid)? else { return Ok(()) };
    let known = principals(old.all());
    let new = living_of_set(tx, set, &known)?;
    if new == old {
        return Ok(());
    }
    tx.put(&IDENTITIES_OF_SETS, &uuid, &new)?;
    let taken: BTreeSet<ObjectId> = known.difference(&principals(new.all())).copied().collect();
    withdraw_from_set(tx, uuid, &taken, budget)
}

/// Withdraws keys from the hosts that run instances of a set. Those left over, where they are very many, are of no use
/// to anybody, and expire.
fn withdraw_from_set(
    tx: &mut Tx<'_>,
    set: ResourceUuid,
    taken: &BTreeSet<ObjectId>,
    budget: &mut Budget,
) -> Result<(), StoreError> {
    if taken.is_empty() {
        return Ok(());
    }
    let hosts: BTreeSet<HostId> =
        tx.many(&PLACEMENTS_OF_SET, &set, None, usize::MAX)?.into_iter().map(|(host, _)| host).collect();
    for host in hosts.into_iter().take(WITHDRAWN_AT_ONCE / taken.len()) {
        withdraw_keys(tx, (host, set), taken.clone(), budget)?;
    }
    Ok(())
}

/// Takes the identities of a set that is gone from its instances.
pub(super) fn forget_set(tx: &mut Tx<'_>, set: ResourceUuid) -> Result<(), StoreError> {
    match tx.get(&IDENTITIES_OF_SETS, &set)? {
        Some(_) => tx.delete(&IDENTITIES_OF_SETS, &set),
        None => Ok(()),
    }
}

/// Removes the events of a machine that is gone.
pub(super) fn forget_events(tx: &mut Tx<'_>, machine: ResourceUuid) -> Result<(), StoreError> {
    match tx.get(&SCHEDULED_EVENTS, &machine)? {
        Some(_) => tx.delete(&SCHEDULED_EVENTS, &machine),
        None => Ok(()),
    }
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
            && placement.own.iter().any(|identity| identity.principal == principal)
        {
            placement.own.retain(|identity| identity.principal != principal);
            tx.put(&PLACEMENTS, &key, &placement)?;
            changed += 1;
        }
    }
    if let Some(mut of_set) = tx.get(&IDENTITIES_OF_SETS, &uuid)? {
        of_set.retain(|identity| identity.principal != principal);
        tx.put(&IDENTITIES_OF_SETS, &uuid, &of_set)?;
        changed += 1;
    }
    Ok(changed)
}

/// Takes a workload from every host.
pub(super) fn take_from_all(tx: &mut Tx<'_>, uuid: ResourceUuid) -> Result<(), StoreError> {
    let mut budget = Budget::of_one_write();
    for key in tx.many(&PLACEMENTS_OF_WORKLOAD, &uuid, None, WORKLOAD_HOSTS_MAX)? {
        let Some(old) = tx.get(&PLACEMENTS, &key)? else { continue };
        let old = Placed::read(tx, old)?;
        remove(tx, key)?;
        withdraw_keys(tx, key, principals(old.identities()), &mut budget)?;
    }
    Ok(())
}

/// Takes a workload from a host where it was for a session; one that is there for good stays.
pub fn take_away(tx: &mut Tx<'_>, host: HostId, uuid: ResourceUuid) -> Result<(), StoreError> {
    match tx.get(&PLACEMENTS, &(host, uuid))? {
        Some(row) if !row.lasting => take_from(tx, host, uuid),
        Some(_) | None => Ok(()),
    }
}

/// Takes a workload from one host, however it came there.
pub(super) fn take_from(tx: &mut Tx<'_>, host: HostId, uuid: ResourceUuid) -> Result<(), StoreError> {
    let Some(old) = tx.get(&PLACEMENTS, &(host, uuid))? else { return Ok(()) };
    let old = Placed::read(tx, old)?;
    remove(tx, (host, uuid))?;
    withdraw_keys(tx, (host, uuid), principals(old.identities()), &mut Budget::of_one_write())
}

/// Removes a placement with what its host has reported of it.
pub(super) fn remove(tx: &mut Tx<'_>, key: (HostId, ResourceUuid)) -> Result<(), StoreError> {
    tx.delete(&PLACEMENTS, &key)?;
    if tx.many(&PLACEMENTS_OF_WORKLOAD, &key.1, None, 1)?.is_empty() {
        instance_facts::forget(tx, key.1)?;
    }
    tx.delete(&EXTENSION_STATUS, &key)
}

fn principals<'a>(identities: impl Iterator<Item = &'a PlacedIdentity>) -> BTreeSet<ObjectId> {
    identities.map(|identity| identity.principal).collect()
}

/// Identities without those that were deleted while assigned: they stay on the resource, but not on its hosts. Those in
/// `known` are known to live.
fn living(
    tx: &impl Read,
    identities: Vec<PlacedIdentity>,
    known: &BTreeSet<ObjectId>,
) -> Result<Vec<PlacedIdentity>, StoreError> {
    let mut living = Vec::with_capacity(identities.len());
    for identity in identities {
        if known.contains(&identity.principal) || tx.get(&PRINCIPALS, &identity.principal)?.is_some() {
            living.push(identity);
        }
    }
    Ok(living)
}

/// The same of the identities of a set.
fn living_of_set(tx: &impl Read, set: &Resource, known: &BTreeSet<ObjectId>) -> Result<SetIdentities, StoreError> {
    let mut identities = SetIdentities::of(set);
    let living = principals(living(tx, identities.all().cloned().collect(), known)?.iter());
    identities.retain(|identity| living.contains(&identity.principal));
    Ok(identities)
}

fn describe(tx: &impl Read, uuid: ResourceUuid, resource: &Resource) -> Result<Placement, StoreError> {
    // A machine that is switched off asks for nothing, so that nobody may in its name.
    let is_running = resource.power.is_running();
    Ok(Placement {
        resource_id: resource.id.clone(),
        tenant: resource.tenant,
        location: resource.body.location().unwrap_or_default().to_owned(),
        own: if is_running { own(resource) } else { Vec::new() },
        set: resource.set.filter(|_| is_running),
        lasting: false,
        extension: if is_running { extension_of(tx, uuid, resource)? } else { None },
        instance: None,
        events: tx.get(&SCHEDULED_EVENTS, &uuid)?,
    })
}
