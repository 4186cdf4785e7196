//! Fetching the documents of the machines on this host, when they have changed.

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
    async fn fetch_instances(self: Arc<Self>) {
        let _one_at_a_time = self.instances.fetching.lock().await;
        let here = self.core.workloads().into_iter().map(|workload| workload.id).collect();
        self.instances.keep_only(&here);
        self.instances.give_back(&self.core);
        for (workload, etag) in self.core.instances_to_fetch() {
            let why = match self.ask(HostRequest::get(instance_path(workload))).await {
                Ok((StatusCode::OK, body)) if self.core.put_instance(workload, &etag, &body) => {
                    let agent = Arc::clone(&self);
                    let kept = move || agent.instances.keep(workload, &etag, &body);
                    let _ = tokio::task::spawn_blocking(kept).await;
                    continue;
                }
                Ok((status, _)) => format!("the control plane answered {status}"),
                Err(why) => why,
            };
            self.log.event(&Event::named("instanceNotFetched").with("workload", workload), &why);
        }
    }
}
