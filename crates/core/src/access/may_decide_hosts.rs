//! The proof of a decision about hosts.

use super::{Allowed, Chain, Denied, Grants, Plane, check};
use bonafide_store::{Read, StoreError};
use bonafide_types::{ObjectId, TenantId};

/// The right to decide about hosts, and to see them, at the root of the tenant. Source: ours; who decides which machine
/// has whose identities decides as much as who assigns roles.
pub const DECIDE_HOSTS: &str = "Microsoft.Authorization/roleAssignments/write";

/// Tells whether a principal may decide about hosts, by the roles that it holds at the root of a tenant.
pub fn may_decide_hosts(
    tx: &impl Read,
    tenant: TenantId,
    principal: ObjectId,
) -> Result<Result<Allowed, Denied>, StoreError> {
    check(tx, &Grants::new(tenant, principal), &Chain::root(tenant), DECIDE_HOSTS, Plane::Control)
}
