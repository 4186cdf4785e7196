//! Long-running operations: a row that the client polls, whichever replica it reaches.

mod advance;
mod poll;

pub(crate) use advance::{STEP_ITEMS_MAX, advance};
pub use advance::{advance_all, sweep};
pub(crate) use poll::{accepted, poll, result, with_status_address};

use bonafide_store::{Index, Read, StoreError, Table, Tx};
use bonafide_types::{ObjectId, OperationId, ResourceUuid, SubscriptionId, TenantId, Timestamp, World};
use serde::{Deserialize, Serialize};

/// An operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Operation {
    /// The tenant of its subscription.
    pub tenant: TenantId,
    /// Who started it, and may poll it.
    pub principal: ObjectId,
    /// What is left to do.
    pub work: Work,
    /// When it started.
    pub started_at: Timestamp,
    /// When it was done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
}

/// What an operation has left to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum Work {
    /// Nothing: it was done in the transaction that made the row. Only rows of older versions say so, which
    /// answered a finished write with an operation.
    Done,
    /// A resource group and all in it is being deleted.
    DeleteGroup {
        /// The group.
        group: ResourceUuid,
        /// How far that is.
        #[serde(default)]
        stage: Stage,
    },
    /// A resource with too much below it for one transaction is being deleted.
    DeleteResource {
        /// The resource.
        resource: ResourceUuid,
    },
}

/// How far the deletion of a group is. Its identities go first: they must not outlive the decision by as
/// long as it takes to clear everything away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Stage {
    /// Identities are being withdrawn; those of the resources up to this one have been. By type in lower
    /// case and key, as `RESOURCES_OF_GROUP` sorts them.
    Identities(Option<(String, ResourceUuid)>),
    /// Resources are being deleted.
    Resources,
}

impl Default for Stage {
    fn default() -> Self {
        Self::Identities(None)
    }
}

/// Operations by subscription and id.
pub const OPERATIONS: Table<(SubscriptionId, OperationId), Operation> =
    Table::indexed("operation", |_, operation, entries| match operation.ended_at {
        Some(at) => entries.many(&ENDED_BY_TIME, &at),
        None => {
            entries.many(&UNFINISHED, &());
            if let Work::DeleteResource { resource } = &operation.work {
                entries.many(&DELETIONS, resource);
            }
        }
    });

/// Unfinished deletions of a resource.
const DELETIONS: Index<ResourceUuid, (SubscriptionId, OperationId)> = Index::new("operation-deletion");

/// The same entries as [`ENDED_BY_TIME`], oldest first.
pub(super) const ENDED: Index<(), (Timestamp, (SubscriptionId, OperationId))> = Index::new("operation-ended");
const ENDED_BY_TIME: Index<Timestamp, (SubscriptionId, OperationId)> = Index::new("operation-ended");

/// Operations that are not done.
pub(super) const UNFINISHED: Index<(), (SubscriptionId, OperationId)> = Index::new("operation-unfinished");

/// How long an operation can be polled after it is done, in seconds (one day). Source: ours.
pub const OPERATION_SECONDS: u64 = 86_400;

/// Stores an operation that a request started.
pub(crate) fn start(
    tx: &mut Tx<'_>,
    world: &World<'_>,
    tenant: TenantId,
    principal: ObjectId,
    subscription: SubscriptionId,
    work: Work,
) -> Result<OperationId, StoreError> {
    let id = OperationId::random(world.entropy);
    let operation = Operation { tenant, principal, work, started_at: world.now, ended_at: None };
    tx.create(&OPERATIONS, &(subscription, id), &operation)?;
    Ok(id)
}

/// True while a resource is being deleted in steps. In a transaction this becomes one of its conditions.
pub(crate) fn is_being_deleted(tx: &impl Read, resource: ResourceUuid) -> Result<bool, StoreError> {
    Ok(!tx.many(&DELETIONS, &resource, None, 1)?.is_empty())
}

/// The operation with this id.
pub(crate) fn find(
    tx: &impl Read,
    subscription: SubscriptionId,
    id: OperationId,
) -> Result<Option<Operation>, StoreError> {
    tx.get(&OPERATIONS, &(subscription, id))
}
