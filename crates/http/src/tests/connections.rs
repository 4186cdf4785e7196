//! Connections: how many there are, and how long they last.

use super::*;

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
