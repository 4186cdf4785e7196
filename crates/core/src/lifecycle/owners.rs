//! Giving and taking the ownership of applications and service principals.

use super::directory_error::{DirectoryError, OWNERS_MAX};
use super::locked::check_unlocked;
use crate::access::Allowed;
use crate::directory::{OWNERS, Ownership, PRINCIPALS};
use bonafide_store::{Read, StoreError, Tx};
use bonafide_types::{ObjectId, TenantId, World};

/// Makes a service principal an owner of an application or of another service principal.
///
/// # Errors
/// [`DirectoryError`].
pub fn add_owner(
    tx: &mut Tx<'_>,
    world: &World<'_>,
    allowed: &Allowed,
    (tenant, object): (TenantId, ObjectId),
    owner: ObjectId,
) -> Result<(), DirectoryError> {
    allowed.confirm_manage(tenant, object)?;
    tx.get(&PRINCIPALS, &object)?.as_ref().map_or(Ok(()), check_unlocked)?;
    if tx.get(&OWNERS, &(object, owner))?.is_some() {
        return Err(DirectoryError::OwnerExists);
    }
    if tx.page(&OWNERS, &object, None, OWNERS_MAX)?.len() == OWNERS_MAX {
        return Err(DirectoryError::TooMany("owners", OWNERS_MAX));
    }
    Ok(tx.put(&OWNERS, &(object, owner), &Ownership { since: world.now })?)
}

/// Takes an owner from an application or a service principal.
///
/// # Errors
/// [`DirectoryError`].
pub fn remove_owner(
    tx: &mut Tx<'_>,
    allowed: &Allowed,
    (tenant, object): (TenantId, ObjectId),
    owner: ObjectId,
) -> Result<(), DirectoryError> {
    allowed.confirm_manage(tenant, object)?;
    match tx.get(&OWNERS, &(object, owner))? {
        Some(_) => Ok(tx.delete(&OWNERS, &(object, owner))?),
        None => Err(DirectoryError::NoOwner(owner)),
    }
}

/// Removes the ownerships of an object that is gone.
pub(super) fn forget_owners(tx: &mut Tx<'_>, object: ObjectId) -> Result<(), StoreError> {
    for (key, _) in tx.page(&OWNERS, &object, None, usize::MAX)? {
        tx.delete(&OWNERS, &key)?;
    }
    Ok(())
}
