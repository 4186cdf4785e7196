//! The replies to refused requests, and the log lines of all requests.

#![allow(clippy::unwrap_used, reason = "a test may insist")]
#![allow(clippy::disallowed_methods, reason = "whole processes: they have a clock and an environment")]

mod support;

use serde_json::Value;
use std::collections::HashSet;
use std::io::{BufRead, BufReader};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::MetadataExt;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use support::{Up, as_other_user, bonafide, claims, eventually, free_port, http, is_root};

const ARM: &str = "https://management.azure.com/";
const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");

impl Up {
    /// The log's lines so far.
    fn lines(&self) -> Vec<Value> {
        self.log().lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// The lines that are so, as soon as there is one.
    fn lines_where(&self, what: &str, is_so: impl Fn(&Value) -> bool) -> Vec<Value> {
        let found = || self.lines().into_iter().filter(&is_so).collect::<Vec<_>>();
        eventually(Duration::from_secs(5), what, || !found().is_empty());
        found()
    }
}

#[test]
fn an_oversized_request_is_refused_in_the_words_of_its_surface() {
    let dir = tempfile::tempdir().unwrap();
    let up = Up::start(dir.path(), &["--throttle", "off"]);
    let raw = |method: &str, path: &str, length: usize| {
        up.https_raw(
            format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n").as_bytes(),
        )
    };
    let answer = raw("PUT", &up.demo(), 2_000_000);
    assert_eq!((answer.status, &answer.json()["error"]["code"]), (413, &"RequestContentTooLarge".into()));
    assert!(answer.header("x-ms-request-id").is_some(), "{}", answer.head);
    let answer = raw("POST", "/common/oauth2/token", 100_000);
    assert_eq!((answer.status, &answer.json()["error"]), (413, &"invalid_request".into()));
    assert_eq!(answer.header("x-ms-request-id"), answer.json()["trace_id"].as_str());
    let long = "x".repeat(9_000);
    for (status, head) in
        [(413, "GET / HTTP/1.1\r\nContent-Length: 100000".to_owned()), (414, format!("GET /{long} HTTP/1.1"))]
    {
        let answer = http(up.imds(), &format!("{head}\r\nHost: {}\r\n\r\n", up.imds()));
        assert_eq!((answer.status, &answer.json()["error"]), (status, &"invalid_request".into()));
    }
}

#[test]
fn a_head_that_cannot_be_read_is_refused_in_the_words_of_its_surface() {
    let dir = tempfile::tempdir().unwrap();
    let up = Up::start(dir.path(), &[]);
    let (imds, path) = (up.imds(), format!("/metadata/identity/oauth2/token?api-version=2018-02-01&resource={ARM}"));
    // As printed samples have it: in quotes, with the header on the request line.
    for line in [
        format!("GET 'http://169.254.169.254{path}' HTTP/1.1 Metadata: true"),
        format!("GET \"http://169.254.169.254{path}\" HTTP/1.1\r\nMetadata: true"),
        format!("GET {path}\r\nMetadata: true"),
        format!("GET {path} HTTP/1.1\r\nMetadata : true"),
    ] {
        let answer = http(imds, &format!("{line}\r\nHost: {imds}\r\n\r\n"));
        assert_eq!((answer.status, &answer.json()["error"]), (400, &"invalid_request".into()), "{line}");
        assert!(answer.json()["error_description"].is_string() && answer.header("server").is_some(), "{line}");
    }
    // The same, when it can be read.
    for (authority, status) in [("169.254.169.254", 200), (&*imds.to_string(), 200), ("evil.example", 400)] {
        let line = format!("GET http://{authority}{path} HTTP/1.1\r\nMetadata: True");
        let answer = http(imds, &format!("{line}\r\nHost: {imds}\r\nConnection: close\r\n\r\n"));
        assert_eq!(answer.status, status, "{line}: {}", answer.body);
    }
    // The public origin cannot know who was meant, and says it as the token service does.
    let answer = up.https_raw(b"GET \"/subscriptions\" HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!((answer.status, &answer.json()["error"]), (400, &"invalid_request".into()));
}

#[test]
fn every_answered_request_and_refused_connection_has_one_line() {
    let dir = tempfile::tempdir().unwrap();
    let up = Up::start(dir.path(), &["--throttle", "off"]);
    let host = up.imds();
    let many: String = (0..200).map(|n| format!("X-{n}: 1\r\n")).collect();
    let mut statuses = vec![400, 431, 413];
    assert_eq!(http(host, "\0\u{1}\u{2} nonsense\r\n\r\n").status, 400);
    assert_eq!(http(host, &format!("GET / HTTP/1.1\r\nHost: {host}\r\n{many}\r\n")).status, 431);
    assert_eq!(http(host, &format!("GET / HTTP/1.1\r\nHost: {host}\r\nContent-Length: 100000\r\n\r\n")).status, 413);
    if is_root() {
        assert!(as_other_user(host, "/").starts_with("HTTP/1.1 403"));
        statuses.push(403);
    }
    for status in statuses {
        let is_it = |line: &Value| line["surface"] == "metadata" && line["status"] == status;
        let lines = up.lines_where(&format!("a line for {status}"), is_it);
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert!(lines[0]["peer"].is_string() && lines[0]["timeMicros"].is_u64(), "{lines:?}");
    }
}

/// The metadata service decodes no path, so its lines have what was sent, as far as it is known.
#[test]
fn a_path_of_the_metadata_port_is_logged_as_it_was_sent() {
    let dir = tempfile::tempdir().unwrap();
    let up = Up::start(dir.path(), &[]);
    let host = up.imds();
    http(host, &format!("GET /metadata/%41b HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"));
    up.lines_where("its line", |line| line["surface"] == "metadata" && line["path"] == "/metadata/…(4)");
}

#[test]
fn ca_13_every_token_issued_or_refused_leaves_who_asked_for_what() {
    let dir = tempfile::tempdir().unwrap();
    let up = Up::start(dir.path(), &["--throttle", "off"]);
    let claims = claims(&up.token(ARM).unwrap());
    let issued = up.lines_where("the token's line", |line| line["uti"] == claims["uti"]);
    assert_eq!(issued.len(), 1, "{issued:?}");
    for (field, claim) in [("tenant", "tid"), ("client", "appid"), ("principal", "oid"), ("aud", "aud")] {
        assert_eq!(issued[0][field], claims[claim], "{issued:?}");
    }
    assert_eq!((&issued[0]["surface"], &issued[0]["status"]), (&"hosts".into(), &200.into()));
    let (tenant, operator) = (up.info["tenantId"].clone(), up.info["operator"]["clientId"].clone());
    let form = format!(
        "grant_type=client_credentials&client_id={}&client_secret=wrong&resource=https%3A%2F%2Fvault.azure.net%2F%22a",
        operator.as_str().unwrap()
    );
    let answer = up.https("POST", &format!("/{}/oauth2/token", tenant.as_str().unwrap()), &[FORM], &form);
    let error = answer.json()["error_codes"][0].clone();
    let refused = up.lines_where("the refusal's line", |line| line["error"] == error);
    assert_eq!(refused.len(), 1, "{refused:?}");
    assert_eq!((&refused[0]["tenant"], &refused[0]["client"]), (&tenant, &operator));
    for unknown in ["aud", "uti", "principal"] {
        assert!(refused[0][unknown].is_null(), "nobody has signed in: {refused:?}");
    }
}

/// "For details see logs in": there they are, and an outage does not flood them.
#[test]
fn why_login_cannot_be_reached_is_logged_once_for_each_reason() {
    let dir = tempfile::tempdir().unwrap();
    let hosts = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let link = Link::start(hosts);
    let (listen, connect) = (hosts.to_string(), link.address.to_string());
    let up = Up::start(dir.path(), &["--throttle", "off", "--hosts-listen", &listen, "--hosts-connect", &connect]);
    let log_file = std::path::absolute(dir.path().join("data/log/bonafide.log")).unwrap();
    up.token(ARM).unwrap();
    link.cut();
    let mut failed = HashSet::new();
    for number in 0..20 {
        let (status, body) = up.token(&format!("https://{number}.example")).unwrap_err();
        let body: Value = serde_json::from_str(&body).unwrap();
        let words: Vec<&str> = body["error_description"].as_str().unwrap().split([' ', '(', ')']).collect();
        let [.., "logs", "in", file, "", "request", id, ""] = words[..] else { panic!("{body}") };
        assert_eq!((status, file), (500, log_file.to_str().unwrap()));
        failed.insert(id.to_owned());
    }
    assert_eq!(failed.len(), 20);
    eventually(Duration::from_secs(5), "the file has the cause of each", || {
        let text = std::fs::read_to_string(&log_file).unwrap_or_default();
        let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines.filter(|line| failed.contains(line["request"].as_str().unwrap_or_default())).count() == 20
    });
    let text = std::fs::read_to_string(&log_file).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for line in &lines {
        assert!(line["why"].as_str().unwrap().contains("control plane"), "{line}");
        assert!(line["event"].is_string() || line["status"] == 500, "{line}");
    }
    assert!(lines.iter().any(|line| line["event"] == "tokenFetchFailed"), "{lines:?}");
    assert_eq!(std::fs::metadata(&log_file).unwrap().mode() & 0o777, 0o600);
    let failures = up.lines_where("the agent says why", |line| line["event"] == "tokenFetchFailed");
    assert!(failures.iter().all(|line| line["why"].as_str().unwrap().contains("control plane")), "{failures:?}");
    assert!(failures[0]["workload"].is_string() && failures[0]["principal"].is_string(), "{failures:?}");
    assert_eq!(failures[0]["resource"], "https://0.example", "{failures:?}");
    up.lines_where("the watch says so too", |line| line["event"] == "watchFailed");
    let events: Vec<Value> = up.lines().into_iter().filter(|line| line["event"].is_string()).collect();
    let reasons: HashSet<String> = events.iter().map(|line| format!("{} {}", line["event"], line["why"])).collect();
    assert_eq!(reasons.len(), events.len(), "{events:?}");
}

/// An agent that cannot write down what it needs for the next start alone does without.
#[test]
fn av_11_a_key_that_cannot_be_written_down_serves_until_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    let up = Up::start(dir.path(), &[]);
    let keys = dir.path().join("data/agent/keys");
    std::fs::remove_dir_all(&keys).unwrap();
    assert!(up.token(ARM).is_ok() && up.token("https://vault.azure.net").is_ok(), "{:?}", up.token(ARM));
    let told = up.lines_where("the log says it once", |line| line["event"] == "identityKeyNotKept");
    assert_eq!(told.len(), 1, "the key is made once: {told:?}");
}

/// Passes bytes on until it is cut; then every connection ends, and new ones at once.
struct Link {
    address: SocketAddr,
    /// The ends of the connections; `None` once it is cut.
    open: Arc<Mutex<Option<Vec<TcpStream>>>>,
}

impl Link {
    fn start(to: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, open) = (listener.local_addr().unwrap(), Arc::new(Mutex::new(Some(Vec::new()))));
        let ends = Arc::clone(&open);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let mut ends = ends.lock().unwrap();
                let Some(ends) = ends.as_mut() else { continue };
                let server = TcpStream::connect(to).unwrap();
                for (from, into) in [(&client, &server), (&server, &client)] {
                    let (from, into) = (from.try_clone().unwrap(), into.try_clone().unwrap());
                    std::thread::spawn(move || pass_on(from, into));
                }
                ends.extend([client, server]);
            }
        });
        Self { address, open }
    }

    fn cut(&self) {
        for end in self.open.lock().unwrap().take().into_iter().flatten() {
            let _ = end.shutdown(Shutdown::Both);
        }
    }
}

fn pass_on(mut from: TcpStream, mut into: TcpStream) {
    let _ = std::io::copy(&mut from, &mut into);
    let _ = (from.shutdown(Shutdown::Both), into.shutdown(Shutdown::Both));
}

#[test]
fn readiness_names_each_part() {
    let dir = tempfile::tempdir().unwrap();
    let up = Up::start(dir.path(), &[]);
    let ready = up.https("GET", "/readyz", &[], "");
    let mut said = ready.json();
    let agent = said["agents"][0].as_object_mut().unwrap();
    let (end, silence) = (agent.remove("certificateEndsAt").unwrap(), agent.remove("secondsSinceContact").unwrap());
    assert!(end.as_str().unwrap().ends_with('Z') && silence.as_u64().unwrap() < 60, "{end} {silence}");
    let expected = serde_json::json!({
        "status": "ok", "tokens": "ok", "view": "ok", "store": "ok", "rows": "ok", "writes": "ok", "mark": "ok", "clock": "ok",
        "agents": [{ "host": "local", "status": "ok" }], "frozenHosts": [],
    });
    assert_eq!((ready.status, said), (200, expected));
}

/// For what starts beside `up` and trusts no new authority; an endpoint that belongs to a workload says nothing of `up`.
#[test]
fn the_metadata_port_of_up_says_in_a_word_whether_it_is_ready() {
    let dir = tempfile::tempdir().unwrap();
    let up = Up::start(dir.path(), &[]);
    let ask = |address: SocketAddr, method: &str| {
        http(address, &format!("{method} /readyz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"))
    };
    let ready = ask(up.imds(), "GET");
    assert_eq!((ready.status, ready.body.as_str()), (200, "ok"));
    assert_eq!(ready.header("content-type"), Some("text/plain; charset=utf-8"));
    // Forged and forwarded requests get no more here than elsewhere on this port (MD-02, MD-03).
    for headers in ["Host: evil.example", &format!("Host: {}\r\nX-Forwarded-For: 192.0.2.1", up.imds()), "Accept: */*"]
    {
        let refused = http(up.imds(), &format!("GET /readyz HTTP/1.1\r\n{headers}\r\nConnection: close\r\n\r\n"));
        assert_eq!((refused.status, &refused.json()["error"]), (400, &"invalid_request".into()), "{headers}");
    }
    let other = ask(up.imds(), "POST");
    assert_eq!((other.status, other.header("allow")), (405, Some("GET")));
    let mut exec = bonafide(dir.path(), "exec");
    exec.args(["--dialect", "imds", "--", "sh", "-c", "echo $AZURE_POD_IDENTITY_AUTHORITY_HOST; exec cat"]);
    let mut session = exec.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(session.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    let bound = ask(line.trim().strip_prefix("http://").unwrap().parse().unwrap(), "GET");
    drop(session.stdin.take());
    assert!(session.wait().unwrap().success());
    assert_eq!(bound.status, 404, "{}", bound.body);
}
