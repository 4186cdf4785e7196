//! Scheduled events of machines, as the hosts protocol says them.

use bonafide_types::ResourceUuid;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Path of [`EventsRequest`], for any workload.
pub const EVENTS_PATH: &str = "/hosts/v1/workloads/{workload}/events";
/// Events that one request lets start. Source: ours; a machine has one of a kind at most.
pub const EVENTS_START_MAX: usize = 16;

/// Path at which a host asks for the events of one workload.
pub fn events_path(workload: ResourceUuid) -> String {
    EVENTS_PATH.replace("{workload}", &workload.to_string())
}

/// Says that a workload on this host asks for scheduled events, and which of them may start. The reply is [`MachineEvents`].
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EventsRequest {
    /// The events that may start.
    #[serde(default)]
    pub start: Vec<Uuid>,
}

/// The scheduled events of a machine that asks for them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MachineEvents {
    /// The name by which events call the machine.
    pub name: String,
    /// The number of this state of the list.
    pub incarnation: u64,
    /// The last time that the machine is known to have asked, in seconds since the epoch.
    pub asked_at: u64,
    /// The events.
    pub events: Vec<MachineEvent>,
}

/// Something that is going to happen to a machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MachineEvent {
    /// Its id.
    pub id: Uuid,
    /// Its kind.
    pub kind: EventKind,
    /// The time before which it does not start unless the machine says that it may, in seconds since the epoch.
    pub not_before: u64,
    /// True once it has started.
    pub started: bool,
    /// A sentence about it, or nothing.
    pub description: String,
    /// True where somebody asked for it; false where it is of the platform's own doing.
    pub by_user: bool,
    /// The time that it takes, in seconds; -1 where that is not known.
    pub duration_seconds: i64,
}

/// The kinds of events, as the metadata service calls them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum EventKind {
    /// The machine pauses for some seconds.
    Freeze,
    /// It is started anew.
    Reboot,
    /// It is moved to another host.
    Redeploy,
    /// It is a Spot machine, and is evicted.
    Preempt,
    /// It is deleted.
    Terminate,
}
