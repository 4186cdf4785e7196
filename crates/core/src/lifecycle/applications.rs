//! Applications: registering, changing and deleting them.

use super::app_roles::forget_undefined;
use super::directory_error::{DirectoryError, IDENTIFIER_URIS_MAX};
use super::gone_principals::forget_credentials;
use super::owners::forget_owners;
use super::service_principals;
use crate::access::Allowed;
use crate::directory::{
    APPLICATIONS, Application, Audiences, PRINCIPALS, RegisterError, claim, principal_of, register_application, release,
};
use bonafide_store::{Read, Tx};
use bonafide_types::{Audience, ObjectId, World};

/// Registers an application, without a service principal.
///
/// # Errors
/// [`DirectoryError`].
pub fn create_application(
    tx: &mut Tx<'_>,
    world: &World<'_>,
    allowed: &Allowed,
    known: &Audiences,
    application: &Application,
) -> Result<ObjectId, DirectoryError> {
    allowed.confirm_change(application.tenant)?;
    claim_all(tx, known, application)?;
    Ok(register_application(tx, world, application)?)
}

/// Stores a change of an application. Its service principal is called as it is.
///
/// # Errors
/// [`DirectoryError`].
pub fn save_application(
    tx: &mut Tx<'_>,
    allowed: &Allowed,
    known: &Audiences,
    id: ObjectId,
    application: &Application,
) -> Result<(), DirectoryError> {
    allowed.confirm_manage(application.tenant, id)?;
    let Some(old) = tx.get(&APPLICATIONS, &id)? else { return Ok(()) };
    for uri in &old.identifier_uris {
        release(tx, &old, uri)?;
    }
    claim_all(tx, known, application)?;
    forget_undefined(tx, &old, application)?;
    tx.put(&APPLICATIONS, &id, application)?;
    if let Some((principal, mut row)) = principal_of(tx, application)?
        && row.display_name != application.display_name
    {
        row.display_name.clone_from(&application.display_name);
        tx.put(&PRINCIPALS, &principal, &row)?;
    }
    Ok(())
}

fn claim_all(tx: &mut Tx<'_>, known: &Audiences, application: &Application) -> Result<(), DirectoryError> {
    if application.identifier_uris.len() > IDENTIFIER_URIS_MAX {
        return Err(DirectoryError::TooMany("identifierUris", IDENTIFIER_URIS_MAX));
    }
    for uri in &application.identifier_uris {
        let audience = Audience::parse(uri).map_err(|_| RegisterError::Unreadable(uri.clone()))?;
        claim(tx, known, application, &audience)?;
    }
    Ok(())
}

/// Deletes an application with its service principal, its credentials and its identifiers, unless the tenant's root would be
/// without an owner.
///
/// # Errors
/// [`DirectoryError`].
pub fn delete_application(tx: &mut Tx<'_>, allowed: &Allowed, id: ObjectId) -> Result<(), DirectoryError> {
    let Some(application) = tx.get(&APPLICATIONS, &id)? else { return Ok(()) };
    allowed.confirm_manage(application.tenant, id)?;
    if let Some((principal, row)) = principal_of(tx, &application)? {
        service_principals::end(tx, principal, &row)?;
    }
    for identifier in &application.identifier_uris {
        release(tx, &application, identifier)?;
    }
    tx.delete(&APPLICATIONS, &id)?;
    forget_owners(tx, id)?;
    Ok(forget_credentials(tx, id)?)
}
