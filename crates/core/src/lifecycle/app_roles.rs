//! Giving and taking the roles that applications define.

use super::directory_error::{APP_ROLES_AT_ONE_RESOURCE_MAX, APP_ROLES_OF_PRINCIPAL_MAX, DirectoryError};
use crate::access::Allowed;
use crate::directory::{
    APP_ROLE_ASSIGNMENTS, APP_ROLE_HOLDERS, AppRoleAssignment, AppRoleAssignmentId, Application, DEFAULT_APP_ROLE,
    PRINCIPALS, PrincipalKind, application_by_client, principal_of,
};
use bonafide_store::{Read, StoreError, Tx};
use bonafide_types::{ObjectId, TenantId, World};
use std::collections::HashSet;
use uuid::Uuid;

/// Assignments that can end with the roles that one change of an application takes out. Source: ours; they go in its commit.
const HOLDERS_AT_ONCE: usize = 500;

/// A role to be given.
#[derive(Debug, Clone, Copy)]
pub struct NewAppRoleAssignment {
    /// The tenant of both.
    pub tenant: TenantId,
    /// The service principal that is to have it, that of a managed identity too.
    pub principal: ObjectId,
    /// The service principal of the application that defines it.
    pub resource: ObjectId,
    /// Its id.
    pub role: Uuid,
}

/// Gives a service principal a role. The proof is that for the service: whoever gets the role has no say.
///
/// # Errors
/// [`DirectoryError`].
pub fn assign_app_role(
    tx: &mut Tx<'_>,
    world: &World<'_>,
    allowed: &Allowed,
    new: NewAppRoleAssignment,
) -> Result<(AppRoleAssignmentId, AppRoleAssignment), DirectoryError> {
    let NewAppRoleAssignment { tenant, principal, resource, role } = new;
    allowed.confirm_manage(tenant, resource)?;
    for id in [principal, resource] {
        if tx.get(&PRINCIPALS, &id)?.is_none_or(|row| row.tenant != tenant) {
            return Err(DirectoryError::NoPrincipal(id));
        }
    }
    check_role(tx, tenant, resource, role)?;
    let held = tx.page(&APP_ROLE_ASSIGNMENTS, &principal, None, APP_ROLES_OF_PRINCIPAL_MAX)?;
    let here = held.iter().filter(|(_, row)| row.resource == resource);
    if here.clone().any(|(_, row)| row.role == role) {
        return Err(DirectoryError::AppRoleAssigned);
    }
    if here.count() >= APP_ROLES_AT_ONE_RESOURCE_MAX {
        return Err(DirectoryError::TooMany("appRoleAssignments at one resource", APP_ROLES_AT_ONE_RESOURCE_MAX));
    }
    if held.len() == APP_ROLES_OF_PRINCIPAL_MAX {
        return Err(DirectoryError::TooMany("appRoleAssignments", APP_ROLES_OF_PRINCIPAL_MAX));
    }
    let id = AppRoleAssignmentId(principal, world.entropy.guid());
    let row = AppRoleAssignment { tenant, resource, role, created_at: world.now };
    tx.put(&APP_ROLE_ASSIGNMENTS, &id.key(), &row)?;
    Ok((id, row))
}

/// The application of the service must define such a role, enabled and for applications; one without roles gives access as
/// such.
fn check_role(tx: &Tx<'_>, tenant: TenantId, resource: ObjectId, role: Uuid) -> Result<(), DirectoryError> {
    let no_role = || DirectoryError::NoAppRole(role);
    let row = tx.get(&PRINCIPALS, &resource)?.ok_or_else(no_role)?;
    if row.kind != PrincipalKind::Application {
        return Err(no_role());
    }
    let (_, application) = application_by_client(tx, tenant, row.client_id)?.ok_or_else(no_role)?;
    let roles = application.app_roles();
    if role == DEFAULT_APP_ROLE && !roles.iter().any(|role| role.is_enabled) {
        return Ok(());
    }
    let found = roles.into_iter().find(|defined| defined.id == role).ok_or_else(no_role)?;
    if found.is_enabled && found.is_for_applications { Ok(()) } else { Err(DirectoryError::AppRoleNotGiven(role)) }
}

/// Takes a role from a service principal.
///
/// # Errors
/// [`DirectoryError`].
pub fn take_app_role(tx: &mut Tx<'_>, allowed: &Allowed, id: AppRoleAssignmentId) -> Result<(), DirectoryError> {
    let Some(row) = tx.get(&APP_ROLE_ASSIGNMENTS, &id.key())? else { return Ok(()) };
    allowed.confirm_manage(row.tenant, row.resource)?;
    Ok(tx.delete(&APP_ROLE_ASSIGNMENTS, &id.key())?)
}

/// Takes the roles that an application defines no more from all who have them: one that is defined later under the same id
/// is given anew.
pub(super) fn forget_undefined(tx: &mut Tx<'_>, old: &Application, new: &Application) -> Result<(), DirectoryError> {
    let defined: HashSet<Uuid> = new.app_roles().iter().map(|role| role.id).collect();
    let Some((resource, _)) = principal_of(tx, new)? else { return Ok(()) };
    let mut left = HOLDERS_AT_ONCE;
    for role in old.app_roles().iter().filter(|role| !defined.contains(&role.id)) {
        let keys = tx.many(&APP_ROLE_HOLDERS, &(resource, role.id), None, left + 1)?;
        left = left.checked_sub(keys.len()).ok_or(DirectoryError::AppRoleHeld(role.id))?;
        forget(tx, &keys)?;
    }
    Ok(())
}

/// Deletes assignments whose principal or service is gone.
pub(super) fn forget(tx: &mut Tx<'_>, keys: &[(ObjectId, Uuid)]) -> Result<(), StoreError> {
    keys.iter().try_for_each(|key| tx.delete(&APP_ROLE_ASSIGNMENTS, key))
}
