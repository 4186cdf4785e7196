//! Accepting connections.

use super::admission::{Holder, LocalUser, Place, Places, Rooms, TrustedProxy, proxy};
use super::connection::{Admitted, Connections};
use super::last::write_last;
use super::limits::{HANDSHAKE_SECONDS_MAX, SEND_BUFFER_BYTES, TLS_BUFFER_BYTES};
use super::listening::{Accepted, Listening};
use super::log::{Log, connection_members};
use super::panics::{caught, caught_at_once};
use super::service::{Admission, HttpLimits, PeerFacts, Service};
use super::stream::Stream;
use super::unasked::{AllUnasked, Unasked};
use bonafide_wire::{Peer, Remote};
use rustix::io::Errno;
use rustix::net::sockopt::set_socket_send_buffer_size;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

/// Longest time that requests in flight may take after a stop was asked for, in seconds. Source: ours.
const STOP_SECONDS_MAX: u64 = 10;

/// Tells listeners to stop.
pub type Stop = watch::Receiver<bool>;

/// True of an error by which the process, or the machine, is short of descriptors or memory. It says nothing about what
/// was asked.
pub fn is_shortage(error: &std::io::Error) -> bool {
    let shortages = [Errno::MFILE, Errno::NFILE, Errno::NOMEM, Errno::NOBUFS];
    error.raw_os_error().is_some_and(|code| shortages.iter().any(|shortage| shortage.raw_os_error() == code))
}

/// Returns when it is time to stop.
pub async fn stopped(stop: &mut Stop) {
    // An error means that nobody is left who could say so: time to stop as well.
    let _ = stop.wait_for(|stop| *stop).await;
}

/// Pause before the next accept when the process has no descriptor left (OV-08).
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Interval at which a stopping listener looks for requests that are still being answered.
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// Longest time that a stopping listener waits for the first request of who has connected. Source: ours; a TLS handshake and
/// a request from another continent.
const STOP_UNASKED_MAX: Duration = Duration::from_millis(500);

/// Asks the kernel which user is at the other end (first) of a connection to our own end (second).
pub type AskUser = fn(SocketAddr, SocketAddr) -> LocalUser;

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
    /// Tells the users of connections that begin on this machine.
    pub user_of: AskUser,
    /// Proxies whose connections begin with the PROXY protocol, and count for the clients that it names.
    pub proxies: Arc<[TrustedProxy]>,
    /// The log of requests and failures.
    pub log: Arc<Log>,
}

/// Starts listeners with the same log, limits, stop signal and runtime.
pub struct Listeners {
    /// The log of requests and failures.
    pub log: Arc<Log>,
    /// Time and connection limits of each.
    pub limits: HttpLimits,
    /// Tells the users of connections that begin on this machine.
    pub user_of: AskUser,
    /// Tells them to stop.
    pub stop: Stop,
    /// The runtime that serves their connections.
    pub runtime: Handle,
}

impl Listeners {
    /// Serves on one more socket, as one of `tasks`, without proxies in front of it.
    pub fn start<S: Service>(&self, tasks: &mut JoinSet<()>, socket: Listening, tls: Option<TlsAcceptor>, service: S) {
        self.start_behind(Arc::default(), tasks, socket, tls, service);
    }

    /// Serves on one more socket, as one of `tasks`, behind these proxies.
    pub fn start_behind<S: Service>(
        &self,
        proxies: Arc<[TrustedProxy]>,
        tasks: &mut JoinSet<()>,
        socket: Listening,
        tls: Option<TlsAcceptor>,
        service: S,
    ) {
        let (service, log, user_of) = (Arc::new(service), Arc::clone(&self.log), self.user_of);
        let listener = Listener { socket, tls, service, limits: self.limits, user_of, proxies, log };
        tasks.spawn_on(listener.serve(self.stop.clone()), &self.runtime);
    }
}

impl<S: Service> Listener<S> {
    /// Serves until told to stop; then lets requests in flight end, for a bounded time, and closes every
    /// connection. Ends at once, and so do its connections, where its socket listens no more and may not listen again.
    pub async fn serve(self, mut stop: Stop) {
        let Self { mut socket, tls, service, limits, user_of, proxies, log } = self;
        let places = Places::new(limits.connections, service.is_of_one_user(), service.shared_connections());
        let shared = Arc::new(Connections {
            service,
            limits,
            log,
            in_flight: AtomicUsize::new(0),
            stopping: AtomicBool::new(false),
            unasked: AllUnasked::default(),
            places,
            rooms: Rooms::default(),
        });
        let user_of = socket.knows_users().then_some(user_of);
        let mut door = Door { shared, tls, user_of, proxies, connections: JoinSet::new() };
        loop {
            let accepted = tokio::select! {
                biased;
                () = stopped(&mut stop) => break,
                Some(_) = door.connections.join_next() => continue,
                accepted = socket.accept() => accepted,
            };
            match accepted {
                Ok(Accepted::Peer(stream, remote)) => door.take(stream, remote),
                Ok(Accepted::Foreign(remote)) => door.shared.log_foreign(remote),
                Err(_) if !socket.listens() => {
                    let Some(again) = socket.again() else { return };
                    door.shared.log_closed_socket(&socket);
                    match again {
                        Ok(again) => socket = again,
                        Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
                    }
                }
                // Peers that break off at once hold up nobody.
                Err(error) if matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset) => {}
                Err(error) => {
                    if is_shortage(&error) {
                        // Idle connections have descriptors.
                        door.shared.places.make_room();
                    }
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
        drop(socket);
        door.close().await;
    }
}

/// The way into a listener. Every connection is taken from the kernel at once, and served, told that it is refused, or
/// closed: one that waited there would wait behind all others.
struct Door<S> {
    shared: Arc<Connections<S>>,
    tls: Option<TlsAcceptor>,
    /// `None` where the kernel would find other connections than those of this listener.
    user_of: Option<AskUser>,
    proxies: Arc<[TrustedProxy]>,
    connections: JoinSet<()>,
}

impl<S: Service> Door<S> {
    fn take(&mut self, stream: Stream, mut remote: Remote) {
        if let Remote::Unix { cgroup, .. } = &mut remote {
            *cgroup = self.shared.service.control_group_of(stream.as_fd());
        }
        stream.delay_nothing();
        // Without it more is kept for a peer that does not read, and nothing else changes.
        let _ = set_socket_send_buffer_size(&stream, SEND_BUFFER_BYTES);
        let local = stream.local();
        let ip = remote.ip();
        let is_here = ip.is_some_and(|ip| ip.is_loopback()) || (ip.is_some() && local.map(|local| local.ip()) == ip);
        let at_proxy = || self.proxies.iter().filter(|proxy| ip.is_some_and(|ip| proxy.is_at(ip)));
        let is_at_proxy = at_proxy().next().is_some();
        let user = match (remote, local.zip(self.user_of)) {
            // On a machine with several addresses a local connection can have two of them.
            (Remote::Ip(remote), Some((local, user_of))) if is_here || is_at_proxy => user_of(remote, local),
            // Without an answer nobody is a proxy.
            (Remote::Ip(_), None) if is_at_proxy => LocalUser::Nameless,
            (Remote::Unix { uid, .. }, _) => LocalUser::Is(uid),
            (Remote::Ip(_) | Remote::Vsock { .. }, _) => LocalUser::Unknown,
        };
        let facts = PeerFacts { remote, local, user, passed_on_by: None };
        let is_proxy = at_proxy().any(|proxy| proxy.runs_as(user));
        let is_beside_proxy = is_at_proxy && !is_proxy;
        let holder = Holder::of(user, remote);
        let hears_forwarders = self.shared.service.hears_forwarders();
        if user == LocalUser::NotAsked {
            // Idle connections have descriptors, with which the kernel can be asked about the next caller.
            self.shared.places.make_room();
        }
        // A caller that is refused by its connection alone never has a place of those who are served.
        let is_known = !is_proxy;
        let admit = || (self.tls.is_none() && is_known).then(|| self.shared.service.admit(&facts, None));
        let admission = match caught_at_once(admit) {
            Ok(admission) => admission,
            Err(panicked) => return self.shared.log_panicked(&panicked),
        };
        // One that may be served may be passing another one's connection on.
        let admission = admission.filter(|it| !(hears_forwarders && matches!(it, Admission::Serve { .. })));
        let hears_forwarders = hears_forwarders && admission.is_none();
        let place = match admission {
            Some(Admission::Refuse(_) | Admission::Decline(_)) => self.shared.places.refuse(holder),
            Some(Admission::Serve { .. }) | None => self.shared.places.enter(holder),
        };
        let Some(place) = place else { return };
        // A refusal by the connection alone makes no older one give way, so that a flood of them costs nothing more.
        let gives_way = !matches!(admission, Some(Admission::Refuse(_)));
        let number = gives_way.then(|| place.number());
        let (shared, tls, unasked) = (Arc::clone(&self.shared), self.tls.clone(), self.shared.unasked.begin());
        let opening =
            Opening { shared, tls, facts, is_proxy, is_beside_proxy, hears_forwarders, holder, place, unasked };
        let task = self.connections.spawn(opening.open_caught(stream, admission));
        if let Some(number) = number {
            number.ends_with(task);
        }
    }

    /// Lets requests in flight end, and the first of those who have just connected, and closes every connection.
    async fn close(mut self) {
        self.shared.stopping.store(true, Ordering::Relaxed);
        let asked = async {
            while self.shared.unasked.are_there() {
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        let _ = tokio::time::timeout(STOP_UNASKED_MAX, asked).await;
        let quiet = async {
            while self.shared.in_flight.load(Ordering::Relaxed) > 0 {
                tokio::time::sleep(LOOK_EVERY).await;
            }
            // Replies that were just made are still being written.
            tokio::time::sleep(LOOK_EVERY).await;
        };
        // A request that is not answered within the limit ends with its connection.
        let _ = tokio::time::timeout(Duration::from_secs(STOP_SECONDS_MAX), quiet).await;
        self.connections.shutdown().await;
    }
}

/// Bytes that are no TLS, from the address of a proxy on this machine, and not from a user as whom the proxy runs.
#[derive(Debug, thiserror::Error)]
#[error(
    "the connection does not begin with TLS. It comes from the address of a --trusted-proxy, but not from a user whose \
     PROXY header counts ({0}); if it is the proxy's, name the user that it runs as, as in --trusted-proxy 127.0.0.1@haproxy"
)]
struct BesideProxy(LocalUser);

/// A connection that has a place and is not open yet.
struct Opening<S> {
    shared: Arc<Connections<S>>,
    tls: Option<TlsAcceptor>,
    facts: PeerFacts,
    is_proxy: bool,
    /// True of a connection from a proxy's address that is not the proxy's.
    is_beside_proxy: bool,
    /// See [`Service::hears_forwarders`].
    hears_forwarders: bool,
    holder: Holder,
    place: Place,
    unasked: Unasked,
}

impl<S: Service> Opening<S> {
    /// Opens and serves the connection. A panic that leaves no answer ends this connection alone, and is logged.
    async fn open_caught(self, stream: Stream, admission: Option<Admission>) {
        let shared = Arc::clone(&self.shared);
        if let Err(panicked) = caught(pin!(self.open(stream, admission))).await {
            shared.log_panicked(&panicked);
        }
    }

    async fn open(mut self, mut stream: Stream, admission: Option<Admission>) {
        let is_passed_on = self.is_proxy || (self.hears_forwarders && self.begins_as_passed_on(&stream).await);
        if is_passed_on && !self.hear_proxy(&mut stream).await {
            return;
        }
        let Some(tls) = self.tls.take() else {
            let admission = admission.unwrap_or_else(|| self.shared.service.admit(&self.facts, None));
            return self.run(stream, admission).await;
        };
        let handshake = tokio::time::timeout(Duration::from_secs(HANDSHAKE_SECONDS_MAX), tls.accept(stream));
        match handshake.await {
            Ok(Ok(mut stream)) => {
                stream.get_mut().1.set_buffer_limit(Some(TLS_BUFFER_BYTES));
                let certificate = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first());
                let admission = self.shared.service.admit(&self.facts, certificate.map(|der| der.as_ref()));
                self.run(stream, admission).await;
            }
            // TLS that is refused, but not who breaks off or says nothing: ports are looked at all the time.
            Ok(Err(error)) if error.kind() == ErrorKind::InvalidData => {
                let peer = Peer::Anonymous(self.facts.remote);
                match self.is_beside_proxy {
                    true => self.shared.log_closed(peer, &BesideProxy(self.facts.user)),
                    false => self.shared.log_closed(peer, &error),
                }
            }
            Ok(Err(_)) | Err(_) => {}
        }
    }

    /// True of a connection that begins with the PROXY protocol. What is looked at stays to be read.
    async fn begins_as_passed_on(&self, stream: &Stream) -> bool {
        let begins = tokio::time::timeout(self.shared.limits.header, stream.begins_with(proxy::WORD));
        begins.await.unwrap_or(false)
    }

    /// Learns from a proxy whose connection it passes on. False when there is no place for that one, or the proxy does
    /// not tell.
    async fn hear_proxy(&mut self, stream: &mut Stream) -> bool {
        match tokio::time::timeout(self.shared.limits.header, proxy::read_client(stream)).await {
            Ok(Ok(Some(client))) => {
                let client = Remote::Ip(client);
                let passed_on_by = Some(self.facts.remote);
                self.facts = PeerFacts { remote: client, user: LocalUser::Unknown, passed_on_by, ..self.facts };
                self.pass_to(Holder::of(LocalUser::Unknown, client))
            }
            Ok(Ok(None)) => true,
            Ok(Err(error)) if error.kind() == ErrorKind::InvalidData => {
                self.shared.log_closed(Peer::Anonymous(self.facts.remote), &error);
                false
            }
            Ok(Err(_)) | Err(_) => false,
        }
    }

    fn pass_to(&mut self, holder: Holder) -> bool {
        self.holder = holder;
        self.place.pass_to(holder)
    }

    async fn run(mut self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, admission: Admission) {
        let (peer, until, declined) = match admission {
            Admission::Serve { peer, until } => (peer, until, None),
            Admission::Decline(why) => (Peer::Anonymous(self.facts.remote), None, Some(why)),
            Admission::Refuse(answer) => {
                let peer = Peer::Anonymous(self.facts.remote);
                self.shared.log_refused(&connection_members(self.shared.service.name(), peer), &answer);
                // No request has been read.
                return write_last(stream, &answer.reply, false).await;
            }
        };
        if let Peer::Host(host) = peer
            && !self.pass_to(Holder::Host(host))
        {
            return;
        }
        let Self { shared, holder, place, unasked, .. } = self;
        shared.run(stream, Admitted { peer, until, declined, holder, place, unasked }).await;
    }
}
