//! An operator's decision about a host.

use crate::access::{Allowed, DECIDE_HOSTS, Plane, ScopeKey, WrongProof};
use crate::audit::{self, Record};
use crate::placement::{HOSTS, Host, scope_of};
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

/// Enables or disables a host, which a frozen one is by either. The host as it is then; `None` where there is none.
pub fn decide_host(
    tx: &mut Tx<'_>,
    world: &World<'_>,
    allowed: &Allowed,
    tenant: TenantId,
    id: HostId,
    enabled: bool,
) -> Result<Option<Host>, DecideError> {
    allowed.confirm(tenant, ScopeKey::Root, DECIDE_HOSTS, Plane::Control)?;
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
