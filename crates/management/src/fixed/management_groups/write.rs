//! Management groups are made, changed, moved and deleted.

use super::{found, id_of, sent, show};
use crate::command::Call;
use crate::fault::Fault;
use crate::order::access::{Access, denied};
use crate::outcome::Outcome;
use bonafide_core::access::management_groups::{self, DELETE, WRITE};
use bonafide_core::access::{Allowed, NewManagementGroup, Plane, ScopeKey, chain_of_management_group, check};
use bonafide_core::directory::{MANAGEMENT_GROUPS, root_group_of};
use bonafide_store::{Read, Tx};
use bonafide_types::ManagementGroupUuid;

/// Makes a group, in the root group if it is not said where, or changes it.
pub(super) fn put(tx: &mut Tx<'_>, call: &Call<'_>, access: &Access, allowed: &Allowed) -> Result<Outcome, Fault> {
    let sent = sent::read(call.body()?)?;
    match access.place.management_group {
        Some(uuid) => change(tx, call, access, allowed, uuid, sent),
        None => create(tx, call, access, sent),
    }
}

/// Changes a group.
pub(super) fn patch(tx: &mut Tx<'_>, call: &Call<'_>, access: &Access, allowed: &Allowed) -> Result<Outcome, Fault> {
    let uuid = found(call, access)?;
    let sent = sent::read_patch(call.body()?)?;
    change(tx, call, access, allowed, uuid, sent)
}

/// Deletes a group; one that is not there is gone already.
pub(super) fn delete(tx: &mut Tx<'_>, call: &Call<'_>, access: &Access, allowed: &Allowed) -> Result<Outcome, Fault> {
    if let Some(uuid) = access.place.management_group {
        let key = (call.command.by.tenant, uuid);
        management_groups::delete(tx, std::slice::from_ref(allowed), key)
            .map_err(|error| refused(call, DELETE, error))?;
    }
    // Clients take a 202 with an address to poll, or this (azure-cli 2.91).
    Ok(Outcome::Nothing)
}

fn create(tx: &mut Tx<'_>, call: &Call<'_>, access: &Access, sent: sent::Sent) -> Result<Outcome, Fault> {
    let tenant = call.command.by.tenant;
    let name = call.named()?.text("managementGroup");
    let parent = match sent.parent {
        Some(parent) => parent_named(tx, call, access, &parent)?,
        None => root_group_of(tenant),
    };
    let proof = proof(tx, call, access, parent)?;
    sent::check_name(name)?;
    let display_name = sent.display_name.unwrap_or_else(|| name.to_owned());
    let new = NewManagementGroup { name: name.to_owned(), display_name, parent };
    let made = management_groups::create(tx, &call.cx.world, &[proof], tenant, new);
    let (uuid, _) = made.map_err(|error| refused(call, WRITE, error))?;
    show::written(tx, call, uuid)
}

fn change(
    tx: &mut Tx<'_>,
    call: &Call<'_>,
    access: &Access,
    allowed: &Allowed,
    uuid: ManagementGroupUuid,
    sent: sent::Sent,
) -> Result<Outcome, Fault> {
    let tenant = call.command.by.tenant;
    let mut proofs = vec![allowed.clone()];
    let parent = sent.parent.map(|parent| parent_named(tx, call, access, &parent)).transpose()?;
    let old = tx.get(&MANAGEMENT_GROUPS, &(tenant, uuid))?.and_then(|row| row.parent);
    let is_moved = parent.is_some_and(|parent| parent != old.unwrap_or_else(|| root_group_of(tenant)));
    for end in parent.into_iter().chain(old).filter(|end| is_moved && *end != root_group_of(tenant)) {
        proofs.push(proof(tx, call, access, end)?);
    }
    let changed = management_groups::change(tx, &call.cx.world, &proofs, (tenant, uuid), sent.display_name, parent);
    let _ = changed.map_err(|error| refused(call, WRITE, error))?;
    show::written(tx, call, uuid)
}

/// The group that is to be a parent. Of one that is not there nothing is said to who may not write at the root group.
fn parent_named(tx: &impl Read, call: &Call<'_>, access: &Access, name: &str) -> Result<ManagementGroupUuid, Fault> {
    let tenant = call.command.by.tenant;
    if let Some(uuid) = management_groups::named(tx, tenant, name)? {
        return Ok(uuid);
    }
    let root = chain_of_management_group(tx, tenant, None)?;
    match check(tx, &access.grants, &root, WRITE, Plane::Control)? {
        Ok(_) => Err(Fault::ManagementGroupNotFound(name.to_owned())),
        Err(_) => Err(denied(call, WRITE, &id_of(name))),
    }
}

/// The proof that the caller may write at a group.
fn proof(tx: &impl Read, call: &Call<'_>, access: &Access, group: ManagementGroupUuid) -> Result<Allowed, Fault> {
    let tenant = call.command.by.tenant;
    let chain = chain_of_management_group(tx, tenant, Some(group))?;
    debug_assert_eq!(chain.scope(), ScopeKey::ManagementGroup(group));
    let name = management_groups::name_of(tx, tenant, group)?.unwrap_or_default();
    check(tx, &access.grants, &chain, WRITE, Plane::Control)?.map_err(|_| denied(call, WRITE, &id_of(&name)))
}

/// The refusal to write a group.
pub(super) fn refused(call: &Call<'_>, action: &str, error: management_groups::ManagementGroupError) -> Fault {
    let name = call.named().map(|named| named.text("managementGroup").to_owned()).unwrap_or_default();
    match error {
        management_groups::ManagementGroupError::Store(error) => error.into(),
        management_groups::ManagementGroupError::WrongProof(_) => denied(call, action, &id_of(&name)),
        management_groups::ManagementGroupError::NotFound => Fault::ManagementGroupNotFound(name),
        error => Fault::ManagementGroup { name, error },
    }
}
