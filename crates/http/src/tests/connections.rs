//! Connections: how many there are, and how long they last.

use super::*;

#[tokio::test]
async fn ca_05_what_a_client_certificate_opened_ends_with_it() {
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

#[tokio::test]
async fn ov_03_a_listener_takes_its_share_of_connections_and_closes_what_has_been_idle_for_longest() {
    let serving = Serving::start(Echo::default(), HttpLimits { connections: 4, ..PATIENT }).await;
    let (mut first, mut second) = (serving.send(b"").await, serving.send(b"").await);
    assert_eq!((ask(&mut second).await, ask(&mut first).await), (200, 200));
    // Half of four is what one address may have.
    assert_eq!(ask(&mut serving.send(b"").await).await, 200);
    assert_eq!(read(second).await, "", "it was idle for longest");
    assert_eq!(ask(&mut first).await, 200);
}

#[tokio::test]
async fn ov_03_where_no_connection_is_idle_the_next_is_closed_at_once() {
    let echo = Echo::default();
    let (waiting, told) = (Arc::clone(&echo.waiting), Arc::clone(&echo.told));
    let serving = Serving::start(echo, HttpLimits { connections: 4, ..PATIENT }).await;
    let wait = b"GET /wait HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let busy = [serving.send(wait).await, serving.send(wait).await];
    while waiting.load(Ordering::Relaxed) < 2 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(read(serving.send(b"").await).await, "");
    told.notify_waiters();
    for stream in busy {
        assert!(read(stream).await.ends_with("/wait  0"));
    }
}

#[tokio::test]
async fn ov_03_a_connection_that_waits_for_news_gives_way_and_one_whose_request_is_worked_on_does_not() {
    let echo = Echo::default();
    let (waiting, told) = (Arc::clone(&echo.waiting), Arc::clone(&echo.told));
    let serving = Serving::start(echo, HttpLimits { connections: 4, ..PATIENT }).await;
    let at = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").into_bytes();
    let news = serving.send(&at("/news")).await;
    let work = serving.send(&at("/wait")).await;
    while waiting.load(Ordering::Relaxed) < 2 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(ask(&mut serving.send(b"").await).await, 200);
    assert_eq!(read(news).await, "");
    told.notify_waiters();
    assert!(read(work).await.ends_with("/wait  0"));
}

#[tokio::test]
async fn md_10_what_a_socket_accepts_has_its_hop_limit() {
    use rustix::net::sockopt::{ip_ttl, ipv6_unicast_hops};
    for address in ["127.0.0.1:0", "[::1]:0"] {
        let Ok(socket) = Listening::open(address.parse().unwrap()) else { continue };
        socket.limit_hops(std::num::NonZeroU8::MIN);
        let client = std::net::TcpStream::connect(socket.address().unwrap()).unwrap();
        let Ok(crate::listening::Accepted::Peer(stream, _)) = socket.accept().await else { panic!("no connection") };
        let hops = if address.starts_with('[') {
            ipv6_unicast_hops(&stream).unwrap().into()
        } else {
            ip_ttl(&stream).unwrap()
        };
        assert_eq!(hops, 1, "{address}");
        drop(client);
    }
}

/// As when a service is restarted, and the next process has its socket.
#[tokio::test]
async fn av_04_who_has_just_connected_is_answered_once_although_the_listener_stops() {
    let serving = Serving::start(Echo::default(), PATIENT).await;
    let (mut early, silent) = (serving.send(b"").await, serving.send(b"").await);
    // Those before it are taken, too.
    let mut idle = serving.send(b"").await;
    assert_eq!(ask(&mut idle).await, 200);
    let started = Instant::now();
    serving.stop.send(true).unwrap();
    assert_eq!(ask(&mut early).await, 200);
    for stream in [early, idle, silent] {
        assert_eq!(read(stream).await, "");
    }
    assert!(started.elapsed() < LONG, "who says nothing holds up a stop");
}
