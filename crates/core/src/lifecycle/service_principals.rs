//! Service principals of applications: making, disabling and deleting them. Those of managed identities live and die with
//! their resources, and can be disabled like the others.

use super::directory_error::DirectoryError;
use super::gone_principals::delete_principal;
use super::locked::check_unlocked;
use super::owners::forget_owners;
use crate::access::{Allowed, assignments};
use crate::directory::{self, Application, PRINCIPALS, ServicePrincipal, principal_of};
use bonafide_store::{Read, Tx};
use bonafide_types::{ObjectId, World};

/// Makes the service principal of an application that has none.
///
/// # Errors
/// [`DirectoryError`].
pub fn create_service_principal(
    tx: &mut Tx<'_>,
    world: &World<'_>,
    allowed: &Allowed,
    (id, application): (ObjectId, &Application),
    enabled: bool,
) -> Result<(ObjectId, ServicePrincipal), DirectoryError> {
    allowed.confirm_manage(application.tenant, id)?;
    if principal_of(tx, application)?.is_some() {
        return Err(DirectoryError::PrincipalExists);
    }
    let (principal, mut row) = directory::create_service_principal(tx, world, application)?;
    if !enabled {
        row.enabled = false;
        tx.put(&PRINCIPALS, &principal, &row)?;
    }
    Ok((principal, row))
}

/// Enables a service principal or disables it, unless the tenant's root would be without an owner. A disabled one gets no
/// token, and its tokens are refused from this commit on.
///
/// # Errors
/// [`DirectoryError`].
pub fn set_enabled(tx: &mut Tx<'_>, allowed: &Allowed, id: ObjectId, enabled: bool) -> Result<(), DirectoryError> {
    let Some(mut row) = tx.get(&PRINCIPALS, &id)? else { return Ok(()) };
    allowed.confirm_manage(row.tenant, id)?;
    if row.enabled == enabled {
        return Ok(());
    }
    if !enabled && assignments::is_last_owner(tx, row.tenant, id)? {
        return Err(DirectoryError::LastOwner);
    }
    row.enabled = enabled;
    match enabled {
        true => tx.put(&PRINCIPALS, &id, &row)?,
        false => tx.put_from_reserve(&PRINCIPALS, &id, &row)?,
    }
    Ok(())
}

/// Deletes the service principal of an application, unless the tenant's root would be without an owner. The application
/// stays, and can have another one.
///
/// # Errors
/// [`DirectoryError`].
pub fn delete_service_principal(tx: &mut Tx<'_>, allowed: &Allowed, id: ObjectId) -> Result<(), DirectoryError> {
    let Some(row) = tx.get(&PRINCIPALS, &id)? else { return Ok(()) };
    allowed.confirm_manage(row.tenant, id)?;
    end(tx, id, &row)
}

/// Ends the service principal of an application.
pub(super) fn end(tx: &mut Tx<'_>, id: ObjectId, row: &ServicePrincipal) -> Result<(), DirectoryError> {
    check_unlocked(row)?;
    if assignments::is_last_owner(tx, row.tenant, id)? {
        return Err(DirectoryError::LastOwner);
    }
    forget_owners(tx, id)?;
    Ok(delete_principal(tx, id)?)
}
