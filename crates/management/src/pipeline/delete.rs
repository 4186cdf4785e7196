//! DELETE of a resource of any type, with everything that lies below it.

use super::access::Access;
use super::{Input, api_version, audit, etag, write};
use crate::fault::Fault;
use crate::operations::{self, Work};
use crate::providers::{self, Kind};
use bonafide_core::access::{Allowed, ScopeKey, assignments};
use bonafide_core::directory::{self, RESOURCES, RESOURCES_BELOW, Resource, delete_principal, save};
use bonafide_store::{Read, StoreError, Tx};
use bonafide_types::{OperationId, ResourceId, ResourceUuid, SubscriptionId, World};
use bonafide_wire::Reply;
use http::StatusCode;

/// User-assigned identities taken from one resource at once, at most. Source: ours; each is an index entry
/// and the keys that hosts have for it, of the 4,096 operations in a commit.
const IDENTITIES_AT_ONCE: usize = 200;

/// Deletes a resource. One that is not there is gone already: 204. With more below it than `batch` it only
/// begins to: what is left is the work of the operation that is returned.
pub(crate) fn resource(
    tx: &mut Tx<'_>,
    input: &Input<'_>,
    access: &Access,
    allowed: &Allowed,
    (id, kind): (&ResourceId, &Kind),
    batch: usize,
) -> Result<(Reply, Option<(SubscriptionId, OperationId)>), Fault> {
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
        return Ok((Reply::empty(StatusCode::NO_CONTENT), None));
    };
    write::check_above(&access.place, id, kind, "delete")?;
    etag::check(input.request, Some(&old))?;
    audit::record(tx, input, &action, old.id.as_str())?;
    let (cx, caller) = (input.cx, &input.caller);
    let gone = tree(tx, &cx.world, uuid, &mut { batch })?;
    let Some(subscription) = old.subscription() else { return Ok((Reply::empty(StatusCode::OK), None)) };
    if gone && !kind.provider.long_running() {
        return Ok((Reply::empty(StatusCode::OK), None));
    }
    let work = if gone { Work::Done } else { Work::DeleteResource { resource: uuid } };
    let operation = operations::start(tx, &cx.world, caller.tenant, caller.object_id, subscription, work)?;
    let reply = Reply::empty(StatusCode::ACCEPTED);
    let reply = if kind.provider.long_running() {
        operations::started(reply, cx.config, &input.version, subscription, &old, operation)
    } else {
        let url = operations::result_url(cx.config, &input.version, subscription, operation);
        reply.with("location", &url).with("retry-after", "1")
    };
    Ok((reply, (!gone).then_some((subscription, operation))))
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
