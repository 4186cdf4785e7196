//! The description that `info` prints while `up` runs: workload `demo` in it for as long as there is one.

use bonafide_host::AgentRuntime;
use bonafide_http::{Event, Log, Stop, stopped};
use bonafide_plane::{Description, PlaneFiles};
use bonafide_types::ResourceUuid;
use std::sync::Arc;

/// The description of this start, which names workload `demo`.
pub(super) struct Described {
    pub(super) files: PlaneFiles,
    pub(super) description: Description,
    pub(super) demo: ResourceUuid,
    pub(super) log: Arc<Log>,
}

impl Described {
    /// Waits until `demo` was deleted, and writes the description without it. No other machine becomes it.
    pub(super) async fn keep_true(self, agent: Arc<AgentRuntime>, mut stop: Stop) {
        let mut changes = agent.changes();
        // An agent whose host is frozen or disabled does not know what is to run here.
        let is_unknown = || agent.status().refusal.is_some();
        while is_unknown() || agent.core.workloads().iter().any(|workload| workload.id == self.demo) {
            tokio::select! {
                changed = changes.changed() => if changed.is_err() { return },
                () = stopped(&mut stop) => return,
            }
        }
        let description = Description { workloads: Vec::new(), ..self.description };
        if let Err(why) = description.write(&self.files) {
            self.log.event(&Event::named("descriptionNotWritten"), &why);
        }
    }
}
