//! Heads of requests.

use super::*;

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
