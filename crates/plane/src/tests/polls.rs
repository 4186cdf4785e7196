//! Polls of the desired state, on connections of the hosts listener.

use super::cloud::{Cloud, request};
use crate::listener::PlaneListener;
use bonafide_core::placement;
use bonafide_http::{
    Admission, HttpLimits, Listener, Listening, LocalUser, Log, PeerFacts, Service, Stop, Waits, clock,
};
use bonafide_types::{HostId, Timestamp};
use bonafide_wire::{Answer, Peer, Request, Unserved};
use http::{HeaderValue, Method, StatusCode};
use serde_json::Value;
use std::borrow::Cow;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;

/// Longer than any machine is busy.
const LONG: Duration = Duration::from_secs(60);

/// The hosts listener without TLS: each pair of connections is of another host.
struct OfHosts {
    listener: PlaneListener,
    hosts: Vec<HostId>,
    admitted: AtomicUsize,
    asked: Arc<AtomicUsize>,
}

impl Service for OfHosts {
    fn name(&self) -> &'static str {
        self.listener.name()
    }

    fn admit(&self, _peer: &PeerFacts, _certificate: Option<&[u8]>) -> Admission {
        let number = self.admitted.fetch_add(1, Ordering::Relaxed);
        Admission::Serve { peer: Peer::Host(self.hosts[number / 2]), until: None }
    }

    fn body_bytes_max(&self, head: &Request) -> usize {
        self.listener.body_bytes_max(head)
    }

    fn principal(&self, authorization: &HeaderValue) -> Option<u128> {
        self.listener.principal(authorization)
    }

    fn logged_path<'r>(&self, raw: &'r str, status: StatusCode) -> Cow<'r, str> {
        self.listener.logged_path(raw, status)
    }

    async fn answer(&self, request: &mut Request, at: Timestamp, waits: &Waits<'_>) -> Answer {
        self.asked.fetch_add(1, Ordering::Relaxed);
        self.listener.answer(request, at, waits).await
    }

    fn refusal(&self, head: &Request, why: Unserved) -> Answer {
        self.listener.refusal(head, why)
    }
}

/// A listener of four connections.
fn serve(service: OfHosts, stop: Stop) -> SocketAddr {
    let socket = Listening::open((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let address = socket.address().unwrap();
    let limits = HttpLimits { connections: 4, header: LONG, body: LONG, reply: LONG };
    let user_of = |_, _| LocalUser::Unknown;
    let (service, proxies, log) = (Arc::new(service), Arc::default(), Log::off());
    tokio::spawn(Listener { socket, tls: None, service, limits, user_of, proxies, log }.serve(stop));
    address
}

/// Asks for the desired state, on a connection of its own.
async fn poll(address: SocketAddr, query: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!("GET /hosts/v1/desired?{query} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

async fn read(mut stream: TcpStream) -> String {
    let mut text = String::new();
    let read = tokio::time::timeout(LONG, stream.read_to_string(&mut text)).await;
    read.expect("it is not closed").map_or_else(|error| error.to_string(), |_| text)
}

#[tokio::test]
async fn ov_03_hosts_that_wait_on_every_connection_shut_out_no_other_host() {
    let cloud = Cloud::new();
    let hosts: Vec<HostId> = (0..3).map(|_| HostId::random(clock::world().entropy)).collect();
    let row = placement::Host::new("edge", clock::now());
    cloud.plane.store.write(|tx| hosts.iter().try_for_each(|host| tx.put(&placement::HOSTS, host, &row))).unwrap();
    cloud.plane.catch_up().unwrap();
    let (_keep, revisions) = watch::channel(0);
    let listener = PlaneListener { revisions, ..cloud.hosts() };
    let (_stop, stopped) = watch::channel(false);
    let asked = Arc::<AtomicUsize>::default();
    let service = OfHosts { listener, hosts, admitted: AtomicUsize::new(0), asked: Arc::clone(&asked) };
    let address = serve(service, stopped);

    let cursor = cloud.plane.views.current().cursor();
    let wait = format!("after={}.{}&wait=30", cursor.epoch.0, cursor.revision.0);
    let mut waiting = Vec::new();
    for _ in 0..4 {
        waiting.push(poll(address, &wait).await);
    }
    // On this one thread each waits as soon as it has asked.
    while asked.load(Ordering::Relaxed) < 4 {
        tokio::task::yield_now().await;
    }
    let answer = read(poll(address, "").await).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "the third host is shut out: {answer:?}");
    assert_eq!(read(waiting.swap_remove(0)).await, "", "it has waited for longest, and may ask again");
}

#[tokio::test]
async fn a_poll_is_logged_when_it_brings_news_and_not_when_its_time_is_up() {
    let cloud = Cloud::new();
    let (keep, revisions) = watch::channel(0);
    let hosts = PlaneListener { revisions, ..cloud.hosts() };
    let poll = |query: &str| Request {
        query: query.to_owned(),
        peer: Peer::Host(cloud.host),
        ..request(Method::GET, "/hosts/v1/desired")
    };
    let Answer { reply, record } = hosts.answered(poll("")).await;
    assert!(reply.status == 200 && !record.is_quiet());
    let desired: Value = serde_json::from_slice(&reply.body).unwrap();
    let after = desired["cursor"].as_str().unwrap();
    let Answer { reply, record } = hosts.answered(poll(&format!("after={after}&wait=1"))).await;
    assert!(reply.status == 200 && record.is_quiet(), "{reply:?}");
    let Answer { reply, record } = hosts.answered(poll("after=nonsense&wait=1")).await;
    assert!(reply.status == 400 && !record.is_quiet());
    // The end of the process ends the poll, which is no failure.
    drop(keep);
    let Answer { reply, record } = hosts.answered(poll(&format!("after={after}&wait=60"))).await;
    assert!(reply.status == 503 && record.is_quiet(), "{reply:?}");
}
