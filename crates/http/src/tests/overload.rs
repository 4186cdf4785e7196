//! More than a listener has room for: connections, bodies, replies that nobody reads.

use super::*;
use crate::limits::{REFUSED_CONNECTIONS_SHARE, STEP_BYTES, STRANGERS_BYTES_SHARE};

const MIB: usize = 1024 * 1024;

/// A request for a reply of this many bytes.
fn big(bytes: usize) -> Vec<u8> {
    format!("GET /big?{bytes} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").into_bytes()
}

/// The status of the answer, of which nothing more is read.
async fn status(stream: &mut TcpStream) -> u16 {
    let mut line = [0; 12];
    tokio::time::timeout(LONG, stream.read_exact(&mut line)).await.expect("no answer").unwrap();
    std::str::from_utf8(&line[9..]).unwrap().parse().unwrap()
}

#[tokio::test]
async fn ov_08_replies_that_nobody_reads_take_no_more_than_a_share() {
    let serving = Serving::start(Echo::default(), PATIENT).await;
    let (mut unread, mut served) = (Vec::new(), 0);
    for _ in 0..40 {
        let mut stream = serving.send(&big(8 * MIB)).await;
        match status(&mut stream).await {
            200 => served += 1,
            other => assert_eq!(other, 503),
        }
        unread.push(stream);
    }
    assert!((1..=2).contains(&served), "{served} replies of 8 MiB are held");
    // A small reply needs no room, and one that is read gives its room back.
    assert_eq!(ask(&mut serving.send(b"").await).await, 200);
    drop(unread);
    let read_whole = async {
        loop {
            let answer = read(serving.send(&big(8 * MIB)).await).await;
            if answer.starts_with("HTTP/1.1 200 ") {
                return answer.len();
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    assert!(tokio::time::timeout(LONG, read_whole).await.expect("there is no room again") > 8 * MIB);
}

#[tokio::test]
async fn ov_08_small_replies_that_nobody_reads_are_counted_as_well() {
    const MANY: usize = STRANGERS_BYTES_SHARE / STEP_BYTES;
    let serving = Serving::start(Echo::default(), PATIENT).await;
    let asks = "GET /big?16000 HTTP/1.1\r\nHost: x\r\n\r\n".repeat(100);
    let mut unread = Vec::new();
    for _ in 0..MANY + 20 {
        unread.push(serving.send(asks.as_bytes()).await);
    }
    tokio::time::sleep(SHORT * 2).await;
    assert_eq!(ask(&mut serving.send(b"").await).await, 200);
    let (mut closed, mut piece) = (0, vec![0; MIB]);
    for mut stream in unread {
        let mut left = 100 * 16_000_usize;
        while left > 0 {
            match tokio::time::timeout(LONG, stream.read(&mut piece)).await.expect("it waits") {
                Ok(0) | Err(_) => break,
                Ok(taken) => left = left.saturating_sub(taken),
            }
        }
        closed += usize::from(left > 0);
    }
    assert!((1..=40).contains(&closed), "{closed} of {} were closed", MANY + 20);
}

#[tokio::test]
async fn ov_03_idle_connections_give_way_to_the_next() {
    let serving = Serving::start(Echo::default(), HttpLimits { connections: 64, ..PATIENT }).await;
    let mut idle = Vec::new();
    for number in 0..640_u32 {
        idle.push(serving.send(if number % 2 == 0 { b"" } else { b"GET / HTTP/1.1\r\nX-Slow: " }).await);
    }
    let started = Instant::now();
    let asked = tokio::time::timeout(SHORT * 10, async { ask(&mut serving.send(b"").await).await }).await;
    assert_eq!(asked.expect("a healthy caller waits"), 200);
    assert!(started.elapsed() < SHORT * 5, "{:?}", started.elapsed());
}

#[tokio::test]
async fn ov_03_bodies_that_do_not_come_give_way_to_the_next_caller() {
    let serving = Serving::start(Echo::default(), HttpLimits { connections: 16, ..PATIENT }).await;
    let announced = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\na";
    let large = b"POST /large HTTP/1.1\r\nHost: x\r\nauthorization: 1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n";
    let mut half_sent = Vec::new();
    for _ in 0..8 {
        half_sent.push(serving.send_from([127, 0, 0, 2], announced).await);
        half_sent.push(serving.send_from([127, 0, 0, 3], large).await);
    }
    tokio::time::sleep(SHORT).await;
    for _ in 0..4 {
        let mut stream = serving.send(b"").await;
        assert_eq!(ask(&mut stream).await, 200, "two addresses shut out all others");
        half_sent.push(stream);
    }
}

#[tokio::test]
async fn ov_03_a_body_has_its_own_time_whenever_its_head_came() {
    let serving = Serving::start(Echo::default(), HttpLimits { header: SHORT, ..PATIENT }).await;
    let mut stream =
        serving.send(b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 2\r\n\r\na").await;
    tokio::time::sleep(SHORT * 4).await;
    stream.write_all(b"b").await.unwrap();
    assert!(read(stream).await.ends_with("/  2"));
}

#[tokio::test]
async fn ov_08_callers_who_say_nothing_hide_no_refusal_from_the_next() {
    let serving = Serving::start_where(|_, _| LocalUser::NotAsked, Echo::default(), PATIENT, Log::off()).await;
    let mut silent = Vec::new();
    for _ in 0..4 * REFUSED_CONNECTIONS_SHARE {
        silent.push(serving.send(b"").await);
    }
    tokio::time::sleep(SHORT).await;
    assert_eq!(ask(&mut serving.send(b"").await).await, 503);
}

#[tokio::test]
async fn np_04_a_refusal_reaches_who_is_still_sending() {
    let serving = Serving::start(Echo::default(), PATIENT).await;
    let head = format!("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {MIB}\r\n\r\n");
    let chunked = format!("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n{MIB:x}\r\n");
    let malformed = "POST / HTTP/1.1\r\nHost : x\r\n\r\n".to_owned();
    for (head, expected) in [(head, 413), (chunked, 413), (malformed, 400)] {
        for _ in 0..10 {
            let mut stream = serving.send(head.as_bytes()).await;
            // As clients do that read only when all is sent.
            for _ in 0..16 {
                stream.write_all(&vec![b'x'; MIB / 16]).await.expect("the connection was reset");
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            assert_eq!(status(&mut stream).await, expected, "{head}");
        }
    }
}

#[tokio::test]
async fn np_03_a_message_with_two_readings_is_refused_and_ends_its_connection() {
    let said = ": the request line or a header field cannot be read";
    let smuggled = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n";
    for head in [
        "GET / HTTP/1.1\nHost: x\n\n",
        "GET / HTTP/1.1\r\nHost: x\r\n\n",
        "GET / HTTP/1.1\r\nHost: x\nX: y\r\n\r\n",
        "\nGET / HTTP/1.1\r\nHost: x\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: \tchunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\ntransfer-encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\ncontent-length: 0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0, 0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length : 0\r\n\r\n",
        "GET / HTTP/1.1\r\n Host: x\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nX: y\r\n\tz\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nX: y\rz\r\n\r\n",
    ] {
        for before in ["", "GET /first HTTP/1.1\r\nHost: x\r\n\r\n"] {
            let answer = exchange(format!("{before}{head}{smuggled}").as_bytes()).await;
            let (first, answer) = answer.split_once("/first  0").unwrap_or(("", &answer));
            assert_eq!(first.is_empty(), before.is_empty(), "{head:?}: {answer}");
            assert!(answer.starts_with("HTTP/1.1 400 ") && answer.ends_with(said), "{head:?}: {answer}");
            assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{head:?}: {answer}");
        }
    }
}

#[tokio::test]
async fn np_03_pieces_are_read_as_the_whole_is() {
    let good = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: Chunked\r\n\r\n3;a=b\r\nabc\r\n4\r\ndefg\r\n0\r\nX: y\r\n\r\n\
                POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n\n\r\n\r\n\
                GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let bad = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    for (text, found) in [(good, ["/  7", "/a  5", "/last  0"].as_slice()), (bad, &["HTTP/1.1 400 "])] {
        for size in [1, 2, 7, text.len()] {
            let serving = Serving::start(Echo::default(), PATIENT).await;
            let mut stream = serving.send(b"").await;
            stream.set_nodelay(true).unwrap();
            for piece in text.as_bytes().chunks(size) {
                // A server that refuses early may close before all is written.
                if stream.write_all(piece).await.is_err() {
                    break;
                }
                tokio::task::yield_now().await;
            }
            let answer = read(stream).await;
            for found in found {
                assert!(answer.contains(found), "{size}: {answer}");
            }
        }
    }
}

#[tokio::test]
async fn np_04_who_takes_nothing_of_a_reply_is_closed_and_who_takes_it_slowly_is_not() {
    let serving = Serving::start(Echo::default(), HttpLimits { reply: SHORT * 2, ..PATIENT }).await;
    let of = |user| format!("GET /big?{} HTTP/1.1\r\nConnection: close\r\nAuthorization: {user}\r\n\r\n", 8 * MIB);
    let (mut unread, mut slow) = (serving.send(of(1).as_bytes()).await, serving.send(of(2).as_bytes()).await);
    let mut piece = vec![0; MIB / 2];
    let started = Instant::now();
    let mut taken = 0;
    while started.elapsed() < SHORT * 8 {
        taken += slow.read(&mut piece).await.unwrap();
        tokio::time::sleep(SHORT / 4).await;
    }
    loop {
        match slow.read(&mut piece).await.unwrap() {
            0 => break,
            more => taken += more,
        }
    }
    assert!(taken > 8 * MIB, "{taken}");
    let mut all = Vec::new();
    let _ = unread.read_to_end(&mut all).await;
    assert!(all.len() < 8 * MIB, "it was never closed");
}

#[tokio::test]
async fn ov_08_a_body_in_many_pieces_takes_one_buffer() {
    let serving = Serving::start(Echo::default(), PATIENT).await;
    let chunks = "1\r\nx\r\n".repeat(BODY_BYTES_MAX);
    let head = "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n";
    let answer = read(serving.send(format!("{head}{chunks}0\r\n\r\n").as_bytes()).await).await;
    assert!(answer.ends_with(&format!("/  {BODY_BYTES_MAX}")), "{answer}");
}
