//! The documents of the machines on this host, kept sealed, so that they are here while the control plane is not.

use crate::files::HostFiles;
use crate::state::context;
use bonafide_crypto::{Kek, sealed_file};
use bonafide_files::{Readers, io, read, write_private};
use bonafide_http::{Event, Log};
use bonafide_metadata::Agent;
use bonafide_types::ResourceUuid;
use std::collections::HashSet;
use std::sync::Arc;
use tokio::sync::Mutex;

/// The documents on the disk, a file each. A file is bound to its machine and to the etag of its state: what is newer than a
/// file makes it unreadable.
pub(crate) struct Instances {
    files: HostFiles,
    kek: Kek,
    log: Arc<Log>,
    /// Held while documents are fetched: one after the other, and none twice.
    pub(crate) fetching: Mutex<()>,
}

impl Instances {
    pub(crate) fn new(files: HostFiles, kek: Kek, log: Arc<Log>) -> Self {
        Self { files, kek, log, fetching: Mutex::default() }
    }

    /// Gives an agent what is on the disk of what it lacks.
    pub(crate) fn give_back(&self, agent: &Agent) {
        for (workload, etag) in agent.instances_to_fetch() {
            if let Some(document) = self.read(workload, &etag) {
                agent.put_instance(workload, &etag, &document);
            }
        }
    }

    fn read(&self, workload: ResourceUuid, etag: &str) -> Option<Vec<u8>> {
        let (path, name) = (self.files.kept_instance_of(workload), bound_to(workload, etag));
        let sealed = read(&path, Readers::Owner).ok()?;
        let opened = sealed_file::open(&self.kek, &context("agent-instance", &name), &sealed).ok()?;
        Some(opened.expose().clone())
    }

    pub(crate) fn keep(&self, workload: ResourceUuid, etag: &str, document: &[u8]) {
        let (path, name) = (self.files.kept_instance_of(workload), bound_to(workload, etag));
        let sealed = sealed_file::seal(&self.kek, &context("agent-instance", &name), document);
        let kept = sealed.map_err(|error| io(&path, std::io::Error::other(error.to_string())));
        // It is fetched anew after the next start.
        if let Err(why) = kept.and_then(|sealed| write_private(&path, &sealed)) {
            self.log.event(&Event::named("stateNotKept").with("file", "agent/kept/instances"), &why);
        }
    }

    /// Removes the documents of machines that are not here any more.
    pub(crate) fn keep_only(&self, here: &HashSet<ResourceUuid>) {
        let Ok(files) = std::fs::read_dir(self.files.kept_instances()) else { return };
        for file in files.flatten() {
            let id = file.file_name().to_str().and_then(|name| name.parse::<ResourceUuid>().ok());
            if id.is_none_or(|id| !here.contains(&id)) {
                let _ = std::fs::remove_file(file.path());
            }
        }
    }
}

fn bound_to(workload: ResourceUuid, etag: &str) -> String {
    format!("{workload}/{etag}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use bonafide_files::{Chosen, Root};
    use bonafide_metadata::Options;
    use bonafide_wire::hosts::{Desired, Workload};
    use serde_json::json;

    fn agent(etag: &str) -> (Agent, ResourceUuid) {
        let workload: Workload = serde_json::from_value(json!({
            "id": "00000001-0000-4000-8000-000000000000", "resourceId": "/subscriptions/00000002-0000-4000-8000-000000000000",
            "tenantId": "00000003-0000-4000-8000-000000000000", "location": "", "identities": [], "instance": etag,
        }))
        .unwrap();
        let (agent, id) = (Agent::new(Options::default()), workload.id);
        let workloads = vec![workload];
        agent.apply(Desired { cursor: String::new(), complete: true, workloads, removed: Vec::new(), nonce: None });
        (agent, id)
    }

    #[test]
    fn a_document_is_given_back_in_the_state_that_was_kept_to_its_own_machine_and_is_nowhere_in_the_clear() {
        let folder = tempfile::tempdir().unwrap();
        let files = HostFiles::create(&Root::create(&folder.path().join("data"), Chosen::Named).unwrap()).unwrap();
        let instances = Instances::new(files.clone(), Kek::generate(), Log::off());
        let (first, id) = agent("one");
        assert_eq!(first.instances_to_fetch(), [(id, "one".to_owned())]);
        instances.give_back(&first);
        assert_eq!(first.instances_to_fetch().len(), 1, "there is none yet");
        instances.keep(id, "one", br#"{"compute":{"userData":"hello"}}"#);
        let written = std::fs::read(files.kept_instance_of(id)).unwrap();
        assert!(!written.windows(5).any(|bytes| bytes == b"hello"));
        instances.give_back(&first);
        assert_eq!(first.instances_to_fetch(), []);
        let (changed, _) = agent("two");
        instances.give_back(&changed);
        assert_eq!(changed.instances_to_fetch().len(), 1, "that of an older state is not taken");
        instances.keep_only(&HashSet::new());
        assert!(!files.kept_instance_of(id).exists());
    }
}
