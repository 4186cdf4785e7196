//! Signing keys of tenants that have none which is valid: it expired, or was made by a clock that was ahead.

use crate::control_plane::ControlPlane;
use bonafide_core::keys::{KeyRowError, SIGNING_KEYS, make_signing_key};
use bonafide_core::view::ViewsError;
use bonafide_http::clock;
use bonafide_store::StoreError;
use bonafide_types::{PROGRAM_MADE_AT, TenantId};

/// The reason why a tenant has no signing key still.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RenewError {
    #[error(transparent)]
    Key(#[from] KeyRowError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Views(#[from] ViewsError),
}

/// The tenants that have no valid signing key. None at a time at which this program did not exist: what is signed then
/// is refused everywhere, and the keys are valid once the clock is set (OP-08).
pub(crate) fn without(plane: &ControlPlane) -> Vec<TenantId> {
    let now = clock::now();
    if now < PROGRAM_MADE_AT { Vec::new() } else { plane.views.current().tenants_that_cannot_sign(now) }
}

/// Makes a key for each of them.
pub(crate) fn renew(plane: &ControlPlane) -> Result<(), RenewError> {
    for tenant in without(plane) {
        let (kid, key) = make_signing_key(plane.views.kek(), tenant, clock::now())?;
        plane.store.write(|tx| tx.put(&SIGNING_KEYS, &(tenant, kid.clone()), &key))?;
    }
    Ok(plane.catch_up()?)
}
