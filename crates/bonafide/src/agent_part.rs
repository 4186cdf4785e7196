//! The agent's part of a process: it stays a host, follows what is to run here, serves what is attached, and answers the
//! command line. `up` and `host run` differ in who places workloads and who decides about hosts.

use crate::running::Tasks;
use bonafide_host::bindings::{Bindings, BindingsError};
use bonafide_host::{
    AgentRuntime, AllowedUsers, ControlError, ControlSocket, HostDecisions, HostFiles, Placer, TemporaryPlacements,
};
use bonafide_http::{Log, Stop};
use bonafide_metadata::host::Watch;
use bonafide_opener::Opener;
use bonafide_types::ResourceUuid;
use std::sync::Arc;

/// An agent and what it depends on.
pub(crate) struct AgentPart {
    /// The agent.
    pub(crate) agent: Arc<AgentRuntime>,
    /// The one that puts workloads on this host.
    pub(crate) placer: Arc<dyn Placer>,
    /// The one that carries orders about hosts out.
    pub(crate) decisions: Arc<dyn HostDecisions>,
    /// The one that opens sockets of what is attached.
    pub(crate) opener: Arc<dyn Opener>,
    /// The workload that is meant when none is named.
    pub(crate) default_workload: Option<ResourceUuid>,
    /// The users whose connections endpoints of loopback take.
    pub(crate) users: AllowedUsers,
    /// The log of requests and failures.
    pub(crate) log: Arc<Log>,
}

/// The reason why the agent's part does not start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AgentPartError {
    /// The bindings.
    #[error(transparent)]
    Bindings(#[from] BindingsError),
    /// The control socket.
    #[error(transparent)]
    Control(#[from] ControlError),
}

impl AgentPart {
    /// Starts its tasks, from the place that was read up to, and serves the control socket: what is attached here.
    pub(crate) async fn start(
        self,
        files: &HostFiles,
        watch: Watch,
        tasks: &mut Tasks,
        stopped: &Stop,
    ) -> Result<Arc<Bindings>, AgentPartError> {
        let Self { agent, placer, decisions, opener, default_workload, users, log } = self;
        tasks.set.spawn(Arc::clone(&agent).watch(watch, stopped.clone()));
        tasks.set.spawn(Arc::clone(&agent).stay(stopped.clone()));
        let placements = Arc::new(TemporaryPlacements::new(placer, Arc::clone(&agent)));
        let held_by = Arc::clone(&placements);
        let bindings = Arc::new(Bindings::new(files, Arc::clone(&agent), held_by, opener, Arc::clone(&log))?);
        bindings.restore().await?;
        bindings.follow_news();
        tasks.set.spawn(Arc::clone(&bindings).stay(stopped.clone()));
        let bound = Arc::clone(&bindings);
        let control = ControlSocket { placements, bindings: bound, decisions, agent, default_workload, log, users };
        control.serve(files, stopped.clone()).await?;
        Ok(bindings)
    }
}
