//! The listeners of a binding.

use super::Bindings;
use super::guests::Guest;
use crate::bindings::place::Place;
use crate::bindings::row::BindingRow;
use crate::caller::Callers;
use crate::endpoint::{AllowedUsers, Endpoint};
use crate::listeners::{CLOSED, Listeners, listener};
use crate::rules::{Guarded, RulesInForce};
use bonafide_files::User;
use bonafide_http::{Listening, SharedConnections};
use bonafide_metadata::{Binding, Dialect, Endpoint as EndpointFacts};
use bonafide_types::{BindingId, Secret};
use rustix::process::{Resource, getrlimit};
use std::net::SocketAddr;
use std::sync::Arc;

/// The part of the process's descriptors that connections of all bindings have together, as a divisor; a few of each
/// binding are its own. Source: ours.
const DESCRIPTORS_SHARE: usize = 4;
/// The port of HTTP, which a unix or virtual socket stands for: `curl --unix-socket` sends the host of the URL without one.
const HTTP: u16 = 80;

/// Listeners at work. Dropped, they end at once.
pub(super) struct Serving {
    listeners: Listeners,
    /// The guest of a virtual socket, whose listener is that of others, too.
    guest: Option<Guest>,
    callers: Callers,
}

impl Serving {
    /// The reason why it serves no more, if it ended by itself.
    pub(super) fn why_ended(&mut self) -> Option<&'static str> {
        match &self.guest {
            Some(guest) => guest.has_ended().then_some(CLOSED),
            None => self.listeners.why_ended(),
        }
    }

    /// Ends all of its connections, and waits for it: requests in flight have a moment.
    pub(super) async fn end(self) {
        self.without_guest().end().await;
    }

    /// The same where the whole agent ends: requests in flight are answered.
    pub(super) async fn end_in_peace(self) {
        self.without_guest().end_in_peace().await;
    }

    fn without_guest(mut self) -> Listeners {
        if let Some(listener) = self.guest.and_then(|guest| guest.end()) {
            self.listeners.await_at_end(listener);
        }
        self.listeners
    }
}

impl Bindings {
    /// Serves a binding on its sockets.
    pub(super) fn serve(
        &self,
        row: &BindingRow,
        dialect: &'static Dialect,
        rules: &RulesInForce,
        (sockets, callers): (Vec<Listening>, Callers),
    ) -> Serving {
        let mut listeners = Listeners::begin();
        if let Place::Vsock { cid, port } = row.place {
            let endpoint = self.endpoint(row, dialect, rules, (callers.clone(), None));
            let guest = self.serve_guest((port, cid), endpoint, sockets);
            return Serving { listeners, guest: Some(guest), callers };
        }
        for socket in sockets {
            if let Some(limit) = row.options.hop_limit {
                socket.limit_hops(limit);
            }
            // Connections are of the port at which the place is asked; its socket may be bound to another one (ADR 35).
            let at = socket.address().map(|address| SocketAddr::new(address.ip(), asked_at(&row.place)));
            listeners.serve(socket, self.endpoint(row, dialect, rules, (callers.clone(), at)), &self.log);
        }
        Serving { listeners, guest: None, callers }
    }

    /// The way in which the callers at a binding that serves are known.
    pub(crate) fn callers(&self, id: BindingId) -> Callers {
        let entries = self.entries();
        let serving = entries.get(&id).and_then(|entry| entry.serving.as_ref());
        serving.map(|serving| serving.callers.clone()).unwrap_or_default()
    }

    fn serve_guest(&self, at: (u32, u32), endpoint: Endpoint, sockets: Vec<Listening>) -> Guest {
        let socket = sockets.into_iter().next();
        self.guests.serve(at, endpoint, self.connections.clone(), socket, |socket, service, stopped| match socket {
            Some(socket) => tokio::spawn(listener(socket, service, &self.log).serve(stopped)),
            None => tokio::spawn(async {}),
        })
    }

    fn endpoint(
        &self,
        row: &BindingRow,
        dialect: &'static Dialect,
        rules: &RulesInForce,
        (callers, at): (Callers, Option<SocketAddr>),
    ) -> Endpoint {
        let binding = Binding::new(row.workload, dialect, facts(row)).with_http_1_0(row.options.allow_http_1_0);
        let binding = binding.with_sessions(row.options.require_session);
        let user = row.user.and_then(User::told);
        let users = match (&row.place, user) {
            (Place::Interface { .. }, _) => AllowedUsers::OtherEnd,
            (_, Some(user)) => AllowedUsers::Of(user),
            (_, None) => AllowedUsers::Any,
        };
        let connections = Some(self.connections.clone());
        let guarded = Guarded::new(rules.clone(), &row.id.to_string());
        Endpoint { binding, users, agent: Arc::clone(&self.agent), connections, callers, at, guarded }
    }
}

/// The connections that all bindings have together.
pub(super) fn connections() -> SharedConnections {
    let descriptors = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    SharedConnections::new(usize::try_from(descriptors).unwrap_or(usize::MAX) / DESCRIPTORS_SHARE)
}

/// A binding's endpoint, as its clients know it.
pub(super) fn facts(row: &BindingRow) -> EndpointFacts {
    let port = asked_at(&row.place);
    let mut names = row.options.host_names.clone();
    names.extend(row.place.ipv6().map(|address| format!("[{address}]")));
    let secret = row.secret.as_ref().map(|secret| Secret::new(secret.expose().to_owned()));
    EndpointFacts { port, secret, names }
}

/// The port at which a place is asked.
fn asked_at(place: &Place) -> u16 {
    match *place {
        Place::Port { number } => number,
        Place::Netns { port: Some(port), .. } => port,
        Place::Netns { .. } | Place::Interface { .. } => HTTP,
        Place::Unix { .. } | Place::VsockUnix { .. } | Place::Vsock { .. } => HTTP,
    }
}
