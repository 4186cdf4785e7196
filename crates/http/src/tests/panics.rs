//! A service that panics: one failed request, an event, and everything else goes on.

use super::*;
use serde_json::Value;

/// Panics where the path names the function.
pub(super) fn at(path: &str, function: &str) {
    assert!(!path.contains(function), "{function} fails");
}

/// A listener, and its log.
async fn logged(service: Echo) -> (Serving, Arc<Log>, Written) {
    let written = Written::default();
    let log = Log::to(written.clone()).unwrap();
    (Serving::start_logged(service, PATIENT, Arc::clone(&log)).await, log, written)
}

/// The lines of a log so far.
fn lines(log: &Log, written: &Written) -> Vec<Value> {
    log.flush();
    let bytes = std::mem::take(&mut *written.0.lock().unwrap());
    String::from_utf8(bytes).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn post(path: &str) -> Vec<u8> {
    let size = LARGE_BODY_BYTES_MAX;
    let head = format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\nConnection: close\r\n\r\n");
    [head.into_bytes(), vec![b'x'; size]].concat()
}

#[tokio::test]
async fn np_07_a_panic_is_one_failed_request_with_an_event_and_the_next_is_answered() {
    let (serving, log, written) = logged(Echo::default()).await;
    for (path, why) in [
        ("/answer", "answer fails"),
        ("/later", "it said nothing in time"),
        ("/body_bytes_max", "body_bytes_max fails"),
        ("/may_send_much", "may_send_much fails"),
    ] {
        let answer = read(serving.send(&post(path)).await).await;
        assert!(answer.starts_with("HTTP/1.1 500 "), "{path}: {answer}");
        assert!(answer.ends_with(&format!("{path}: the request failed inside the server")), "{answer}");
        let lines = lines(&log, &written);
        let event = lines.iter().find(|line| line["event"] == "requestPanicked").expect("no event");
        assert_eq!((&event["surface"], &event["why"]), (&"echo".into(), &why.into()));
        let line = lines.iter().find(|line| line["path"] == path).expect("no line");
        assert_eq!((&line["status"], &line["why"]), (&500.into(), &why.into()));
    }
    let mut stream = serving.send(b"").await;
    assert_eq!(ask(&mut stream).await, 200);
}

#[tokio::test]
async fn np_07_a_panic_that_leaves_no_answer_is_an_event_and_the_listener_goes_on() {
    let (serving, log, written) = logged(Echo { fails_to_admit: true.into(), ..Echo::default() }).await;
    for (path, why) in
        [("/", "admit fails"), ("/logged_path", "logged_path fails"), ("/answer/refusal", "refusal fails")]
    {
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
        assert_eq!(read(serving.send(request.as_bytes()).await).await, "");
        let lines = lines(&log, &written);
        let event = lines.iter().find(|line| line["event"] == "requestPanicked" && line["why"] == why);
        assert!(event.is_some(), "{path}: {lines:?}");
    }
    let mut stream = serving.send(b"").await;
    assert_eq!(ask(&mut stream).await, 200);
}

#[tokio::test]
async fn np_07_a_panic_that_nobody_catches_is_an_event_whatever_task_or_thread_it_ends() {
    let (serving, log, written) = logged(Echo::default()).await;
    crate::log_uncaught(Arc::clone(&log)).unwrap();
    // A panic that is caught is said by its catcher alone.
    assert!(read(serving.send(&post("/answer")).await).await.starts_with("HTTP/1.1 500 "));
    assert!(tokio::spawn(async { panic!("the fetch fails") }).await.is_err());
    let blocking = tokio::task::spawn_blocking(|| panic!("{} {}", "the thread", "fails"));
    assert!(blocking.await.is_err());
    let (mut told, started) = (Vec::new(), Instant::now());
    while told.len() < 2 {
        assert!(started.elapsed() < LONG, "no event: {told:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
        told.extend(lines(&log, &written).into_iter().filter(|line| line["event"] == "taskPanicked"));
    }
    assert_eq!((&told[0]["why"], &told[1]["why"]), (&"the fetch fails".into(), &"the thread fails".into()));
    assert!(told[0]["place"].as_str().unwrap().contains("tests/panics.rs:"), "{told:?}");
}
