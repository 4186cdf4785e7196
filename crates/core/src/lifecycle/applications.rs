//! The end of applications and of their service principals.

use super::gone_principals::{delete_principal, forget_credentials};
use crate::access::assignments;
use crate::directory::{APPLICATIONS, PRINCIPALS, principal_of, release};
use bonafide_store::{Read, StoreError, Tx};
use bonafide_types::ObjectId;

/// The reason why an application or its service principal was not deleted.
#[derive(Debug, thiserror::Error)]
pub enum DeleteApplicationError {
    /// It is the last owner of its tenant's root.
    #[error("it is the last owner of the root")]
    LastOwner,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Deletes an application with its service principal, its credentials and its identifiers, unless the tenant's root would be
/// without an owner.
pub fn delete_application(tx: &mut Tx<'_>, id: ObjectId) -> Result<(), DeleteApplicationError> {
    let Some(application) = tx.get(&APPLICATIONS, &id)? else { return Ok(()) };
    if let Some((principal, _)) = principal_of(tx, &application)? {
        delete_service_principal(tx, principal)?;
    }
    for identifier in &application.identifier_uris {
        release(tx, &application, identifier)?;
    }
    tx.delete(&APPLICATIONS, &id)?;
    Ok(forget_credentials(tx, id)?)
}

/// Deletes the service principal of an application, unless the tenant's root would be without an owner. The application
/// stays, and can have another one.
pub fn delete_service_principal(tx: &mut Tx<'_>, id: ObjectId) -> Result<(), DeleteApplicationError> {
    let Some(row) = tx.get(&PRINCIPALS, &id)? else { return Ok(()) };
    if assignments::is_last_owner(tx, row.tenant, id)? {
        return Err(DeleteApplicationError::LastOwner);
    }
    Ok(delete_principal(tx, id)?)
}
