//! The audit record of a write, in the commit of the write.

use crate::command::Call;
use bonafide_core::audit::{self, Asked, Record};
use bonafide_store::{StoreError, Tx};

/// Records that the caller did `action` on `scope`.
pub(crate) fn record(tx: &mut Tx<'_>, call: &Call<'_>, action: &str, scope: &str) -> Result<(), StoreError> {
    let caller = &call.command.by;
    let request = Asked {
        client: caller.client_id.to_string(),
        token: caller.token_id.to_string(),
        correlation: call.command.correlation,
    };
    let record = Record {
        at: call.cx.world.now,
        surface: "management",
        tenant: Some(caller.tenant),
        principal: Some(caller.object_id),
        action,
        scope,
        request: Some(request),
    };
    audit::record(tx, record)
}
