//! Workloads that are on this host only as long as sessions need them: the first session puts its workload
//! here, the last one takes it away.

use crate::agent::AgentRuntime;
use crate::placer::Placer;
use bonafide_types::ResourceUuid;
use bonafide_wire::hosts::Workload;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Longest time that the agent takes to see a workload that was put on its host, or taken from it.
const SEEN_WITHIN: Duration = Duration::from_secs(5);
/// Time between two looks.
const ASK_EVERY: Duration = Duration::from_millis(5);

/// The workloads that sessions have put on this host.
pub struct TemporaryPlacements {
    placer: Arc<dyn Placer>,
    agent: Arc<AgentRuntime>,
    leases: Mutex<Leases>,
}

/// One lock for each workload, so that none is put here while it is being taken away.
type Leases = HashMap<ResourceUuid, Arc<tokio::sync::Mutex<Lease>>>;

#[derive(Default)]
struct Lease {
    sessions: usize,
    /// False for a workload that was here before its first session, and remains.
    was_put_here: bool,
}

impl TemporaryPlacements {
    /// None yet.
    pub fn new(placer: Arc<dyn Placer>, agent: Arc<AgentRuntime>) -> Self {
        Self { placer, agent, leases: Mutex::default() }
    }

    /// The workload that is meant by an ARM id or a name.
    pub(crate) async fn resolve(&self, wanted: String) -> Result<ResourceUuid, String> {
        self.ask(move |placer| placer.resolve(&wanted)).await
    }

    /// The workloads that can be named, in words.
    pub(crate) async fn choice(&self) -> Result<String, String> {
        self.ask(|placer| Ok(placer.choice())).await
    }

    /// Begins a session of a workload. The caller releases it at its end. True where the workload is here for the sake of
    /// sessions.
    pub(crate) async fn acquire(&self, id: ResourceUuid) -> Result<(Workload, bool), String> {
        let lease = Arc::clone(self.leases().entry(id).or_default());
        let mut lease = lease.lock().await;
        if lease.sessions == 0 {
            lease.was_put_here = self.ask(move |placer| placer.place(id)).await?;
        }
        lease.sessions += 1;
        let was_put_here = lease.was_put_here;
        drop(lease);
        if self.agent_sees(|here| here.is_some(), id).await
            && let Some(workload) = self.here(id)
        {
            return Ok((workload, was_put_here));
        }
        self.release(id).await;
        let late = "the agent has not heard of the workload in time; try again";
        Err(self.agent.wants_decision().unwrap_or(late).to_owned())
    }

    /// Takes up a session that an earlier process of this agent had begun, and that goes on.
    pub(crate) async fn hold(&self, id: ResourceUuid, was_put_here: bool) {
        let lease = Arc::clone(self.leases().entry(id).or_default());
        let mut lease = lease.lock().await;
        lease.sessions += 1;
        lease.was_put_here |= was_put_here;
    }

    /// Ends a session that began.
    pub(crate) async fn release(&self, id: ResourceUuid) {
        let Some(lease) = self.leases().get(&id).map(Arc::clone) else { return };
        let mut locked = lease.lock().await;
        locked.sessions -= 1;
        if locked.sessions == 0 && locked.was_put_here {
            // A workload that cannot be taken away remains until the next start.
            let _ = self.ask(move |placer| placer.take_away(id)).await;
            // Until the agent has seen it, a new session would be answered for a workload that is about to go.
            self.agent_sees(|here| here.is_none(), id).await;
        }
        let is_over = locked.sessions == 0;
        drop(locked);
        let mut leases = self.leases();
        // The map's and ours: nobody else has it, or can get it.
        if is_over && Arc::strong_count(&lease) == 2 {
            leases.remove(&id);
        }
    }

    fn leases(&self) -> MutexGuard<'_, Leases> {
        self.leases.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn here(&self, id: ResourceUuid) -> Option<Workload> {
        self.agent.core.workloads().into_iter().find(|workload| workload.id == id)
    }

    /// Waits until the agent has seen a change; false when it does not in time.
    async fn agent_sees(&self, is_so: impl Fn(Option<Workload>) -> bool, id: ResourceUuid) -> bool {
        let seen = async {
            while !is_so(self.here(id)) {
                tokio::time::sleep(ASK_EVERY).await;
            }
        };
        tokio::time::timeout(SEEN_WITHIN, seen).await.is_ok()
    }

    /// Runs a call of the placer on a blocking thread.
    async fn ask<T: Send + 'static>(
        &self,
        call: impl FnOnce(&dyn Placer) -> Result<T, String> + Send + 'static,
    ) -> Result<T, String> {
        let placer = Arc::clone(&self.placer);
        tokio::task::spawn_blocking(move || call(&*placer)).await.map_err(|error| error.to_string())?
    }
}
