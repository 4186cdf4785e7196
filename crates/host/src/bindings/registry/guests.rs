//! Virtual sockets: one listener for each port, which all guests of this machine share. The number of the guest, by the
//! kernel's word, decides whose endpoint answers, at each request anew.

use crate::endpoint::Endpoint;
use bonafide_http::{Admission, Listening, PeerFacts, Service, SharedConnections, Waits, masked_path};
use bonafide_types::Timestamp;
use bonafide_types::limits::TOKEN_BODY_BYTES_MAX;
use bonafide_wire::{Answer, Peer, Remote, Reply, Request, Unserved};
use http::StatusCode;
use rustix::io::fcntl_dupfd_cloexec;
use std::borrow::Cow;
use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// The endpoints of guests, by port and number.
#[derive(Default)]
pub(super) struct GuestPorts(Mutex<HashMap<u32, Port>>);

struct Port {
    guests: Arc<Guests>,
    /// The listening socket once more.
    socket: Option<OwnedFd>,
    /// Tells the listener to stop.
    stop: watch::Sender<bool>,
    listener: JoinHandle<()>,
}

#[derive(Default)]
struct Guests(RwLock<HashMap<u32, Arc<Endpoint>>>);

/// A guest that is served; dropped, it is no more.
pub(super) struct Guest {
    ports: Arc<GuestPorts>,
    port: u32,
    cid: u32,
}

impl GuestPorts {
    /// The socket that listens at a port already: each guest has it held under its own name, so that it stays for the others
    /// when one is detached, over a restart too.
    pub(super) fn socket(&self, port: u32) -> Option<OwnedFd> {
        self.ports().get(&port)?.socket.as_ref()?.try_clone().ok()
    }

    /// Serves a guest at a port. `listen` starts what listens there on this socket, if nothing does yet.
    pub(super) fn serve(
        self: &Arc<Self>,
        (port, cid): (u32, u32),
        endpoint: Endpoint,
        connections: SharedConnections,
        socket: Option<Listening>,
        listen: impl FnOnce(Option<Listening>, AtPort, watch::Receiver<bool>) -> JoinHandle<()>,
    ) -> Guest {
        let mut ports = self.ports();
        let at = ports.entry(port).or_insert_with(|| {
            let (stop, stopped) = watch::channel(false);
            let guests = Arc::new(Guests::default());
            let again = socket.as_ref().and_then(|socket| fcntl_dupfd_cloexec(socket, 0).ok());
            let listener = listen(socket, AtPort { guests: Arc::clone(&guests), connections }, stopped);
            Port { guests, socket: again, stop, listener }
        });
        at.guests.0.write().unwrap_or_else(PoisonError::into_inner).insert(cid, Arc::new(endpoint));
        Guest { ports: Arc::clone(self), port, cid }
    }

    fn ports(&self) -> MutexGuard<'_, HashMap<u32, Port>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Guest {
    /// True where what listens at its port ended by itself.
    pub(super) fn has_ended(&self) -> bool {
        self.ports.ports().get(&self.port).is_none_or(|at| at.listener.is_finished())
    }

    /// Ends it. The listener of its port where that ends, too.
    pub(super) fn end(&self) -> Option<JoinHandle<()>> {
        let mut ports = self.ports.ports();
        let at = ports.get(&self.port)?;
        let mut guests = at.guests.0.write().unwrap_or_else(PoisonError::into_inner);
        guests.remove(&self.cid);
        let is_last = guests.is_empty();
        drop(guests);
        let ended = if is_last { ports.remove(&self.port)? } else { return None };
        let _ = ended.stop.send(true);
        Some(ended.listener)
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let _ = self.end();
    }
}

/// Answers at one port.
pub(super) struct AtPort {
    guests: Arc<Guests>,
    connections: SharedConnections,
}

impl AtPort {
    fn of(&self, remote: Remote) -> Option<Arc<Endpoint>> {
        let Remote::Vsock { cid } = remote else { return None };
        self.guests.0.read().unwrap_or_else(PoisonError::into_inner).get(&cid).cloned()
    }

    fn asked(&self, request: &Request) -> Option<Arc<Endpoint>> {
        match request.peer {
            Peer::Anonymous(remote) => self.of(remote),
            _ => None,
        }
    }
}

impl Service for AtPort {
    fn name(&self) -> &'static str {
        "metadata"
    }

    fn admit(&self, peer: &PeerFacts, certificate: Option<&[u8]>) -> Admission {
        match self.of(peer.remote) {
            Some(endpoint) => endpoint.admit(peer, certificate),
            None => Admission::Decline(Unserved::OtherUser),
        }
    }

    fn shared_connections(&self) -> Option<SharedConnections> {
        Some(self.connections.clone())
    }

    fn body_bytes_max(&self, _head: &Request) -> usize {
        TOKEN_BODY_BYTES_MAX
    }

    fn logged_path<'r>(&self, raw: &'r str, _status: StatusCode) -> Cow<'r, str> {
        masked_path(raw, |segment| ["metadata", "identity", "oauth2", "token", "instance"].contains(&segment)).into()
    }

    async fn answer(&self, request: &mut Request, at: Timestamp, waits: &Waits<'_>) -> Answer {
        match self.asked(request) {
            Some(endpoint) => endpoint.answer(request, at, waits).await,
            // Detached since the connection began.
            None => self.refusal(request, Unserved::OtherUser),
        }
    }

    fn refusal(&self, head: &Request, why: Unserved) -> Answer {
        match self.asked(head) {
            Some(endpoint) => endpoint.refusal(head, why),
            None => Reply::empty(StatusCode::FORBIDDEN).into(),
        }
    }

    fn closes_instead(&self, head: &Request, why: Unserved) -> bool {
        self.asked(head).is_some_and(|endpoint| endpoint.closes_instead(head, why))
    }
}
