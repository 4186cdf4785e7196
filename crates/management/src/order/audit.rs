//! The audit record of a write, in the commit of the write.

use crate::command::Call;
use bonafide_store::{StoreError, Tx};
use bonafide_types::Timestamp;
use serde::Serialize;
use uuid::Uuid;

/// The fields of an audit record. No value from a body: it could be a secret.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Record<'a> {
    at: Timestamp,
    surface: &'static str,
    tenant: String,
    principal: String,
    client: String,
    token: String,
    action: &'a str,
    scope: &'a str,
    correlation: Uuid,
}

/// Records that the caller did `action` on `scope`.
pub(crate) fn record(tx: &mut Tx<'_>, call: &Call<'_>, action: &str, scope: &str) -> Result<(), StoreError> {
    let caller = &call.command.by;
    tx.audit(Record {
        at: call.cx.world.now,
        surface: "management",
        tenant: caller.tenant.to_string(),
        principal: caller.object_id.to_string(),
        client: caller.client_id.to_string(),
        token: caller.token_id.to_string(),
        action,
        scope,
        correlation: call.command.correlation,
    })
}
