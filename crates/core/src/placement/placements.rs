//! Desired state: one row for each workload on each host, written by `lifecycle` in the same transaction
//! as the change that it follows from. Hosts watch these rows; nobody sends them messages.

use super::scheduled_events::ScheduledEvents;
use crate::directory::{Extension, Membership};
use bonafide_store::{Absence, Index, Table};
use bonafide_types::{ClientId, HostId, ObjectId, ResourceId, ResourceUuid, TenantId};
use serde::{Deserialize, Serialize};

/// A workload on a host, with the identities that it may use there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placement {
    /// The workload's ARM id.
    pub resource_id: ResourceId,
    /// Its tenant.
    pub tenant: TenantId,
    /// Its location.
    pub location: String,
    /// The identities of its own, the system-assigned one first.
    #[serde(rename = "identities")]
    pub own: Vec<PlacedIdentity>,
    /// For an instance of a scale set: the set whose identities it has too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set: Option<Membership>,
    /// True for one that stays until it is taken away; false for one of a session on the host, which ends with it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lasting: bool,
    /// The token endpoint that it is to have beside the metadata service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extension: Option<Extension>,
    /// The etag of its facts, by which its hosts know that these have changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// The events of a machine that asks for them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub events: Option<ScheduledEvents>,
}

/// An identity of a placed workload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlacedIdentity {
    /// Its service principal.
    pub principal: ObjectId,
    /// The id that it signs in with.
    pub client_id: ClientId,
    /// The ARM id of a user-assigned identity; `None` for the system-assigned one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_assigned: Option<ResourceId>,
    /// The ARM id of the scale set whose system-assigned identity it is; `None` for the workload's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system_of: Option<ResourceId>,
}

/// Hosts that run one workload. Source: ours; a change of the workload is one transaction with all of them.
pub const WORKLOAD_HOSTS_MAX: usize = 100;

/// Placements by host and workload.
pub const PLACEMENTS: Table<(HostId, ResourceUuid), Placement> =
    Table::indexed("placement", Absence::Withholds, |key, placement, entries| {
        entries.many(&PLACEMENTS_OF_WORKLOAD, &key.1);
        if let Some(membership) = placement.set {
            entries.many(&PLACEMENTS_OF_SET, &membership.set);
        }
    });

/// Placements of the instances of a scale set, those that run.
pub const PLACEMENTS_OF_SET: Index<ResourceUuid, (HostId, ResourceUuid)> = Index::new("placement-of-set");
/// Placements by workload.
pub const PLACEMENTS_OF_WORKLOAD: Index<ResourceUuid, (HostId, ResourceUuid)> = Index::new("placement-of-workload");
