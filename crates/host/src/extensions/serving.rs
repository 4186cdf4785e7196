//! The endpoint of an extension at one site.

use super::guest::{Forwarder, GuestEndpoint, Signs};
use super::outcome::At;
use super::site::{Site, SiteKind, Sites};
use crate::agent::AgentRuntime;
use crate::endpoint::{AllowedUsers, Endpoint};
use crate::listeners::Listeners;
use crate::rules::Guarded;
use bonafide_http::{Listening, Log};
use bonafide_metadata::dialects::VM_EXTENSION;
use bonafide_metadata::{Binding, Endpoint as EndpointFacts};
use bonafide_types::ResourceUuid;
use bonafide_wire::hosts::{ExtensionEndpoint, ExtensionState, System};
use std::sync::Arc;

/// Listeners at work. Dropped, they end at once.
pub(super) struct Serving {
    listeners: Listeners,
    system: System,
    /// Of a forwarder, at a site that wants one.
    signs: Option<Arc<Signs>>,
}

impl Serving {
    /// Serves on these sockets.
    pub(super) fn begin(
        agent: &Arc<AgentRuntime>,
        log: &Arc<Log>,
        (workload, wanted): (ResourceUuid, ExtensionEndpoint),
        site: &Site,
        sockets: Vec<Listening>,
        sites: &dyn Sites,
    ) -> Self {
        let mut listeners = Listeners::begin();
        let signs = matches!(site.kind, SiteKind::Guest { .. }).then(|| Arc::new(Signs::begin()));
        for socket in sockets {
            let facts = EndpointFacts { port: wanted.port.get(), ..EndpointFacts::default() };
            let binding = Binding::new(workload, &VM_EXTENSION, facts).with_http_1_0(site.takes_http_1_0);
            let users = match site.kind {
                SiteKind::Loopback => AllowedUsers::Any,
                SiteKind::Guest { .. } => AllowedUsers::OtherEnd,
            };
            let (connections, callers, at) = (Some(sites.connections()), sites.callers(site), socket.address());
            let guarded = Guarded::new(site.rules.clone(), &site.key);
            let agent = Arc::clone(agent);
            let endpoint = Endpoint { binding, users, agent, connections, callers, at, guarded };
            match &signs {
                Some(signs) => listeners.serve(socket, GuestEndpoint { endpoint, signs: Arc::clone(signs) }, log),
                None => listeners.serve(socket, endpoint, log),
            }
        }
        Self { listeners, system: wanted.system, signs }
    }

    /// The endpoint as its workload finds it.
    pub(super) fn at(&self) -> At<'_> {
        let Some(signs) = &self.signs else { return At::Answers };
        match signs.forwarder() {
            Forwarder::Awaited => At::Awaited,
            Forwarder::Missing => At::Refused(ExtensionState::NoForwarder, ""),
            Forwarder::Gone => At::Stopped("the forwarder in the machine gives no sign any more"),
            Forwarder::PortTaken => At::Refused(ExtensionState::PortTaken, "in the machine"),
            Forwarder::Answers(system) if system != self.system => At::Refused(ExtensionState::OtherSystem, ""),
            Forwarder::Answers(_) => At::Answers,
        }
    }

    /// The reason why it serves no more, if it does not.
    pub(super) fn why_stopped(&mut self) -> Option<String> {
        self.listeners.why_ended().map(str::to_owned)
    }

    /// Closes its connections, and waits for it: requests in flight have a moment.
    pub(super) async fn end(self) {
        self.listeners.end().await;
    }

    /// The same where the whole agent ends: requests in flight are answered.
    pub(super) async fn end_in_peace(self) {
        self.listeners.end_in_peace().await;
    }
}
