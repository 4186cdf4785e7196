//! The listener, with a service that says what it was sent.

use super::{Admission, HttpLimits, Listener, Log, Service};
use bonafide_types::Timestamp;
use bonafide_wire::{Reply, Request};
use http::{Method, StatusCode};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

const SHORT: Duration = Duration::from_millis(200);
const BODY_BYTES_MAX: usize = 1_000;

struct Echo;

impl Service for Echo {
    fn name(&self) -> &'static str {
        "echo"
    }

    fn admit(&self, address: SocketAddr, _stream: &TcpStream, _certificate: Option<&[u8]>) -> Admission {
        Admission::anybody(address)
    }

    fn body_bytes_max(&self, _method: &Method, _path: &str) -> usize {
        BODY_BYTES_MAX
    }

    async fn answer(&self, request: Request, _at: Timestamp) -> Reply {
        let said = format!("{} {} {}", request.path, request.query, request.body.len());
        Reply::bytes(StatusCode::OK, "text/plain", said)
    }
}

/// Sends bytes, and reads until the server closes.
async fn exchange(bytes: &[u8]) -> (String, Duration) {
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    let limits = HttpLimits { header: SHORT, body: SHORT };
    let (_stop, stopped) = watch::channel(false);
    let listener = Listener { socket, tls: None, service: Arc::new(Echo), limits, log: Log::off() };
    let serving = tokio::spawn(listener.serve(stopped));
    let started = Instant::now();
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    let _ = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut answer)).await.unwrap();
    serving.abort();
    (String::from_utf8_lossy(&answer).into_owned(), started.elapsed())
}

#[tokio::test]
async fn a_head_that_does_not_end_is_closed_in_time() {
    for half in [&b""[..], b"GET", b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: "] {
        let (answer, took) = exchange(half).await;
        assert!(!answer.contains("200 OK") && took >= SHORT / 2 && took < SHORT * 20, "{half:?} {took:?} {answer}");
    }
}

#[tokio::test]
async fn a_body_that_does_not_end_is_closed_in_time() {
    let (answer, took) = exchange(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc").await;
    assert!(answer.starts_with("HTTP/1.1 408") && took < SHORT * 20, "{answer} {took:?}");
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_however_it_is_announced() {
    let announced = format!("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n", BODY_BYTES_MAX + 1);
    assert!(exchange(announced.as_bytes()).await.0.starts_with("HTTP/1.1 413"));
    let chunk = "x".repeat(BODY_BYTES_MAX + 1);
    let chunked = format!(
        "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{chunk}\r\n0\r\n\r\n",
        chunk.len()
    );
    assert!(exchange(chunked.as_bytes()).await.0.starts_with("HTTP/1.1 413"));
}

#[tokio::test]
async fn after_a_refusal_nothing_more_is_read_from_the_connection() {
    let smuggled = format!(
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n",
        BODY_BYTES_MAX + 1
    );
    let (answer, _) = exchange(smuggled.as_bytes()).await;
    assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
    let both = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n";
    let (answer, _) = exchange(both).await;
    assert!(!answer.contains("/smuggled"), "{answer}");
}

#[tokio::test]
async fn a_target_that_is_no_path_is_given_whole_so_that_no_route_has_it() {
    let (answer, _) = exchange(b"GET http://x/metadata?a=b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    assert!(answer.ends_with("http://x/metadata?a=b  0"), "{answer}");
}
