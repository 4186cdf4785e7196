//! The proof of a write, or of another action, on one stored resource.

use super::{Allowed, Denied, Grants, Plane, chain_of, check};
use crate::directory::Resource;
use bonafide_store::{Read, StoreError};
use bonafide_types::{ObjectId, ResourceUuid};

/// Tells whether a principal may write a stored resource, by the roles that it holds in the tenant of the resource.
pub fn may_write(
    tx: &impl Read,
    principal: ObjectId,
    uuid: ResourceUuid,
    resource: &Resource,
) -> Result<Result<Allowed, Denied>, StoreError> {
    may_do(tx, principal, uuid, resource, &format!("{}/write", resource.id.type_name().as_str()))
}

/// The same of any action.
pub fn may_do(
    tx: &impl Read,
    principal: ObjectId,
    uuid: ResourceUuid,
    resource: &Resource,
    action: &str,
) -> Result<Result<Allowed, Denied>, StoreError> {
    check(tx, &Grants::new(resource.tenant, principal), &chain_of(tx, uuid, resource)?, action, Plane::Control)
}
