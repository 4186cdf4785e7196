//! Audit records: each decision has one, in its own commit, so that neither is there without the other (AU-01).

use bonafide_store::{StoreError, Tx};
use bonafide_types::{ObjectId, TenantId, Timestamp};
use serde::Serialize;
use uuid::Uuid;

/// The fields of an audit record. No value from a body: it could be a secret.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Record<'a> {
    /// The time of the decision.
    pub at: Timestamp,
    /// The surface that took it, or `hosts` or `start` where no request asked for it.
    pub surface: &'static str,
    /// The tenant of who decided; none of the system itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<TenantId>,
    /// The principal that decided; none of the system, and of whoever starts this program.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub principal: Option<ObjectId>,
    /// The decision.
    pub action: &'a str,
    /// The thing that it is about: an id, or a path that ends with one.
    pub scope: &'a str,
    /// The request that asked for it.
    #[serde(flatten)]
    pub request: Option<Asked>,
}

/// The request that asked for a decision.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Asked {
    /// The client that the token was issued to.
    pub client: String,
    /// The token's id.
    pub token: String,
    /// The request's own id.
    pub correlation: Uuid,
}

/// Adds a record to the transaction of the decision.
pub fn record(tx: &mut Tx<'_>, record: Record<'_>) -> Result<(), StoreError> {
    tx.audit(record)
}
