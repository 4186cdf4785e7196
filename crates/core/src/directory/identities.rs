//! The life cycles of managed identities. A system-assigned identity and its service principal
//! appear and vanish in the same transaction as their resource; a user-assigned identity is a
//! resource of its own, assigned to many.

use super::identity_block::{AssignedIdentity, Change, PrincipalRef};
use super::principals::{PRINCIPALS, PrincipalKind, create};
use super::resources::{IDENTITY_TYPE, IDENTITY_USES, Resource, find};
use crate::leftovers::{self, Rest};
use bonafide_store::{Read, StoreError, Tx};
use bonafide_types::limits::USER_ASSIGNED_IDENTITIES_MAX;
use bonafide_types::{ObjectId, ResourceId, ResourceUuid, World};

/// Why identities could not be changed as asked.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The ARM id is not that of a user-assigned identity; a system-assigned identity, which cannot
    /// be shared, is named by its resource and ends here too.
    #[error("'{0}' is not a user-assigned identity")]
    NotAnIdentity(ResourceId),
    /// There is no such identity.
    #[error("the identity '{0}' does not exist")]
    NotFound(ResourceId),
    /// The identity belongs to another tenant: no identity crosses tenants.
    #[error("the identity '{0}' belongs to another tenant")]
    OtherTenant(ResourceId),
    /// More than [`USER_ASSIGNED_IDENTITIES_MAX`].
    #[error("a resource can have at most {USER_ASSIGNED_IDENTITIES_MAX} user-assigned identities")]
    TooMany,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Makes a resource's identities what `change` says. The caller stores the resource afterwards
/// (`save`), in the same transaction.
pub fn apply(
    tx: &mut Tx<'_>,
    world: &World<'_>,
    uuid: ResourceUuid,
    resource: &mut Resource,
    change: &Change,
) -> Result<(), IdentityError> {
    match (change.system, resource.identity.system) {
        (true, None) => {
            let kind = PrincipalKind::SystemAssigned { resource: uuid, resource_id: resource.id.clone() };
            let (principal_id, principal) = create(tx, world, resource.tenant, resource.id.name(), kind)?;
            resource.identity.system = Some(PrincipalRef { principal_id, client_id: principal.client_id });
        }
        (false, Some(system)) => {
            delete_principal(tx, system.principal_id)?;
            resource.identity.system = None;
        }
        (true, Some(_)) | (false, None) => {}
    }
    let mut added = Vec::new();
    for id in &change.add {
        let identity = load(tx, id, resource)?;
        if !resource.identity.users.iter().any(|user| user.identity == identity.identity)
            && !added.iter().any(|user: &AssignedIdentity| user.identity == identity.identity)
        {
            // A leftover of a deleted identity of the same name gives way to the new one.
            resource.identity.users.retain(|user| user.id != *id);
            added.push(identity);
        }
    }
    resource.identity.users.retain(|user| {
        let removed = change.remove.contains(&user.id) || (change.remove_all_users && !change.add.contains(&user.id));
        !removed
    });
    resource.identity.users.extend(added);
    if resource.identity.users.len() > USER_ASSIGNED_IDENTITIES_MAX {
        return Err(IdentityError::TooMany);
    }
    Ok(())
}

/// Takes all identities from a resource that is being deleted.
pub fn withdraw(tx: &mut Tx<'_>, resource: &mut Resource) -> Result<(), StoreError> {
    if let Some(system) = resource.identity.system.take() {
        delete_principal(tx, system.principal_id)?;
    }
    resource.identity.users.clear();
    Ok(())
}

/// Makes the service principal of a user-assigned identity that is being created. The caller stores
/// the resource afterwards.
pub fn create_user_assigned(
    tx: &mut Tx<'_>,
    world: &World<'_>,
    uuid: ResourceUuid,
    resource: &mut Resource,
) -> Result<PrincipalRef, StoreError> {
    let kind = PrincipalKind::UserAssigned { resource: uuid, resource_id: resource.id.clone() };
    let (principal_id, principal) = create(tx, world, resource.tenant, resource.id.name(), kind)?;
    let reference = PrincipalRef { principal_id, client_id: principal.client_id };
    resource.principal = Some(reference);
    Ok(reference)
}

/// Deletes the service principal of a user-assigned identity that is being deleted, and takes it
/// from the hosts: from some of very many at once, and from the others when leftovers are cleared.
/// Resources that have it keep their entry, which no longer leads anywhere.
pub fn delete_user_assigned(tx: &mut Tx<'_>, uuid: ResourceUuid, resource: &Resource) -> Result<(), StoreError> {
    let Some(principal) = resource.principal else { return Ok(()) };
    tx.delete(&PRINCIPALS, &principal.principal_id)?;
    leftovers::forget(tx, principal.principal_id, Rest { identity: Some(uuid), after: None })
}

/// The resources that have a user-assigned identity.
pub fn users_of(tx: &impl Read, identity: ResourceUuid) -> Result<Vec<ResourceUuid>, StoreError> {
    tx.many(&IDENTITY_USES, &identity, None, usize::MAX)
}

/// Deletes a service principal and its credentials. Role assignments that name it stay: an object id
/// is never given twice, so they grant nothing.
pub fn delete_principal(tx: &mut Tx<'_>, id: ObjectId) -> Result<(), StoreError> {
    tx.delete(&PRINCIPALS, &id)?;
    leftovers::forget(tx, id, Rest::default())
}

fn load(tx: &impl Read, id: &ResourceId, resource: &Resource) -> Result<AssignedIdentity, IdentityError> {
    if !id.type_name().is(IDENTITY_TYPE) {
        return Err(IdentityError::NotAnIdentity(id.clone()));
    }
    let (identity, row) = find(tx, id)?.ok_or_else(|| IdentityError::NotFound(id.clone()))?;
    if row.tenant != resource.tenant {
        return Err(IdentityError::OtherTenant(id.clone()));
    }
    let principal = row.principal.ok_or_else(|| IdentityError::NotFound(id.clone()))?;
    Ok(AssignedIdentity { identity, id: id.clone(), principal })
}
