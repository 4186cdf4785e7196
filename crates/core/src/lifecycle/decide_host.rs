//! An operator's decision about a host.

use crate::access::{Allowed, DECIDE_HOSTS, Plane, ScopeKey, WrongProof};
use crate::placement::{HOSTS, Host};
use bonafide_store::{Read, StoreError, Tx};
use bonafide_types::{HostId, TenantId};

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

/// Enables or disables a host, which a frozen one is by either. The host as it is then; `None` where there is none.
pub fn decide_host(
    tx: &mut Tx<'_>,
    allowed: &Allowed,
    tenant: TenantId,
    id: HostId,
    enabled: bool,
) -> Result<Option<Host>, DecideError> {
    allowed.confirm(tenant, ScopeKey::Root, DECIDE_HOSTS, Plane::Control)?;
    let Some(mut host) = tx.get(&HOSTS, &id)? else { return Ok(None) };
    host.decide(enabled);
    if !enabled {
        tx.may_use_reserve();
    }
    tx.put(&HOSTS, &id, &host)?;
    Ok(Some(host))
}
