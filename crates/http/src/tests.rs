//! The listener, with a service that says what it was sent.

use super::{Admission, HttpLimits, Listener, Log, PeerFacts, Service};
use crate::clock;
use crate::listener::LARGE_BODIES_BYTES_MAX;
use bonafide_crypto::SystemEntropy;
use bonafide_types::{HostId, Timestamp};
use bonafide_wire::{Answer, Peer, Reply, Request, Unserved, path};
use http::StatusCode;
use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

const SHORT: Duration = Duration::from_millis(200);
/// Longer than any machine is busy.
const LONG: Duration = Duration::from_secs(60);
const PATIENT: HttpLimits = HttpLimits { header: LONG, body: LONG, connections: 10_000 };
const BODY_BYTES_MAX: usize = 1_000;
const LARGE_BODY_BYTES_MAX: usize = 1024 * 1024;

/// Says what it was sent. Elsewhere than at `/` it takes large bodies, from whom it knows; at `/wait` it answers
/// when it is told to.
#[derive(Default)]
struct Echo {
    until: Option<u64>,
    /// Large bodies that it was asked for.
    large: Arc<AtomicUsize>,
    /// Requests to `/wait`, which have been read.
    waiting: Arc<AtomicUsize>,
    /// Lets them have their answers.
    told: Arc<Notify>,
}

impl Service for Echo {
    fn name(&self) -> &'static str {
        "echo"
    }

    fn admit(&self, peer: &PeerFacts, _certificate: Option<&[u8]>) -> Admission {
        match self.until {
            Some(until) => Admission::Serve { peer: Peer::Host(HostId::random(&SystemEntropy)), until: Some(until) },
            None => Admission::anybody(peer),
        }
    }

    fn body_bytes_max(&self, head: &Request) -> usize {
        if head.path == "/" { BODY_BYTES_MAX } else { LARGE_BODY_BYTES_MAX }
    }

    async fn may_send_much(&self, head: &Request) -> bool {
        self.large.fetch_add(1, Ordering::Relaxed);
        head.headers.contains_key("known")
    }

    fn read_path<'r>(&self, raw: &'r str) -> Cow<'r, str> {
        path::decoded_or_as_sent(raw)
    }

    async fn answer(&self, request: Request, _at: Timestamp) -> Answer {
        if request.path == "/wait" {
            let told = self.told.notified();
            self.waiting.fetch_add(1, Ordering::Relaxed);
            told.await;
        }
        let said = format!("{} {} {}", request.path, request.query, request.body.len());
        Reply::bytes(StatusCode::OK, "text/plain", said).into()
    }

    fn refusal(&self, head: &Request, why: Unserved) -> Answer {
        Reply::bytes(why.status(), "text/plain", format!("{}: {why}", head.path)).into()
    }
}

/// A listener that serves until this is dropped.
struct Serving {
    address: SocketAddr,
    _stop: watch::Sender<bool>,
}

impl Serving {
    async fn start(service: Echo, limits: HttpLimits) -> Self {
        Self::start_logged(service, limits, Log::off()).await
    }

    async fn start_logged(service: Echo, limits: HttpLimits, log: Arc<Log>) -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let (stop, stopped) = watch::channel(false);
        let listener = Listener { socket, tls: None, service: Arc::new(service), limits, log };
        tokio::spawn(listener.serve(stopped));
        Self { address, _stop: stop }
    }

    /// Sends bytes on a connection of its own.
    async fn send(&self, bytes: &[u8]) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(bytes).await.unwrap();
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

#[tokio::test]
async fn a_head_that_does_not_end_is_closed_in_time() {
    for half in [&b""[..], b"GET", b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: "] {
        let started = Instant::now();
        let answer = exchange_within(HttpLimits { header: SHORT, ..PATIENT }, half).await;
        let took = started.elapsed();
        assert!(!answer.contains("200 OK") && took >= SHORT / 2 && took < LONG, "{half:?} {took:?} {answer}");
    }
}

#[tokio::test]
async fn a_body_that_does_not_end_is_closed_in_time() {
    let limits = HttpLimits { body: SHORT, ..PATIENT };
    let answer = exchange_within(limits, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc").await;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_however_it_is_announced() {
    let announced = format!("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n", BODY_BYTES_MAX + 1);
    assert!(exchange(announced.as_bytes()).await.starts_with("HTTP/1.1 413"));
    let chunk = "x".repeat(BODY_BYTES_MAX + 1);
    let chunked = format!(
        "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{chunk}\r\n0\r\n\r\n",
        chunk.len()
    );
    assert!(exchange(chunked.as_bytes()).await.starts_with("HTTP/1.1 413"));
}

#[tokio::test]
async fn after_a_refusal_nothing_more_is_read_from_the_connection() {
    let smuggled = format!(
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n",
        BODY_BYTES_MAX + 1
    );
    let answer = exchange(smuggled.as_bytes()).await;
    assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
    let both = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n";
    let answer = exchange(both).await;
    assert!(!answer.contains("/smuggled"), "{answer}");
}

#[tokio::test]
async fn a_target_that_is_no_path_is_given_with_all_before_its_query_so_that_no_route_has_it() {
    for (target, given) in [
        ("GET http://x/metadata?a=b", "http://x/metadata a=b 0"),
        ("GET HTTP://X", "http://X/  0"),
        ("GET http://u@x:80?a", "http://u@x:80/ a 0"),
        ("OPTIONS *", "*  0"),
    ] {
        let request = format!("{target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        let answer = exchange(request.as_bytes()).await;
        assert!(answer.ends_with(given), "{target}: {answer}");
    }
}

const GOOD: &str = "GET /first HTTP/1.1\r\nHost: x\r\n\r\n";

#[tokio::test]
async fn a_head_that_cannot_be_read_is_refused_in_the_words_of_the_service() {
    let many: String = (0..200).map(|n| format!("X-{n}: 1\r\n")).collect();
    let malformed = ": the request line or a header field cannot be read";
    for (head, status, said) in [
        ("GET \"http://x/\" HTTP/1.1\r\nHost: x\r\n", 400, malformed),
        ("GET 'http://x/a?b=c' HTTP/1.1\r\nHost: x\r\n", 400, malformed),
        ("GET http://x/ HTTP/1.1 Metadata: true\r\n", 400, malformed),
        ("GET /\r\nHost: x\r\n", 400, malformed),
        ("GET  / HTTP/1.1\r\nHost: x\r\n", 400, malformed),
        ("GET / HTTP/3.7\r\nHost: x\r\n", 400, malformed),
        ("\0\u{1}\u{2} nonsense\r\n", 400, malformed),
        ("GET / HTTP/1.1\r\nHost : x\r\n", 400, malformed),
        ("GET / HTTP/1.1\r\nHost: x\r\n folded\r\n", 400, malformed),
        ("GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n", 400, malformed),
        (&format!("GET / HTTP/1.1\r\n{many}"), 431, ": the request header fields are too large"),
    ] {
        let alone = exchange(format!("{head}\r\n").as_bytes()).await;
        assert!(alone.starts_with(&format!("HTTP/1.1 {status} ")) && alone.ends_with(said), "{head}: {alone}");
        assert_eq!(alone.matches("HTTP/1.1 ").count(), 1, "{alone}");
        // After a reply, and when both come at once.
        let second = exchange(format!("{GOOD}{head}\r\n{GOOD}").as_bytes()).await;
        let (first, second) = second.split_once("/first  0").expect("the first request is answered");
        assert!(first.starts_with("HTTP/1.1 200 "), "{first}");
        assert!(second.starts_with(&format!("HTTP/1.1 {status} ")) && second.ends_with(said), "{head}: {second}");
    }
}

#[tokio::test]
async fn a_head_request_that_cannot_be_read_is_answered_without_a_body() {
    let said = ": the request line or a header field cannot be read";
    for head in ["HEAD / HTTP/1.1\r\nHost : x\r\n", "\r\nHEAD 'http://x/' HTTP/1.1\r\nHost: x\r\n"] {
        let answer = exchange(format!("{head}\r\n").as_bytes()).await.to_ascii_lowercase();
        assert!(answer.starts_with("http/1.1 400 ") && answer.ends_with("\r\n\r\n"), "{head}: {answer}");
        assert!(answer.contains(&format!("content-length: {}\r\n", said.len())), "{answer}");
    }
    let serving = Serving::start(Echo::default(), PATIENT).await;
    let bad = " / HTTP/1.1\r\nHost : x\r\n\r\n";
    // After other requests, and in pieces.
    let mut stream = serving.send(b"").await;
    assert_eq!(ask(&mut stream).await, 200);
    stream.write_all(b"HE").await.unwrap();
    tokio::time::sleep(SHORT).await;
    stream.write_all(format!("AD{bad}").as_bytes()).await.unwrap();
    assert!(read(stream).await.ends_with("\r\n\r\n"));
    for other in ["HEADER", "HEA", "GET"] {
        let answer = read(serving.send(format!("{other}{bad}").as_bytes()).await).await;
        assert!(answer.ends_with(said), "{other}: {answer}");
    }
}

#[tokio::test]
async fn what_ends_without_a_head_gets_no_answer_and_what_waits_for_leave_to_send_gets_it() {
    let serving = Serving::start(Echo::default(), PATIENT).await;
    for half in ["", "GET / HTTP/1.1\r\nHost: x\r\nX-Long: "] {
        let mut stream = serving.send(half.as_bytes()).await;
        stream.shutdown().await.unwrap();
        assert_eq!(read(stream).await, "", "{half:?}");
    }
    let asks = b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n";
    let mut stream = serving.send(asks).await;
    let mut leave = [0; 25];
    stream.read_exact(&mut leave).await.unwrap();
    assert_eq!(&leave, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"abc").await.unwrap();
    assert!(read(stream).await.ends_with("/  3"));
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

#[tokio::test]
async fn what_a_client_certificate_opened_ends_with_it() {
    let limits = PATIENT;
    let now = clock::now().unix_seconds();
    let serving = Serving::start(Echo { until: Some(now + 3_600), ..Echo::default() }, limits).await;
    let mut stream = serving.send(b"").await;
    for _ in 0..3 {
        assert_eq!(ask(&mut stream).await, 200);
    }
    let serving = Serving::start(Echo { until: Some(now + 1), ..Echo::default() }, limits).await;
    let mut stream = serving.send(b"").await;
    let started = Instant::now();
    loop {
        assert!(started.elapsed() < LONG, "the certificate is over, and the connection goes on");
        match ask(&mut stream).await {
            200 => tokio::time::sleep(Duration::from_millis(20)).await,
            status => return assert_eq!(status, 401),
        }
    }
}

/// Large bodies for which there is room at once.
const ROOM: usize = LARGE_BODIES_BYTES_MAX / LARGE_BODY_BYTES_MAX;

/// The head of a request with a large body.
fn large(path: &str, header: &str, bytes: usize) -> Vec<u8> {
    let more = format!("Connection: close\r\n{header}Content-Length: {bytes}\r\n");
    format!("POST {path} HTTP/1.1\r\nHost: x\r\n{more}\r\n").into_bytes()
}

/// Sends a whole large body of this many bytes on a connection of its own, and waits for the answer.
fn send_large(serving: &Serving, path: &str, bytes: usize) -> JoinHandle<String> {
    let (address, path) = (serving.address, path.to_owned());
    tokio::spawn(async move {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(&large(&path, "known: yes\r\n", bytes)).await.unwrap();
        // A server that refuses early may close before all is written.
        let _ = stream.write_all(&vec![b'x'; bytes]).await;
        read(stream).await
    })
}

/// Fills the room for large bodies with requests that wait, but for `left` bytes.
async fn fill(serving: &Serving, waiting: &AtomicUsize, left: usize) -> Vec<JoinHandle<String>> {
    let mut filling: Vec<_> = (1..ROOM).map(|_| send_large(serving, "/wait", LARGE_BODY_BYTES_MAX)).collect();
    filling.push(send_large(serving, "/wait", LARGE_BODY_BYTES_MAX - left));
    while waiting.load(Ordering::Relaxed) < ROOM {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    filling
}

#[tokio::test]
async fn large_bodies_share_their_room_and_keep_nothing_else_waiting() {
    let echo = Echo::default();
    let (asked, waiting, told) = (Arc::clone(&echo.large), Arc::clone(&echo.waiting), Arc::clone(&echo.told));
    let serving = Serving::start(echo, PATIENT).await;
    // Of strangers nothing is read, so they take no room.
    for _ in 0..2 * ROOM {
        let answer = read(serving.send(&large("/large", "", LARGE_BODY_BYTES_MAX)).await).await;
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("/large  0"), "{answer}");
    }
    let _filling = fill(&serving, &waiting, 0).await;
    // The next one waits, while what is small is answered.
    let next = send_large(&serving, "/large", LARGE_BODY_BYTES_MAX);
    while asked.load(Ordering::Relaxed) < 3 * ROOM + 1 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let small = b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabc";
    for _ in 0..20 {
        let answer = read(serving.send(small).await).await;
        assert!(answer.ends_with("/  3"), "{answer}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(!next.is_finished(), "there is no room for it");
    told.notify_waiters();
    let answer = next.await.unwrap();
    assert!(answer.ends_with(&format!("/large  {LARGE_BODY_BYTES_MAX}")), "{answer}");
}

#[tokio::test]
async fn a_large_body_that_finds_no_room_in_time_is_refused() {
    let echo = Echo::default();
    let waiting = Arc::clone(&echo.waiting);
    // Long enough for a body to be read on a busy machine.
    let serving = Serving::start(echo, HttpLimits { body: 20 * SHORT, ..PATIENT }).await;
    // A body takes its room until it is answered.
    let _filling = fill(&serving, &waiting, 0).await;
    let answer = send_large(&serving, "/large", LARGE_BODY_BYTES_MAX).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
}

#[tokio::test]
async fn a_large_body_that_has_begun_waits_for_no_more_room() {
    let echo = Echo::default();
    let waiting = Arc::clone(&echo.waiting);
    let serving = Serving::start(echo, PATIENT).await;
    let (_filling, started) = (fill(&serving, &waiting, LARGE_BODY_BYTES_MAX / 2).await, Instant::now());
    let answer = send_large(&serving, "/large", LARGE_BODY_BYTES_MAX).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    assert!(started.elapsed() < LONG / 2, "it waited");
    // It gave back what it had.
    let answer = send_large(&serving, "/large", LARGE_BODY_BYTES_MAX / 2).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test]
async fn who_announces_much_and_sends_nothing_takes_no_room() {
    let serving = Serving::start(Echo::default(), PATIENT).await;
    let chunked = b"POST /large HTTP/1.1\r\nHost: x\r\nknown: yes\r\nTransfer-Encoding: chunked\r\n\r\n";
    let mut silent = Vec::new();
    for _ in 0..ROOM {
        silent.push(serving.send(&large("/large", "known: yes\r\n", LARGE_BODY_BYTES_MAX)).await);
        silent.push(serving.send(chunked).await);
    }
    let started = Instant::now();
    let answer = send_large(&serving, "/large", LARGE_BODY_BYTES_MAX).await.unwrap();
    assert!(answer.ends_with(&format!("/large  {LARGE_BODY_BYTES_MAX}")), "{answer}");
    assert!(started.elapsed() < LONG / 2, "it waited for them");
    drop(silent);
}

#[tokio::test]
async fn a_listener_takes_its_share_of_connections_and_others_wait() {
    let serving = Serving::start(Echo::default(), HttpLimits { connections: 2, ..PATIENT }).await;
    let mut first = serving.send(b"").await;
    let mut second = serving.send(b"").await;
    assert_eq!((ask(&mut first).await, ask(&mut second).await), (200, 200));
    let mut third = serving.send(b"").await;
    let waits = tokio::time::timeout(SHORT, ask(&mut third)).await;
    assert!(waits.is_err(), "it was accepted");
    drop(first);
    // The request was sent before.
    assert_eq!(tokio::time::timeout(LONG, third.read_u8()).await.unwrap().unwrap(), b'H');
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
