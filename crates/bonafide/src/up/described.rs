//! The description that `info` prints while `up` runs: workload `demo` in it for as long as there is one, and the ports that
//! are attached.

use bonafide_host::AgentRuntime;
use bonafide_host::bindings::Bindings;
use bonafide_http::{Event, Log, Stop, stopped};
use bonafide_plane::{Description, PlaneFiles, WorkloadEndpoint};
use bonafide_types::ResourceUuid;
use std::sync::Arc;

/// The description of this start.
pub(super) struct Described {
    pub(super) files: PlaneFiles,
    pub(super) description: Description,
    /// Workload `demo`, whose endpoints are those of the description.
    pub(super) demo: Option<ResourceUuid>,
    pub(super) log: Arc<Log>,
}

impl Described {
    /// The description as it is now. No other machine becomes `demo`.
    pub(super) fn now(&self, agent: &AgentRuntime, bindings: &Bindings) -> Description {
        // An agent whose host is frozen or disabled does not know what is to run here.
        let is_unknown = agent.status().refusal.is_some();
        let here = agent.core.workloads();
        let is_here = self.demo.is_some_and(|demo| is_unknown || here.iter().any(|workload| workload.id == demo));
        let demo = self.description.workloads.iter().filter(|_| is_here).cloned();
        let ports = bindings.ports().into_iter().map(|port| WorkloadEndpoint {
            resource_id: port.resource_id,
            endpoint: port.url,
            dialects: vec![port.dialect],
            header_file: port.header_file,
        });
        Description { workloads: demo.chain(ports).collect(), ..self.description.clone() }
    }

    /// Writes the description anew with each change of it, until told to stop.
    pub(super) async fn keep_true(self, agent: Arc<AgentRuntime>, bindings: Arc<Bindings>, mut stop: Stop) {
        let (mut changes, mut attachments) = (agent.changes(), bindings.changes());
        let mut written = None;
        loop {
            let description = self.now(&agent, &bindings);
            if written.as_ref() != Some(&description.workloads) {
                if let Err(why) = description.write(&self.files) {
                    self.log.event(&Event::named("descriptionNotWritten"), &why);
                }
                written = Some(description.workloads);
            }
            let changed = tokio::select! {
                changed = changes.changed() => changed,
                changed = attachments.changed() => changed,
                () = stopped(&mut stop) => return,
            };
            if changed.is_err() {
                return;
            }
        }
    }
}
