//! The listener, with a service that says what it was sent.

mod bodies;
mod connections;
mod forwarders;
mod heads;
mod overload;
mod panics;
mod transports;

use super::{Admission, AskUser, HttpLimits, Listener, Listening, LocalUser, Log, PeerFacts, Service, Waits};
use crate::clock;
use crate::limits::{KNOWN_BYTES_MAX, KNOWN_BYTES_SHARE};
use bonafide_crypto::SystemEntropy;
use bonafide_types::{HostId, Timestamp};
use bonafide_wire::{Answer, Peer, Reply, Request, Unserved, path};
use http::{HeaderValue, StatusCode};
use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

const SHORT: Duration = Duration::from_millis(200);
/// Longer than any machine is busy.
const LONG: Duration = Duration::from_secs(60);
const PATIENT: HttpLimits = HttpLimits { header: LONG, body: LONG, reply: LONG, connections: 10_000 };
const BODY_BYTES_MAX: usize = 1_000;
const LARGE_BODY_BYTES_MAX: usize = 1024 * 1024;

/// Says what it was sent. Elsewhere than at `/` it takes large bodies, from whom it knows; at `/wait` it works, and
/// at `/news` it waits, until it is told to answer; where a word of the target is the name of one of its functions in `panics`, that panics.
#[derive(Default)]
struct Echo {
    until: Option<u64>,
    /// Large bodies that it was asked for.
    large: Arc<AtomicUsize>,
    /// Requests to `/wait`, which have been read.
    waiting: Arc<AtomicUsize>,
    /// Lets them have their answers.
    told: Arc<Notify>,
    /// Panics over the first connection.
    fails_to_admit: AtomicBool,
    /// Its connections may be passed on by a forwarder.
    hears_forwarders: bool,
}

impl Service for Echo {
    fn name(&self) -> &'static str {
        "echo"
    }

    fn admit(&self, peer: &PeerFacts, _certificate: Option<&[u8]>) -> Admission {
        if self.fails_to_admit.swap(false, Ordering::Relaxed) {
            panic!("admit fails");
        }
        match self.until {
            Some(until) => Admission::Serve { peer: Peer::Host(HostId::random(&SystemEntropy)), until: Some(until) },
            None if peer.user == LocalUser::NotAsked => Admission::Decline(Unserved::Busy),
            None => Admission::anybody(peer),
        }
    }

    fn hears_forwarders(&self) -> bool {
        self.hears_forwarders
    }

    fn body_bytes_max(&self, head: &Request) -> usize {
        panics::at(&head.path, "body_bytes_max");
        if head.path == "/" { BODY_BYTES_MAX } else { LARGE_BODY_BYTES_MAX }
    }

    async fn may_send_much(&self, head: &Request) -> bool {
        panics::at(&head.path, "may_send_much");
        self.large.fetch_add(1, Ordering::Relaxed);
        head.headers.contains_key("authorization")
    }

    /// Its callers say who they are.
    fn principal(&self, authorization: &HeaderValue) -> Option<u128> {
        authorization.to_str().ok()?.parse().ok()
    }

    fn logged_path<'r>(&self, raw: &'r str, _status: StatusCode) -> Cow<'r, str> {
        panics::at(raw, "logged_path");
        path::decoded_or_as_sent(raw)
    }

    async fn answer(&self, request: &mut Request, _at: Timestamp, waits: &Waits<'_>) -> Answer {
        panics::at(&request.path, "answer");
        if request.path == "/later" {
            tokio::task::yield_now().await;
            panic!("it said nothing in time");
        }
        if request.path == "/wait" || request.path == "/news" {
            let told = self.told.notified();
            self.waiting.fetch_add(1, Ordering::Relaxed);
            if request.path == "/wait" { told.await } else { waits.until(told).await }
        }
        if request.path == "/big" {
            let body = vec![b'x'; request.query.parse().unwrap_or_default()];
            return Reply::bytes(StatusCode::OK, "text/plain", body).into();
        }
        let said = format!("{} {} {}", request.path, request.query, request.body.len());
        Reply::bytes(StatusCode::OK, "text/plain", said).into()
    }

    fn refusal(&self, head: &Request, why: Unserved) -> Answer {
        panics::at(&head.path, "refusal");
        Reply::bytes(why.status(), "text/plain", format!("{}: {why}", head.path)).into()
    }
}

/// A listener that serves until this is dropped.
struct Serving {
    address: SocketAddr,
    stop: watch::Sender<bool>,
}

impl Serving {
    async fn start(service: Echo, limits: HttpLimits) -> Self {
        Self::start_logged(service, limits, Log::off()).await
    }

    async fn start_logged(service: Echo, limits: HttpLimits, log: Arc<Log>) -> Self {
        Self::start_where(|_, _| LocalUser::Unknown, service, limits, log).await
    }

    /// Callers are whom `user_of` tells.
    async fn start_where(user_of: AskUser, service: Echo, limits: HttpLimits, log: Arc<Log>) -> Self {
        let socket = Listening::open("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = socket.address().unwrap();
        let (stop, stopped) = watch::channel(false);
        let proxies = Arc::default();
        let listener = Listener { socket, tls: None, service: Arc::new(service), limits, user_of, proxies, log };
        tokio::spawn(listener.serve(stopped));
        Self { address, stop }
    }

    /// Sends bytes on a connection of its own.
    async fn send(&self, bytes: &[u8]) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        stream
    }

    /// The same, from this address of the machine.
    async fn send_from(&self, address: [u8; 4], bytes: &[u8]) -> TcpStream {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((address, 0).into()).unwrap();
        let mut stream = socket.connect(self.address).await.unwrap();
        // A server that closes early may do so before all is written.
        let _ = stream.write_all(bytes).await;
        stream
    }
}

/// Reads until the server closes.
async fn read(mut stream: TcpStream) -> String {
    let mut answer = Vec::new();
    let _ = tokio::time::timeout(2 * LONG, stream.read_to_end(&mut answer)).await.expect("it is not closed");
    String::from_utf8_lossy(&answer).into_owned()
}

/// Sends bytes to a listener with these limits, and reads until it closes.
async fn exchange_within(limits: HttpLimits, bytes: &[u8]) -> String {
    let serving = Serving::start(Echo::default(), limits).await;
    read(serving.send(bytes).await).await
}

async fn exchange(bytes: &[u8]) -> String {
    exchange_within(PATIENT, bytes).await
}

/// One request on a connection that stays open, and the status of its answer.
async fn ask(stream: &mut TcpStream) -> u16 {
    stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(tokio::time::timeout(LONG, stream.read_u8()).await.expect("no answer").unwrap());
    }
    let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
    let length = head.split_once("content-length: ").map_or("0", |(_, rest)| rest.lines().next().unwrap());
    let mut body = vec![0; length.parse().unwrap()];
    stream.read_exact(&mut body).await.unwrap();
    head.split(' ').nth(1).unwrap().parse().unwrap()
}

/// An output that a test can read.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn the_log_has_a_path_as_it_was_read_or_else_as_it_was_sent() {
    let written = Written::default();
    let log = Log::to(written.clone()).unwrap();
    let serving = Serving::start_logged(Echo::default(), PATIENT, Arc::clone(&log)).await;
    for (sent, logged) in [
        ("/%2Fsubscriptions%2F%73", "//subscriptions/s"),
        ("/a%20b", "/a b"),
        ("/a%2573", "/a%2573"),
        ("/a%0d%0ab", "/a%0d%0ab"),
        ("/a/%2e%2e", "/a/%2e%2e"),
        ("/a%ff", "/a%ff"),
    ] {
        read(serving.send(format!("GET {sent} HTTP/1.1\r\nConnection: close\r\n\r\n").as_bytes()).await).await;
        log.flush();
        let lines = std::mem::take(&mut *written.0.lock().unwrap());
        let line: serde_json::Value = serde_json::from_slice(&lines).unwrap();
        assert_eq!(line["path"], logged);
    }
}
