//! Deleting a resource with everything below it, in one transaction or in several.

use super::below;
use super::budget::{Budget, Progress};
use super::gone_principals::{PrincipalRest, delete_principal, forget_principal};
use super::{follow_facts, hosts, place};
use crate::access::{Allowed, ScopeKey, WrongProof, assignments};
use crate::directory::{HOST_TYPE, INSTANCES_OF_SET, PRINCIPALS, RESOURCES, RESOURCES_BELOW, Resource};
use crate::placement::host_of;
use bonafide_store::{Read, StoreError, Tx};
use bonafide_types::{ResourceUuid, World};
use serde::{Deserialize, Serialize};

/// User-assigned identities taken from one resource at once, at most. Source: ours; each is an index entry
/// and the keys that hosts have for it, of the 4,096 operations in a commit.
const IDENTITIES_AT_ONCE: usize = 200;

/// A resource or group whose deletion was allowed. The operation that continues the deletion stores it:
/// what was allowed once is finished, whoever asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Condemned(ResourceUuid);

impl Condemned {
    /// The resource or group, with the proof that the caller may delete it.
    ///
    /// # Errors
    /// [`WrongProof`] when the proof is for something else.
    pub fn by(allowed: &Allowed, uuid: ResourceUuid, resource: &Resource) -> Result<Self, WrongProof> {
        let scope = ScopeKey::of(uuid, resource);
        allowed.confirm_delete(resource.tenant, scope, resource.id.type_name().as_str())?;
        Ok(Self(uuid))
    }

    /// A part of a resource that may be changed, which takes it away: an instance of a scale set, a child in a list.
    pub(super) fn part(uuid: ResourceUuid) -> Self {
        Self(uuid)
    }

    /// The key of the resource or group.
    pub fn uuid(self) -> ResourceUuid {
        self.0
    }

    /// True for the condemned resource itself and for what lies in the condemned group.
    fn covers(self, uuid: ResourceUuid, resource: &Resource) -> bool {
        self.0 == uuid || resource.group == Some(self.0)
    }
}

/// Stores a change of a condemned resource or group: that it takes nothing new, for instance.
pub fn save_condemned(
    tx: &mut Tx<'_>,
    world: &World<'_>,
    condemned: Condemned,
    resource: &mut Resource,
) -> Result<(), StoreError> {
    store(tx, world, condemned.0, resource)
}

fn store(tx: &mut Tx<'_>, world: &World<'_>, uuid: ResourceUuid, resource: &mut Resource) -> Result<(), StoreError> {
    resource.version += 1;
    resource.changed_at = world.now;
    // A deletion that begins, or goes on.
    tx.put_from_reserve(&RESOURCES, &uuid, resource)?;
    place::refresh(tx, uuid, resource)
}

/// Removes a condemned resource with its children and extensions, their identities, and the role
/// assignments at each of them: leaves first, as far as the budget goes. Of a condemned group, one
/// resource in it, or, once it is empty, the group itself.
pub fn remove(
    tx: &mut Tx<'_>,
    world: &World<'_>,
    condemned: Condemned,
    uuid: ResourceUuid,
    budget: &mut Budget,
) -> Result<Progress, StoreError> {
    // One that went with its parent takes nothing from the budget.
    let Some(resource) = tx.get(&RESOURCES, &uuid)?.filter(|resource| condemned.covers(uuid, resource)) else {
        return Ok(Progress::Done);
    };
    let progress = remove_tree(tx, world, uuid, resource.clone(), budget)?;
    if progress.is_done() {
        below::leave(tx, world, &resource)?;
    }
    Ok(progress)
}

/// Removes a resource, with all below it. The one above it is left as it is.
pub(super) fn remove_tree(
    tx: &mut Tx<'_>,
    world: &World<'_>,
    uuid: ResourceUuid,
    mut resource: Resource,
    budget: &mut Budget,
) -> Result<Progress, StoreError> {
    // It is counted anew where the removal stops half way.
    if resource.below.take().is_some() {
        tx.put_from_reserve(&RESOURCES, &uuid, &resource)?;
    }
    // Each that goes takes at least one from the budget, so none is left behind those read here.
    let mut inside = tx.many(&RESOURCES_BELOW, &uuid, None, budget.left() + 1)?;
    // Instances that are machines of their own, and no children.
    inside.extend(tx.many(&INSTANCES_OF_SET, &uuid, None, budget.left() + 1)?);
    for below in inside {
        let Some(child) = tx.get(&RESOURCES, &below)? else { continue };
        if !remove_tree(tx, world, below, child, budget)?.is_done() {
            return Ok(Progress::Unfinished);
        }
    }
    if budget.is_spent() || !end_host(tx, uuid, &resource, budget)?.is_done() {
        return Ok(Progress::Unfinished);
    }
    let scope = ScopeKey::of(uuid, &resource);
    let deleted = assignments::delete_at(tx, resource.tenant, scope, budget.left())?;
    budget.take(deleted);
    let many = resource.identity.users.len() > IDENTITIES_AT_ONCE;
    if many && !withdraw_all(tx, world, uuid, &mut resource, budget)?.is_done() || budget.is_spent() {
        return Ok(Progress::Unfinished);
    }
    budget.take(1);
    end_principals(tx, uuid, &mut resource)?;
    place::take_from_all(tx, uuid)?;
    place::forget_events(tx, uuid)?;
    place::forget_set(tx, uuid)?;
    tx.delete(&RESOURCES, &uuid)?;
    follow_facts::follow(tx, &resource.id)?;
    if let Some(machine) = resource.machine_to_serve() {
        place::refresh_machine(tx, machine)?;
    }
    Ok(Progress::Done)
}

/// Takes the identities from a condemned resource before it is removed, and its service principal from a
/// user-assigned identity, as far as the budget goes: they end with the decision, however long the
/// removal takes.
pub fn withdraw(
    tx: &mut Tx<'_>,
    world: &World<'_>,
    condemned: Condemned,
    uuid: ResourceUuid,
    budget: &mut Budget,
) -> Result<Progress, StoreError> {
    match tx.get(&RESOURCES, &uuid)? {
        Some(mut resource) if condemned.covers(uuid, &resource) => withdraw_all(tx, world, uuid, &mut resource, budget),
        _ => Ok(Progress::Done),
    }
}

fn withdraw_all(
    tx: &mut Tx<'_>,
    world: &World<'_>,
    uuid: ResourceUuid,
    resource: &mut Resource,
    budget: &mut Budget,
) -> Result<Progress, StoreError> {
    if !end_host(tx, uuid, resource, budget)?.is_done() {
        return Ok(Progress::Unfinished);
    }
    while resource.principal.is_some() || !resource.identity.is_empty() {
        if budget.is_spent() {
            return Ok(Progress::Unfinished);
        }
        budget.take(1);
        end_principals(tx, uuid, resource)?;
        let left = resource.identity.users.len().saturating_sub(IDENTITIES_AT_ONCE);
        resource.identity.users.truncate(left);
        // Few, and gone with the first of the others.
        resource.identity.nested.clear();
        store(tx, world, uuid, resource)?;
    }
    Ok(Progress::Done)
}

/// Ends the host that a resource is.
fn end_host(
    tx: &mut Tx<'_>,
    uuid: ResourceUuid,
    resource: &Resource,
    budget: &mut Budget,
) -> Result<Progress, StoreError> {
    if resource.id.is_of(HOST_TYPE) { hosts::evict(tx, host_of(uuid), budget) } else { Ok(Progress::Done) }
}

/// Ends the service principals that live and die with a resource: that of its system-assigned identity, and
/// its own when it is a user-assigned identity. Resources that have such an identity keep their entry, which
/// no longer leads anywhere.
fn end_principals(tx: &mut Tx<'_>, uuid: ResourceUuid, resource: &mut Resource) -> Result<(), StoreError> {
    if let Some(own) = resource.principal.take() {
        tx.delete(&PRINCIPALS, &own.principal_id)?;
        forget_principal(tx, own.principal_id, PrincipalRest { identity: Some(uuid), after: None })?;
    }
    match resource.identity.system.take() {
        Some(system) => delete_principal(tx, system.principal_id),
        None => Ok(()),
    }
}
