//! The rights to read and to change the directory (docs/adr/0021-who-may-change-the-directory.md).

use super::proof::Proof;
use super::{Allowed, CHANGE_DIRECTORY, Chain, Denied, Grants, Plane, check};
use crate::directory::{OWNERS, PRINCIPALS, application_by_client};
use bonafide_store::{Read, StoreError};
use bonafide_types::{ObjectId, TenantId};

/// Tells whether somebody may change every application and service principal of a tenant.
pub fn may_change_directory(
    tx: &impl Read,
    grants: &Grants,
    tenant: TenantId,
) -> Result<Result<Allowed, Denied>, StoreError> {
    check(tx, grants, &Chain::root(tenant), CHANGE_DIRECTORY, Plane::Control)
}

/// Tells whether somebody may change one object of the directory: by the right to change all of it, or as an owner of the
/// object or, where that is a service principal, of its application.
pub fn may_manage(
    tx: &impl Read,
    grants: &Grants,
    tenant: TenantId,
    object: ObjectId,
) -> Result<Result<Allowed, Denied>, StoreError> {
    if let Ok(allowed) = may_change_directory(tx, grants, tenant)? {
        return Ok(Ok(allowed));
    }
    let principal = grants.principal();
    let owns = grants.tenant == tenant && owns(tx, tenant, principal, object)?;
    Ok(if owns { Ok(Allowed(Proof::Owner { principal, tenant, object })) } else { Err(Denied) })
}

fn owns(tx: &impl Read, tenant: TenantId, owner: ObjectId, object: ObjectId) -> Result<bool, StoreError> {
    if tx.get(&OWNERS, &(object, owner))?.is_some() {
        return Ok(true);
    }
    let Some(row) = tx.get(&PRINCIPALS, &object)? else { return Ok(false) };
    match application_by_client(tx, tenant, row.client_id)? {
        Some((application, _)) => Ok(tx.get(&OWNERS, &(application, owner))?.is_some()),
        None => Ok(false),
    }
}
