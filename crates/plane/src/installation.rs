//! What the first start made, remembered for every later one.

use bonafide_store::Table;
use bonafide_types::{ClientId, HostId, ObjectId, ResourceUuid, SubscriptionId, TenantId};
use serde::{Deserialize, Serialize};

/// The first start's work.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Deployment {
    pub(crate) tenant: TenantId,
    pub(crate) subscription: SubscriptionId,
    pub(crate) operator: ObjectId,
    pub(crate) operator_client: ClientId,
    /// The host that `up` enrols: this machine.
    pub(crate) local_host: HostId,
    /// The demo workload; `None` after `--empty`, and until it has been made. Not its ARM id: a resource of that
    /// name that is made later is another one.
    #[serde(default)]
    pub(crate) demo_id: Option<ResourceUuid>,
    /// The demo workload's metadata port: chosen once and kept.
    pub(crate) imds_port: Option<u16>,
    /// True once everything that the first start makes is there; it is not made again after that.
    pub(crate) complete: bool,
}

/// The only row is under the empty key.
pub(crate) const DEPLOYMENT: Table<(), Deployment> = Table::new("deployment");
