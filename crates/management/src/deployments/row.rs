//! The rows of a deployment: itself, and one for each resource.

use super::sealed::{END, SEALED};
use crate::operations::Failure;
use bonafide_store::{Absence, Index, Read, StoreError, Table, Tx};
use bonafide_types::{OperationId, ResourceUuid, SubscriptionId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

/// Deployments that a resource group keeps. Source: Azure's limits of deployments (800); the oldest make room.
pub(crate) const PER_GROUP_MAX: usize = 800;
/// Deployments looked at, to clear a group that is being deleted, in one step. Source: ours; each has up to 1,600 rows.
const CLEARED_AT_ONCE: usize = 1;

/// A deployment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Deployment {
    /// Its own key: one made again under the same name is another one.
    pub(super) uuid: ResourceUuid,
    /// Its name as it was written.
    pub(super) name: String,
    pub(super) subscription: SubscriptionId,
    pub(super) operation: OperationId,
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub(super) tags: Map<String, Value>,
    /// As clients see them: no secret has a value.
    pub(super) parameters: Map<String, Value>,
    pub(super) template_hash: String,
    pub(super) correlation: Uuid,
    /// The number of its resources.
    pub(super) count: u64,
    pub(super) started_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) ended_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) outputs: Option<Map<String, Value>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) failure: Option<Failure>,
    /// True when somebody canceled it.
    #[serde(default)]
    pub(super) canceled: bool,
}

/// The members of a stored deployment that its removal needs. All others are passed over, however they are nested.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Head {
    pub(super) uuid: ResourceUuid,
    pub(super) name: String,
    pub(super) count: u64,
    pub(super) started_at: Timestamp,
    #[serde(default)]
    pub(super) ended_at: Option<Timestamp>,
}

/// A resource of a deployment, and how far it has come.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Part {
    pub(super) id: String,
    pub(super) type_name: String,
    pub(super) name: String,
    pub(super) api_version: String,
    /// Its location, where the template says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) location: Option<String>,
    /// The places of those that it comes after.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) after: Vec<u64>,
    /// True when its body may use a secure value, or was stored before that was known.
    #[serde(default = "yes")]
    pub(super) uses_secure: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) state: Option<State>,
}

fn yes() -> bool {
    true
}

/// The state of a resource whose turn has come.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct State {
    pub(super) word: Word,
    /// The status of the command's answer, in words of HTTP: `Created`, `OK`.
    pub(super) status: String,
    pub(super) started_at: Timestamp,
    pub(super) at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) failure: Option<Failure>,
}

/// The word for a state, as Resource Manager has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Word {
    Running,
    Succeeded,
    Failed,
}

impl Word {
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::Running => "Running",
            Self::Succeeded => "Succeeded",
            Self::Failed => "Failed",
        }
    }
}

/// The key of a deployment: its group, and its name in lower case.
pub(super) type DeploymentKey = (ResourceUuid, String);

/// Deployments.
pub(super) const DEPLOYMENTS: Table<DeploymentKey, Deployment> =
    Table::indexed("deployment", Absence::Withholds, |key, row, entries| {
        entries.many(&BY_TIME, &(key.0, row.started_at));
    });

/// The same rows, to be looked at and removed, never to be written.
pub(super) const HEADS: Table<DeploymentKey, Head> =
    Table::indexed("deployment", Absence::Withholds, |key, row, entries| {
        entries.many(&BY_TIME, &(key.0, row.started_at));
    });

const BY_TIME: Index<(ResourceUuid, Timestamp), DeploymentKey> = Index::new("deployment-by-time");
/// The same entries, oldest first.
pub(super) const OF_GROUP: Index<ResourceUuid, (Timestamp, DeploymentKey)> = Index::new("deployment-by-time");

/// The resources of deployments, by the deployment's own key and their place in its order.
pub(super) const PARTS: Table<(ResourceUuid, u64), Part> = Table::new("deployment-part", Absence::Withholds);

/// The key of a deployment of this name.
pub(super) fn key(group: ResourceUuid, name: &str) -> DeploymentKey {
    (group, name.to_ascii_lowercase())
}

/// The resources of a deployment, in their order.
pub(super) fn parts(tx: &impl Read, deployment: &Deployment) -> Result<Vec<Part>, StoreError> {
    let rows = tx.page(&PARTS, &deployment.uuid, None, usize::MAX)?;
    Ok(rows.into_iter().map(|(_, part)| part).collect())
}

/// Removes a deployment with all that is stored of it. What it deployed stays. Its resources are not read: what cannot be
/// read can be removed.
pub(super) fn remove(tx: &mut Tx<'_>, key: &DeploymentKey, deployment: &Head) -> Result<(), StoreError> {
    forget_sealed(tx, deployment.uuid, deployment.count)?;
    for at in 0..deployment.count {
        tx.delete(&PARTS, &(deployment.uuid, at))?;
    }
    tx.delete(&HEADS, key)
}

/// Removes what nobody needs once a deployment has ended: the bodies of its resources, and its outputs.
pub(super) fn forget_sealed(tx: &mut Tx<'_>, deployment: ResourceUuid, count: u64) -> Result<(), StoreError> {
    (0..count).chain([END]).try_for_each(|at| tx.delete(&SEALED, &(deployment, at)))
}

/// Removes some of the deployments of a group that is being deleted; true when there are no more.
pub(crate) fn clear(tx: &mut Tx<'_>, group: ResourceUuid) -> Result<bool, StoreError> {
    let keys = tx.many(&OF_GROUP, &group, None, CLEARED_AT_ONCE)?;
    for (_, key) in &keys {
        if let Some(row) = tx.get(&HEADS, key)? {
            remove(tx, key, &row)?;
        }
    }
    Ok(keys.len() < CLEARED_AT_ONCE)
}
