//! Orders about hosts at a machine whose control plane is elsewhere: it knows itself, and decides nothing.

use bonafide_host::{AgentRuntime, HostDecisions, HostLine, HostOrder, HostState};
use bonafide_metadata::host::HostRefusal;
use std::sync::{Arc, Weak};

/// The host that this machine is.
pub(super) struct OfThisHost(Weak<AgentRuntime>);

impl OfThisHost {
    /// The host of this agent.
    pub(super) fn of(agent: &Arc<AgentRuntime>) -> Self {
        Self(Arc::downgrade(agent))
    }
}

impl HostDecisions for OfThisHost {
    fn obey(&self, order: &HostOrder) -> Result<Vec<HostLine>, String> {
        let agent = self.0.upgrade().ok_or("the agent is stopping")?;
        if !matches!(order, HostOrder::List) {
            return Err(
                "the control plane of this host is elsewhere: add --url https://NAME:PORT of its public origin, and \
                        sign in as one who may decide about hosts"
                    .to_owned(),
            );
        }
        let status = agent.status();
        let state = match status.refusal {
            Some(HostRefusal::Disabled) => HostState::Disabled,
            Some(HostRefusal::Frozen) => HostState::Frozen,
            Some(HostRefusal::JoinAgain) | None => HostState::Enabled,
        };
        let decision = || agent.wants_decision().unwrap_or("this host has no certificate: join again");
        let id = agent.host_id().ok_or_else(decision)?;
        Ok(vec![HostLine {
            id,
            name: "this-host".to_owned(),
            state,
            since: None,
            certificate_issued_at: status.certificate_issued_at.map(|at| at.second()),
        }])
    }
}
