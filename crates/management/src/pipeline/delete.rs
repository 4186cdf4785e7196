//! DELETE of a resource of any type, with everything that lies below it.

use super::access::Access;
use super::{Input, api_version, audit, etag, write};
use crate::fault::Fault;
use crate::operations::{self, Work};
use crate::providers::{self, Kind, location_of};
use bonafide_core::access::{Allowed, ScopeKey, assignments};
use bonafide_core::directory::{self, RESOURCES, RESOURCES_BELOW, Resource, delete_principal, save};
use bonafide_store::{Read, StoreError, Tx};
use bonafide_types::{OperationId, ResourceId, ResourceUuid, SubscriptionId, World};

/// User-assigned identities taken from one resource at once, at most. Source: ours; each is an index entry
/// and the keys that hosts have for it, of the 4,096 operations in a commit.
const IDENTITIES_AT_ONCE: usize = 200;

/// What became of a deletion in its first transaction.
pub(crate) enum Deleted {
    /// There was nothing.
    Absent,
    /// It is gone, with all below it.
    Gone,
    /// This operation has the rest to do.
    Begun {
        /// The operation.
        operation: (SubscriptionId, OperationId),
        /// Where the resource is.
        location: Option<String>,
    },
}

/// Deletes a resource. With more below it than `batch` it only begins to.
pub(crate) fn resource(
    tx: &mut Tx<'_>,
    input: &Input<'_>,
    access: &Access,
    allowed: &Allowed,
    (id, kind): (&ResourceId, &Kind),
    batch: usize,
) -> Result<Deleted, Fault> {
    let action = format!("{}/delete", kind.name);
    access.confirm(input, allowed, &action)?;
    api_version::check(input, kind, access.place.found.as_ref())?;
    if let Some(name) = id.resource_group()
        && access.place.group.is_none()
    {
        return Err(Fault::GroupNotFound(name.to_owned()));
    }
    let Some((uuid, old)) = access.place.found.clone() else {
        etag::check(input.request, None)?;
        return Ok(Deleted::Absent);
    };
    write::check_above(&access.place, id, kind, "delete")?;
    etag::check(input.request, Some(&old))?;
    audit::record(tx, input, &action, old.id.as_str())?;
    let (cx, caller) = (input.cx, &input.caller);
    if tree(tx, &cx.world, uuid, &mut { batch })? {
        return Ok(Deleted::Gone);
    }
    let subscription = old.subscription().ok_or(Fault::NoSuchRoute)?;
    let work = Work::DeleteResource { resource: uuid };
    let operation = operations::start(tx, &cx.world, caller.tenant, caller.object_id, subscription, work)?;
    Ok(Deleted::Begun { operation: (subscription, operation), location: location_of(&old).map(str::to_owned) })
}

/// Removes a resource with its children and extensions, their identities, and the role assignments at each
/// of them: leaves first, and no more things than `batch` has left. True when the resource itself is gone.
pub(crate) fn tree(
    tx: &mut Tx<'_>,
    world: &World<'_>,
    uuid: ResourceUuid,
    batch: &mut usize,
) -> Result<bool, StoreError> {
    let Some(mut resource) = tx.get(&RESOURCES, &uuid)? else { return Ok(true) };
    // Each that goes takes at least one from the batch, so that there is none behind those read here.
    for below in tx.many(&RESOURCES_BELOW, &uuid, None, *batch + 1)? {
        if !tree(tx, world, below, batch)? {
            return Ok(false);
        }
    }
    if *batch == 0 {
        return Ok(false);
    }
    *batch -= assignments::delete_at(tx, resource.tenant, ScopeKey::Resource(uuid), *batch)?;
    let many = resource.identity.users.len() > IDENTITIES_AT_ONCE;
    if many && !withdraw(tx, world, uuid, &mut resource, batch)? || *batch == 0 {
        return Ok(false);
    }
    *batch -= 1;
    if let Some(kind) = providers::kind_of(&resource) {
        kind.provider.delete(tx, uuid, &resource)?;
    }
    directory::withdraw(tx, &mut resource)?;
    directory::remove(tx, uuid)?;
    Ok(true)
}

/// Takes the identities from a resource that is to be deleted later, and its principal from an identity: no
/// more at once than `batch` has left. True when it has none any more.
pub(crate) fn withdraw(
    tx: &mut Tx<'_>,
    world: &World<'_>,
    uuid: ResourceUuid,
    resource: &mut Resource,
    batch: &mut usize,
) -> Result<bool, StoreError> {
    while resource.principal.is_some() || !resource.identity.is_empty() {
        if *batch == 0 {
            return Ok(false);
        }
        *batch -= 1;
        if let Some(kind) = providers::kind_of(resource) {
            kind.provider.delete(tx, uuid, resource)?;
        }
        resource.principal = None;
        if let Some(system) = resource.identity.system.take() {
            delete_principal(tx, system.principal_id)?;
        }
        let left = resource.identity.users.len().saturating_sub(IDENTITIES_AT_ONCE);
        resource.identity.users.truncate(left);
        save(tx, uuid, resource, world.now)?;
    }
    Ok(true)
}
