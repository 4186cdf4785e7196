//! The principal in whose name the steps of an operation are taken. Its token is not kept: each step asks anew whether
//! the principal, and the workload that its token named, are still there, and what their roles grant.

use bonafide_core::tokens::{Caller, TokenId};
use bonafide_types::{ClientId, ObjectId, ResourceUuid, TenantId, Timestamp};
use serde::{Deserialize, Serialize};

/// A caller, as an operation stores it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OnBehalf {
    tenant: TenantId,
    principal: ObjectId,
    client: ClientId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    workload: Option<ResourceUuid>,
    /// The id of the token that started it, for the audit records of its steps.
    token: String,
    expires_at: Timestamp,
}

impl OnBehalf {
    /// The caller of a request.
    pub(crate) fn of(caller: &Caller) -> Self {
        Self {
            tenant: caller.tenant,
            principal: caller.object_id,
            client: caller.client_id,
            workload: caller.workload,
            token: caller.token_id.to_string(),
            expires_at: caller.expires_at,
        }
    }

    /// The caller for a command of a step; `None` when its row is none of ours.
    pub(crate) fn caller(&self) -> Option<Caller> {
        Some(Caller {
            tenant: self.tenant,
            object_id: self.principal,
            client_id: self.client,
            workload: self.workload,
            token_id: TokenId::parse(&self.token)?,
            expires_at: self.expires_at,
        })
    }
}
