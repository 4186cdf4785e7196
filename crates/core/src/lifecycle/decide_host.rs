//! An operator's decision about a host.

use crate::access::{Allowed, DECIDE_HOSTS, Plane, ScopeKey, WrongProof};
use crate::audit::{self, Record};
use crate::directory::{HOST_TYPE, RESOURCES};
use crate::placement::{HOSTS, Host, resource_of, scope_of};
use bonafide_store::{Read, StoreError, Tx};
use bonafide_types::{HostId, TenantId, World};

/// The reason why a decision about a host is not taken down.
#[derive(Debug, thiserror::Error)]
pub enum DecideError {
    /// The proof is of something else.
    #[error(transparent)]
    Proof(#[from] WrongProof),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The right to enable a host that is a resource, at the resource. Source: ours.
pub const ENABLE: &str = "Microsoft.Compute/hostGroups/hosts/enable/action";
/// The right to disable one.
pub const DISABLE: &str = "Microsoft.Compute/hostGroups/hosts/disable/action";

/// Enables or disables a host, which a frozen one is by either. `allowed` is the proof of the right to do so on its
/// resource, or of that to decide about all hosts. Its placements stay. The host as it is then; `None` where there is none.
pub fn decide_host(
    tx: &mut Tx<'_>,
    world: &World<'_>,
    allowed: &Allowed,
    tenant: TenantId,
    id: HostId,
    enabled: bool,
) -> Result<Option<Host>, DecideError> {
    confirm(tx, allowed, tenant, id, if enabled { ENABLE } else { DISABLE })?;
    let Some(mut host) = tx.get(&HOSTS, &id)? else { return Ok(None) };
    host.decide(enabled);
    match enabled {
        true => tx.put(&HOSTS, &id, &host)?,
        false => tx.put_from_reserve(&HOSTS, &id, &host)?,
    }
    let record = Record {
        at: world.now,
        surface: "hosts",
        tenant: Some(tenant),
        principal: allowed.principal(),
        action: if enabled { "hosts/enable" } else { "hosts/disable" },
        scope: &scope_of(id),
        request: None,
    };
    audit::record(tx, record)?;
    Ok(Some(host))
}

fn confirm(tx: &Tx<'_>, allowed: &Allowed, tenant: TenantId, id: HostId, right: &str) -> Result<(), DecideError> {
    let uuid = resource_of(id);
    let resource = tx.get(&RESOURCES, &uuid)?.filter(|row| row.id.is_of(HOST_TYPE));
    // A host of another tenant is none of this one's.
    if resource.as_ref().is_some_and(|row| row.tenant != tenant) {
        return Err(WrongProof.into());
    }
    let by_resource = resource.map(|row| allowed.confirm(tenant, ScopeKey::of(uuid, &row), right, Plane::Control));
    match by_resource {
        Some(Ok(())) => Ok(()),
        Some(Err(_)) | None => Ok(allowed.confirm(tenant, ScopeKey::Root, DECIDE_HOSTS, Plane::Control)?),
    }
}
