//! A control plane that is away or silent, and an agent that is started again meanwhile.

#![allow(clippy::unwrap_used, reason = "a test may insist")]
#![allow(clippy::disallowed_methods, reason = "whole processes: they have a clock and an environment")]

mod support;

use serde_json::json;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use support::way::{Is, Way};
use support::{MACHINES, Up, eventually, free_port, http, metadata_request, refused, token_target, up_command};

const MANAGEMENT: &str = "https://management.azure.com/";
const VAULT: &str = "https://vault.azure.net";
/// Longest time until an agent has joined again, or kept what it has.
const SOON: Duration = Duration::from_secs(20);

/// An `up` whose agent reaches the control plane by a way of the test's. On the same ports it is the same issuer.
struct Site {
    dir: tempfile::TempDir,
    listen: String,
    way: Way,
}

impl Site {
    fn new() -> Self {
        let listen = format!("127.0.0.1:{}", free_port());
        Self { dir: tempfile::tempdir().unwrap(), listen, way: Way::open() }
    }

    fn start(&self) -> Up {
        self.start_with(&[])
    }

    fn start_with(&self, more: &[&str]) -> Up {
        let way = self.way.options();
        let mut options = vec!["--listen", &self.listen, "--throttle", "off"];
        options.extend(way.iter().map(String::as_str));
        options.extend(more);
        Up::start(self.dir.path(), &options)
    }

    /// Waits until tokens were kept that are newer than this moment's.
    fn kept(&self, files: usize) {
        let folder = self.dir.path().join("data/agent/kept/tokens");
        eventually(SOON, "tokens are kept", || std::fs::read_dir(&folder).unwrap().count() == files);
    }
}

#[test]
fn av_03_tokens_are_served_after_a_restart_and_a_kill_while_the_control_plane_is_silent_or_gone() {
    let site = Site::new();
    let up = site.start();
    let cached = up.token(MANAGEMENT).unwrap();
    site.kept(1);
    let mut up = Some(up);
    for (state, killed) in [(Is::Silent, false), (Is::Closed, true), (Is::Silent, true)] {
        let before = up.take().unwrap();
        site.way.set(state);
        if killed {
            before.kill();
        } else {
            before.stop();
        }
        let started = Instant::now();
        let again = site.start();
        assert!(started.elapsed() < Duration::from_secs(3), "{:?}", started.elapsed());
        assert_eq!(again.token(MANAGEMENT).unwrap(), cached);
        assert!(again.token(VAULT).is_err(), "a new token is not to be had");
        assert_eq!(again.token(MANAGEMENT).unwrap(), cached);
        up = Some(again);
    }
    site.way.set(Is::Open);
    let up = up.unwrap();
    eventually(SOON, "new tokens are there by themselves", || up.token(VAULT).is_ok());
    eventually(SOON, "all is well", || up.readiness() == "ok");
    assert_eq!(up.token(MANAGEMENT).unwrap(), cached);
}

#[test]
fn id_06_what_was_taken_away_before_an_outage_does_not_come_back_with_a_restart() {
    let site = Site::new();
    let up = site.start();
    let demo = up.demo();
    up.token(MANAGEMENT).unwrap();
    site.kept(1);
    let token = up.operator_token();
    let body = json!({ "identity": { "type": "None" } }).to_string();
    let desired = site.dir.path().join("data/agent/kept/desired");
    let written = || std::fs::metadata(&desired).unwrap().modified().unwrap();
    let before = written();
    let taken = up.manage(&token, "PATCH", &demo, MACHINES, &body);
    assert!(taken.status / 100 == 2, "{}", taken.body);
    eventually(SOON, "it is refused", || up.token(MANAGEMENT).is_err());
    eventually(SOON, "the disk has it", || written() != before);
    site.way.set(Is::Closed);
    up.kill();
    let up = site.start();
    for _ in 0..5 {
        assert_eq!(up.token(MANAGEMENT).unwrap_err().0 / 100, 4);
    }
}

#[test]
fn tn_22_another_token_lifetime_or_address_is_another_token_after_a_restart() {
    let site = Site::new();
    let up = site.start();
    let cached = up.token(MANAGEMENT).unwrap();
    site.kept(1);
    up.stop();
    let up = site.start_with(&["--token-lifetime", "15m"]);
    let short = up.token(MANAGEMENT).unwrap();
    assert_ne!(short, cached);
    assert_eq!(
        support::claims(&short)["exp"].as_u64().unwrap() - support::claims(&short)["nbf"].as_u64().unwrap(),
        1_200
    );
    up.stop();
    let elsewhere = Site { listen: format!("127.0.0.1:{}", free_port()), ..site };
    let up = elsewhere.start();
    let token = up.token(MANAGEMENT).unwrap();
    assert!(support::claims(&token)["iss"].as_str().unwrap().contains(&elsewhere.listen[10..]));
}

/// Asks once, as clients do that look whether there is an endpoint: within a second, and never again.
fn ask_once(at: SocketAddr, text: &str) -> Result<u16, String> {
    const PATIENCE: Duration = Duration::from_secs(1);
    let mut stream = TcpStream::connect_timeout(&at, PATIENCE).map_err(|error| format!("connect: {error}"))?;
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(text.as_bytes()).map_err(|error| format!("write: {error}"))?;
    let mut answer = Vec::new();
    let mut bytes = [0; 4096];
    loop {
        match stream.read(&mut bytes) {
            Ok(0) => break,
            Ok(count) => answer.extend_from_slice(&bytes[..count]),
            Err(error) => return Err(format!("read: {error}")),
        }
    }
    let line = String::from_utf8_lossy(&answer);
    line.get(9..12).and_then(|status| status.parse().ok()).ok_or_else(|| format!("no answer: {line}"))
}

#[test]
fn ov_07_a_silent_login_delays_no_cached_token() {
    let site = Site::new();
    let up = site.start();
    up.token(MANAGEMENT).unwrap();
    let at = up.imds();
    site.way.set(Is::Silent);
    let mut slowest = Duration::ZERO;
    std::thread::scope(|scope| {
        for n in 0..40 {
            scope.spawn(move || http(at, &metadata_request(at, &token_target(&format!("api://other-{n}")))));
        }
        for _ in 0..200 {
            let started = Instant::now();
            assert_eq!(ask_once(at, &metadata_request(at, &token_target(MANAGEMENT))), Ok(200));
            slowest = slowest.max(started.elapsed());
        }
    });
    // 50 ms is what is promised of an idle machine; here others work, too.
    assert!(slowest < Duration::from_millis(500), "{slowest:?}");
}

#[test]
fn av_04_clients_that_ask_once_see_neither_restarts_of_the_agent_nor_an_outage() {
    let site = Site::new();
    let up = site.start();
    up.token(MANAGEMENT).unwrap();
    site.kept(1);
    let at = up.imds();
    let (done, asked) = (AtomicBool::new(false), AtomicUsize::new(0));
    let probe = format!("GET {} HTTP/1.1\r\nHost: {at}\r\nConnection: close\r\n\r\n", token_target(MANAGEMENT));
    let failures: Vec<String> = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let mut failures = Vec::new();
                    while !done.load(Ordering::Relaxed) {
                        let token = metadata_request(at, &token_target(MANAGEMENT));
                        for (text, status) in [(&probe, 400), (&token, 200)] {
                            asked.fetch_add(1, Ordering::Relaxed);
                            match ask_once(at, text) {
                                Ok(found) if found == status => {}
                                other => failures.push(format!("{status}: {other:?}")),
                            }
                        }
                    }
                    failures
                })
            })
            .collect();
        for state in [Is::Open, Is::Silent, Is::Closed, Is::Open] {
            site.way.set(state);
            std::thread::sleep(Duration::from_secs(1));
            let before = up.serving();
            let pid = rustix::process::Pid::from_raw(i32::try_from(before).unwrap()).unwrap();
            rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
            up.successor(before);
            std::thread::sleep(Duration::from_secs(2));
        }
        done.store(true, Ordering::Relaxed);
        clients.into_iter().flat_map(|client| client.join().unwrap()).collect()
    });
    // A connection that was being answered by the process that was killed is cut: at most one of each client for each kill.
    let cut = failures.iter().filter(|failure| failure.contains("reset") || failure.contains("no answer")).count();
    assert!(failures.len() == cut && cut <= 16, "{failures:?}");
    assert!(asked.load(Ordering::Relaxed) > 100);
}

/// Milliseconds from the beginning of a change until a request to the endpoint is answered so.
fn measured(up: &Up, change: &str, is_so: impl Fn(u16) -> bool) -> u128 {
    let token = up.operator_token();
    let begun = Instant::now();
    let answer = up.manage(&token, "PATCH", &up.demo(), MACHINES, change);
    assert!(answer.status / 100 == 2, "{}", answer.body);
    let at = up.imds();
    eventually(SOON, change, || is_so(http(at, &metadata_request(at, &token_target(MANAGEMENT))).status));
    begun.elapsed().as_millis()
}

#[test]
fn id_06_an_identity_that_is_taken_away_is_refused_within_five_seconds_under_load() {
    let site = Site::new();
    let up = site.start();
    let done = AtomicBool::new(false);
    let mut taken: Vec<u128> = std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let at = up.imds();
                while !done.load(Ordering::Relaxed) {
                    let _ = ask_once(at, &metadata_request(at, &token_target(VAULT)));
                }
            });
        }
        let rounds = (0..20).map(|_| {
            measured(&up, r#"{"identity":{"type":"SystemAssigned"}}"#, |status| status == 200);
            measured(&up, r#"{"identity":{"type":"None"}}"#, |status| status == 400)
        });
        let taken = rounds.collect();
        done.store(true, Ordering::Relaxed);
        taken
    });
    taken.sort_unstable();
    eprintln!("milliseconds until refused: median {}, longest {}", taken[10], taken[19]);
    assert!(taken[19] < 5_000, "{taken:?}");
}

#[test]
fn ha_11_an_agent_folder_that_was_put_back_is_not_served_from_before_the_control_plane_was_asked() {
    let site = Site::new();
    let up = site.start();
    up.token(MANAGEMENT).unwrap();
    site.kept(1);
    let agent = site.dir.path().join("data/agent");
    let copy = site.dir.path().join("copy");
    let put = |from: &Path, to: &Path| {
        let _ = std::fs::remove_dir_all(to);
        assert!(std::process::Command::new("cp").arg("-a").args([from, to]).status().unwrap().success());
    };
    put(&agent, &copy);
    measured(&up, r#"{"identity":{"type":"None"}}"#, |status| status == 400);
    site.way.set(Is::Closed);
    up.kill();
    put(&copy, &agent);
    // Nothing is known here without the control plane.
    let way = site.way.options();
    let mut options = vec!["--listen", &site.listen];
    options.extend(way.iter().map(String::as_str));
    let line = refused(up_command(site.dir.path(), &options));
    assert!(line.contains("cannot read what to run"), "{line}");
    site.way.set(Is::Open);
    let up = site.start();
    eventually(SOON, "the present state is known", || up.token(MANAGEMENT).is_err_and(|(status, _)| status == 400));
}
