//! Workloads that are on this host only as long as sessions need them: the first session puts its workload
//! here, the last one takes it away.

use super::AgentRuntime;
use crate::attach::LocalHost;
use bonafide_types::{ResourceId, ResourceUuid};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long the agent may take to hear of a workload that was put on its host, or taken from it.
const HEARD_WITHIN: Duration = Duration::from_secs(5);
/// How often it is asked.
const HEARD_EVERY: Duration = Duration::from_millis(5);

pub(crate) struct Stays {
    host: Arc<LocalHost>,
    agent: Arc<AgentRuntime>,
    open: Mutex<Open>,
}

/// One lock for each workload, so that none is put here while it is being taken away.
type Open = HashMap<ResourceUuid, Arc<tokio::sync::Mutex<Stay>>>;

#[derive(Default)]
struct Stay {
    sessions: usize,
    /// False for a workload that was here before its first session, and stays.
    was_put_here: bool,
}

impl Stays {
    pub(crate) fn new(host: Arc<LocalHost>, agent: Arc<AgentRuntime>) -> Self {
        Self { host, agent, open: Mutex::default() }
    }

    /// The workload that is meant by an ARM id or a name.
    pub(crate) async fn resolve(&self, wanted: String) -> Result<ResourceUuid, String> {
        self.ask(move |host| host.resolve(&wanted)).await
    }

    /// Begins a session of a workload. Whoever began it ends it.
    pub(crate) async fn begin(&self, id: ResourceUuid) -> Result<ResourceId, String> {
        let stay = Arc::clone(self.open().entry(id).or_default());
        let mut stay = stay.lock().await;
        if stay.sessions == 0 {
            let placed = self.ask(move |host| host.place(id).map_err(|error| error.to_string())).await;
            stay.was_put_here = placed?;
        }
        stay.sessions += 1;
        drop(stay);
        if self.heard(|here| here.is_some(), id).await
            && let Some(resource_id) = self.here(id)
        {
            return Ok(resource_id);
        }
        self.end(id).await;
        Err("the agent has not heard of the workload in time; try again".to_owned())
    }

    /// Ends a session that began.
    pub(crate) async fn end(&self, id: ResourceUuid) {
        let Some(stay) = self.open().get(&id).map(Arc::clone) else { return };
        let mut counted = stay.lock().await;
        counted.sessions -= 1;
        if counted.sessions == 0 && counted.was_put_here {
            // What fails stays until the next start.
            let _ = self.ask(move |host| host.take_away(id).map_err(|error| error.to_string())).await;
            // Before the agent has heard, a new session would be answered for a workload that is about to go.
            self.heard(|here| here.is_none(), id).await;
        }
        let is_over = counted.sessions == 0;
        drop(counted);
        let mut open = self.open();
        // The map's and ours: nobody else has it, or can get it.
        if is_over && Arc::strong_count(&stay) == 2 {
            open.remove(&id);
        }
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn here(&self, id: ResourceUuid) -> Option<ResourceId> {
        let workloads = self.agent.core.workloads();
        workloads.into_iter().find(|workload| workload.id == id).map(|workload| workload.resource_id)
    }

    /// Waits until the agent has heard; false when it does not in time.
    async fn heard(&self, is_so: impl Fn(Option<ResourceId>) -> bool, id: ResourceUuid) -> bool {
        let heard = async {
            while !is_so(self.here(id)) {
                tokio::time::sleep(HEARD_EVERY).await;
            }
        };
        tokio::time::timeout(HEARD_WITHIN, heard).await.is_ok()
    }

    /// What waits for the store does so on a thread of its own.
    async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&LocalHost) -> Result<T, String> + Send + 'static,
    ) -> Result<T, String> {
        let host = Arc::clone(&self.host);
        tokio::task::spawn_blocking(move || question(&host)).await.map_err(|error| error.to_string())?
    }
}
