//! Accepting connections.

use super::connection::{Admission, Connections, HttpLimits, LARGE_BODY_STEP_BYTES, PeerFacts, Service};
use super::last::write_last;
use super::listening::Listening;
use super::log::{Log, connection_members};
use bonafide_wire::{Answer, Peer};
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

/// Larger bodies in memory at once on one listener, in bytes together. Source: ours.
pub(super) const LARGE_BODIES_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Longest time for a TLS handshake, in seconds. Source: ours.
const HANDSHAKE_SECONDS_MAX: u64 = 10;
/// Longest time that requests in flight may take after a stop was asked for, in seconds. Source: ours.
const STOP_SECONDS_MAX: u64 = 10;

/// Tells listeners to stop.
pub type Stop = watch::Receiver<bool>;

/// Returns when it is time to stop.
pub async fn stopped(stop: &mut Stop) {
    // An error means that nobody is left who could say so: time to stop as well.
    let _ = stop.wait_for(|stop| *stop).await;
}

/// Pause before the next accept when the process has no descriptor left (OV-08).
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Interval at which a stopping listener looks for requests that are still being answered.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// A listening socket with what answers on it.
pub struct Listener<S> {
    /// The socket.
    pub socket: Listening,
    /// TLS, or none for plain HTTP.
    pub tls: Option<TlsAcceptor>,
    /// The service behind it.
    pub service: Arc<S>,
    /// Time and connection limits.
    pub limits: HttpLimits,
    /// The log of requests and failures.
    pub log: Arc<Log>,
}

/// Starts listeners with the same log, limits, stop signal and runtime.
pub struct Listeners {
    /// The log of requests and failures.
    pub log: Arc<Log>,
    /// Time and connection limits of each.
    pub limits: HttpLimits,
    /// Tells them to stop.
    pub stop: Stop,
    /// The runtime that serves their connections.
    pub runtime: Handle,
}

impl Listeners {
    /// Serves on one more socket, as one of `tasks`.
    pub fn start<S: Service>(&self, tasks: &mut JoinSet<()>, socket: Listening, tls: Option<TlsAcceptor>, service: S) {
        let (service, log) = (Arc::new(service), Arc::clone(&self.log));
        let listener = Listener { socket, tls, service, limits: self.limits, log };
        tasks.spawn_on(listener.serve(self.stop.clone()), &self.runtime);
    }
}

impl<S: Service> Listener<S> {
    /// Serves until told to stop; then lets requests in flight end, for a bounded time, and closes every
    /// connection.
    pub async fn serve(self, mut stop: Stop) {
        let shared = Arc::new(Connections {
            service: self.service,
            limits: self.limits,
            log: self.log,
            in_flight: AtomicUsize::new(0),
            stopping: AtomicBool::new(false),
            large_bodies: Semaphore::new(LARGE_BODIES_BYTES_MAX / LARGE_BODY_STEP_BYTES),
        });
        let mut connections = JoinSet::new();
        loop {
            let is_full = connections.len() >= shared.limits.connections;
            let accepted = tokio::select! {
                biased;
                () = stopped(&mut stop) => break,
                Some(_) = connections.join_next() => continue,
                accepted = self.socket.accept(), if !is_full => accepted,
            };
            match accepted {
                Ok((stream, peer)) => {
                    drop(connections.spawn(open(Arc::clone(&shared), self.tls.clone(), stream, peer)));
                }
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            }
        }
        drop(self.socket);
        shared.stopping.store(true, Ordering::Relaxed);
        let quiet = async {
            while shared.in_flight.load(Ordering::Relaxed) > 0 {
                tokio::time::sleep(LOOK_EVERY).await;
            }
            // Replies that were just made are still being written.
            tokio::time::sleep(LOOK_EVERY).await;
        };
        // A request that is not answered within the limit ends with its connection.
        let _ = tokio::time::timeout(Duration::from_secs(STOP_SECONDS_MAX), quiet).await;
        connections.shutdown().await;
    }
}

async fn open<S: Service>(shared: Arc<Connections<S>>, tls: Option<TlsAcceptor>, stream: TcpStream, peer: SocketAddr) {
    // Replies are written whole; waiting to fill a packet only adds delay.
    let _ = stream.set_nodelay(true);
    let Some(tls) = tls else {
        return match shared.service.admit(&facts(peer, &stream), None) {
            Admission::Serve { peer, until } => shared.run(stream, peer, until).await,
            Admission::Refuse(answer) => refuse(&shared, stream, peer, &answer).await,
        };
    };
    let handshake = tokio::time::timeout(Duration::from_secs(HANDSHAKE_SECONDS_MAX), tls.accept(stream));
    let handshake = handshake.await;
    // TLS that is refused, but not who breaks off or says nothing: ports are looked at all the time.
    if let Ok(Err(error)) = &handshake
        && error.kind() == ErrorKind::InvalidData
    {
        shared.log_closed(Peer::Anonymous(peer), error);
    }
    if let Ok(Ok(stream)) = handshake {
        let (tcp, session) = stream.get_ref();
        let certificate = session.peer_certificates().and_then(|chain| chain.first());
        match shared.service.admit(&facts(peer, tcp), certificate.map(|der| der.as_ref())) {
            Admission::Serve { peer, until } => shared.run(stream, peer, until).await,
            Admission::Refuse(answer) => refuse(&shared, stream, peer, &answer).await,
        }
    }
}

fn facts(remote: SocketAddr, stream: &TcpStream) -> PeerFacts {
    PeerFacts { remote, local: stream.local_addr().ok() }
}

/// Tells a connection that it is not served, without waiting for what it asks.
async fn refuse<S: Service>(
    shared: &Connections<S>,
    stream: impl AsyncRead + AsyncWrite + Unpin,
    peer: SocketAddr,
    answer: &Answer,
) {
    shared.log_refused(&connection_members(shared.service.name(), Peer::Anonymous(peer)), answer);
    // No request has been read.
    write_last(stream, &answer.reply, false).await;
}
