//! The documents of the machines on this host: fetched when they have changed, so that they are here while the control
//! plane is not.

use crate::agent::AgentRuntime;
use bonafide_http::Event;
use bonafide_metadata::host::HostRequest;
use bonafide_wire::hosts::instance_path;
use http::StatusCode;
use std::sync::Arc;

impl AgentRuntime {
    /// Fetches, in a task of its own, what has changed.
    pub(crate) fn begin_to_fetch_instances(self: &Arc<Self>) {
        if !self.core.instances_to_fetch().is_empty() {
            let agent = Arc::clone(self);
            tokio::spawn(async move { agent.fetch_instances().await });
        }
    }

    /// Fetches what has changed. What fails is fetched after the next poll, or when a workload asks for it.
    pub(crate) async fn fetch_instances(&self) {
        // One after the other, and nobody twice.
        let _one_at_a_time = self.fetching_instances.lock().await;
        for (workload, etag) in self.core.instances_to_fetch() {
            let why = match self.ask(HostRequest::get(instance_path(workload))).await {
                Ok((StatusCode::OK, body)) if self.core.put_instance(workload, &etag, &body) => continue,
                Ok((status, _)) => format!("the control plane answered {status}"),
                Err(why) => why,
            };
            let event = Event::named("instanceNotFetched").with("workload", workload);
            self.log.event(&event, &why);
        }
    }
}
