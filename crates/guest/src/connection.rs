//! One connection that is passed on.

use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

/// A client's connection and, once there is one, that to the host.
pub(crate) struct Connection {
    pub(crate) client: TcpStream,
    /// The client's end.
    pub(crate) peer: SocketAddr,
    upstream: OnceLock<TcpStream>,
    state: Mutex<State>,
}

struct State {
    pace: Pace,
    is_over: bool,
}

/// The last thing that was done on a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    /// It began.
    BegunAt(Instant),
    /// The host answered: nobody waits.
    IdleSince(Instant),
    /// The client sent something, whole or not.
    AskedAt(Instant),
}

impl Connection {
    pub(crate) fn begin(client: TcpStream, peer: SocketAddr) -> Self {
        let state = State { pace: Pace::BegunAt(Instant::now()), is_over: false };
        Self { client, peer, upstream: OnceLock::new(), state: Mutex::new(state) }
    }

    /// Keeps the connection to the host. `None` where this one is over already.
    pub(crate) fn goes_to(&self, upstream: TcpStream) -> Option<&TcpStream> {
        let state = self.state();
        let upstream = self.upstream.get_or_init(|| upstream);
        (!state.is_over).then_some(upstream)
    }

    pub(crate) fn pace(&self) -> Pace {
        self.state().pace
    }

    /// Something came from the client, or from the host.
    pub(crate) fn moves(&self, is_client: bool) {
        let now = Instant::now();
        self.state().pace = if is_client { Pace::AskedAt(now) } else { Pace::IdleSince(now) };
    }

    /// Ends it in both directions, on both sides.
    pub(crate) fn end(&self) {
        self.state().is_over = true;
        for stream in self.upstream.get().into_iter().chain([&self.client]) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
