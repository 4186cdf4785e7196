//! The right to have workloads run on one host.

use crate::access::{Allowed, DECIDE_HOSTS, Denied, Plane, ScopeKey, WrongProof, may_decide_hosts, may_do};
use crate::directory::{HOST_TYPE, RESOURCES, Resource};
use crate::placement::{host_of, resource_of};
use bonafide_store::{Read, StoreError};
use bonafide_types::{HostId, ObjectId, ResourceUuid, TenantId};

/// The right to put workloads on a host that is a resource, at the resource. Source: ours; Azure asks for `write` on the
/// machine alone.
pub const PLACE: &str = "Microsoft.Compute/hostGroups/hosts/place/action";

/// A host on which its holder may put workloads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OnHost(HostId);

impl OnHost {
    /// A host that is a resource, with the proof of [`PLACE`] on it.
    ///
    /// # Errors
    /// [`WrongProof`] when the proof is for something else, or the resource is no host.
    pub fn by(allowed: &Allowed, uuid: ResourceUuid, host: &Resource) -> Result<Self, WrongProof> {
        if !host.id.is_of(HOST_TYPE) {
            return Err(WrongProof);
        }
        allowed.confirm(host.tenant, ScopeKey::of(uuid, host), PLACE, Plane::Control)?;
        Ok(Self(host_of(uuid)))
    }

    /// Any host, with the proof that its holder decides about all of them.
    ///
    /// # Errors
    /// [`WrongProof`] when the proof is for something else.
    pub fn of_all(allowed: &Allowed, tenant: TenantId, host: HostId) -> Result<Self, WrongProof> {
        allowed.confirm(tenant, ScopeKey::Root, DECIDE_HOSTS, Plane::Control)?;
        Ok(Self(host))
    }

    /// The host.
    pub(super) fn host(self) -> HostId {
        self.0
    }
}

/// Tells whether a principal may put workloads on a host, by the roles that it holds at the host's resource, or by those
/// with which it decides about all hosts.
///
/// # Errors
/// The store's.
pub fn may_place_on(
    tx: &impl Read,
    tenant: TenantId,
    principal: ObjectId,
    host: HostId,
) -> Result<Result<OnHost, Denied>, StoreError> {
    let uuid = resource_of(host);
    if let Some(row) = tx.get(&RESOURCES, &uuid)?.filter(|row| row.id.is_of(HOST_TYPE)) {
        if row.tenant != tenant {
            return Ok(Err(Denied));
        }
        if may_do(tx, principal, uuid, &row, PLACE)?.is_ok() {
            return Ok(Ok(OnHost(host)));
        }
    }
    Ok(may_decide_hosts(tx, tenant, principal)?.map(|_| OnHost(host)))
}
