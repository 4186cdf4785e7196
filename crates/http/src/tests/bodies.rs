//! Bodies of requests, and the room that large ones share.

use super::*;

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

/// Large bodies for which there is room at once.
const ROOM: usize = KNOWN_BYTES_MAX / LARGE_BODY_BYTES_MAX;
/// Those of one principal.
const SHARE: usize = KNOWN_BYTES_SHARE / LARGE_BODY_BYTES_MAX;

/// A principal that holds nothing.
const OTHER: usize = 99;

/// The head of a request with a large body.
fn large(path: &str, header: &str, bytes: usize) -> Vec<u8> {
    let more = format!("Connection: close\r\n{header}Content-Length: {bytes}\r\n");
    format!("POST {path} HTTP/1.1\r\nHost: x\r\n{more}\r\n").into_bytes()
}

/// Sends a whole large body of this many bytes on a connection of its own, as this principal, and waits for the answer.
fn send_large(serving: &Serving, path: &str, principal: usize, bytes: usize) -> JoinHandle<String> {
    let (address, path) = (serving.address, path.to_owned());
    tokio::spawn(async move {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(&large(&path, &format!("authorization: {principal}\r\n"), bytes)).await.unwrap();
        // A server that refuses early may close before all is written.
        let _ = stream.write_all(&vec![b'x'; bytes]).await;
        read(stream).await
    })
}

/// Fills the room for large bodies with requests that wait, but for `left` bytes: one after the other, so that a busy machine reads
/// each in its time. One that is refused all the same is sent once more.
async fn fill(serving: &Serving, waiting: &AtomicUsize, left: usize) -> Vec<JoinHandle<String>> {
    let bytes = |number| if number == 0 { LARGE_BODY_BYTES_MAX - left } else { LARGE_BODY_BYTES_MAX };
    let send = |number| send_large(serving, "/wait", number / SHARE, bytes(number));
    let mut filling = Vec::new();
    for number in 0..ROOM {
        let mut sent = send(number);
        while waiting.load(Ordering::Relaxed) <= number {
            if sent.is_finished() {
                sent = send(number);
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        filling.push(sent);
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
    let next = send_large(&serving, "/large", OTHER, LARGE_BODY_BYTES_MAX);
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
    let answer = send_large(&serving, "/large", OTHER, LARGE_BODY_BYTES_MAX).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
}

#[tokio::test]
async fn a_large_body_that_has_begun_waits_for_no_more_room() {
    let echo = Echo::default();
    let waiting = Arc::clone(&echo.waiting);
    let serving = Serving::start(echo, PATIENT).await;
    let (_filling, started) = (fill(&serving, &waiting, LARGE_BODY_BYTES_MAX / 2).await, Instant::now());
    let answer = send_large(&serving, "/large", OTHER, LARGE_BODY_BYTES_MAX).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    assert!(started.elapsed() < LONG / 2, "it waited");
    // It gave back what it had.
    let answer = send_large(&serving, "/large", OTHER, LARGE_BODY_BYTES_MAX / 2).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test]
async fn who_announces_much_and_sends_nothing_takes_no_room() {
    let serving = Serving::start(Echo::default(), PATIENT).await;
    let chunked = b"POST /large HTTP/1.1\r\nHost: x\r\nauthorization: 2\r\nTransfer-Encoding: chunked\r\n\r\n";
    let mut silent = Vec::new();
    for _ in 0..ROOM {
        silent.push(serving.send(&large("/large", "authorization: 1\r\n", LARGE_BODY_BYTES_MAX)).await);
        silent.push(serving.send(chunked).await);
    }
    let started = Instant::now();
    let answer = send_large(&serving, "/large", OTHER, LARGE_BODY_BYTES_MAX).await.unwrap();
    assert!(answer.ends_with(&format!("/large  {LARGE_BODY_BYTES_MAX}")), "{answer}");
    assert!(started.elapsed() < LONG / 2, "it waited for them");
    drop(silent);
}

#[tokio::test]
async fn ov_03_a_principal_waits_for_its_own_bodies_and_nobody_else_does() {
    let echo = Echo::default();
    let (waiting, told) = (Arc::clone(&echo.waiting), Arc::clone(&echo.told));
    let serving = Serving::start(echo, PATIENT).await;
    let filling: Vec<_> = (0..ROOM).map(|_| send_large(&serving, "/wait", 7, LARGE_BODY_BYTES_MAX)).collect();
    while waiting.load(Ordering::Relaxed) < SHARE {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let started = Instant::now();
    let answer = send_large(&serving, "/large", OTHER, LARGE_BODY_BYTES_MAX).await.unwrap();
    assert!(answer.ends_with(&format!("/large  {LARGE_BODY_BYTES_MAX}")), "{answer}");
    assert!(started.elapsed() < LONG / 2, "it waited for another's");
    assert_eq!(waiting.load(Ordering::Relaxed), SHARE);
    for answer in filling {
        while !answer.is_finished() {
            told.notify_waiters();
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert!(answer.await.unwrap().starts_with("HTTP/1.1 200"));
    }
}
