//! The endpoint of an extension at one site.

use super::guest::{Forwarder, GuestEndpoint, Signs};
use super::outcome::At;
use super::site::{Site, SiteKind, Sites};
use crate::agent::AgentRuntime;
use crate::caller::user_of;
use crate::endpoint::{AllowedUsers, Endpoint};
use crate::rules::Guarded;
use bonafide_http::{HttpLimits, Listener, Listening, Log, Service};
use bonafide_metadata::dialects::VM_EXTENSION;
use bonafide_metadata::{Binding, Endpoint as EndpointFacts};
use bonafide_types::ResourceUuid;
use bonafide_wire::hosts::{ExtensionEndpoint, ExtensionState, System};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Connections open at once on each socket. Source: ours; as many as on the socket of a binding.
const CONNECTIONS_MAX: usize = 4_096;
/// Longest time that a request in flight may take once the extension is gone. Source: ours; a token that is cached is
/// answered in microseconds.
const LAST_REQUESTS: Duration = Duration::from_millis(100);

/// Listeners at work. Dropped, they end at once.
pub(super) struct Serving {
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
    /// The listening sockets once more, to look at.
    sockets: Vec<OwnedFd>,
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
    ) -> std::io::Result<Self> {
        let (stop, stopped) = watch::channel(false);
        let (mut tasks, mut held) = (JoinSet::new(), Vec::new());
        let signs = matches!(site.kind, SiteKind::Guest { .. }).then(|| Arc::new(Signs::begin()));
        for socket in sockets {
            held.push(rustix::io::fcntl_dupfd_cloexec(&socket, 0)?);
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
                Some(signs) => {
                    let guest = GuestEndpoint { endpoint, signs: Arc::clone(signs) };
                    tasks.spawn(listener(socket, guest, log).serve(stopped.clone()))
                }
                None => tasks.spawn(listener(socket, endpoint, log).serve(stopped.clone())),
            };
        }
        Ok(Self { stop, tasks, sockets: held, system: wanted.system, signs })
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

    /// The reason why it serves no more, if it does not. Root of a namespace can end its sockets (`ss --kill`).
    pub(super) fn why_stopped(&mut self) -> Option<String> {
        if self.tasks.try_join_next().is_some() {
            return Some("what served it ended".to_owned());
        }
        let listens = |socket| rustix::net::sockopt::socket_acceptconn(socket).is_ok_and(|listens| listens);
        let dead = !self.sockets.iter().all(listens);
        dead.then(|| "its listening socket was closed from within the machine".to_owned())
    }

    /// Closes its connections, and waits for it: requests in flight have a moment.
    pub(super) async fn end(mut self) {
        let _ = self.stop.send(true);
        let over = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(LAST_REQUESTS, over).await.is_err() {
            self.tasks.shutdown().await;
        }
    }
}

fn listener<S: Service>(socket: Listening, service: S, log: &Arc<Log>) -> Listener<S> {
    Listener {
        socket,
        tls: None,
        service: Arc::new(service),
        limits: HttpLimits { connections: CONNECTIONS_MAX, ..HttpLimits::default() },
        user_of,
        proxies: Arc::default(),
        log: Arc::clone(log),
    }
}
