//! The ids that the first start made, remembered for every later start.

use bonafide_store::{Absence, Table};
use bonafide_types::{ClientId, HostId, ObjectId, ResourceUuid, SubscriptionId, TenantId};
use serde::{Deserialize, Serialize};

/// The installation that a first start made.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Installation {
    /// The tenant.
    pub tenant: TenantId,
    /// Its subscription.
    pub subscription: SubscriptionId,
    /// The service principal of the operator.
    pub operator: ObjectId,
    /// The client id that the operator signs in as.
    pub operator_client: ClientId,
    /// The host that `up` enrols: this machine.
    pub local_host: HostId,
    /// The demo workload; `None` after `--empty`, and until it has been made. Not its ARM id: a resource of that
    /// name that is made later is another one.
    #[serde(default)]
    pub demo_id: Option<ResourceUuid>,
    /// The demo workload's metadata port: chosen once and kept.
    pub imds_port: Option<u16>,
    /// True once every service principal that older versions stored for an application has one.
    #[serde(default)]
    pub(crate) applications: bool,
    /// True once the host that `up` enrols is a resource, too.
    #[serde(default)]
    pub(crate) local_host_is_resource: bool,
    /// True once everything that the first start makes is there; it is not made again after that.
    pub(crate) complete: bool,
}

/// The only row is under the empty key. The stored name is that of the first version.
pub(crate) const INSTALLATION: Table<(), Installation> = Table::new("deployment", Absence::Allows);
