//! Sockets that somebody ends who has the rights for it: root of a namespace, or the owner of a folder. It is seen, said, and mended.

#![allow(clippy::unwrap_used, reason = "a test may insist")]
#![allow(clippy::disallowed_methods, reason = "whole processes: they have a clock and an environment")]

mod support;

use serde_json::json;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use support::attached::{asking, attached, bindings, done, host, state};
use support::namespace::Namespace;
use support::{PATIENCE, Up, eventually, free_port, metadata_request, run, skip, token_target, up_command};

const ARM: &str = "https://management.azure.com/";
const ADDRESS: &str = "169.254.169.254";
/// The port at which the kernel finds the socket of the metadata address (ADR 35).
const HELD_PORT: u16 = 4;
/// Longest time after which an endpoint that stopped by itself is shown so.
const SEEN_WITHIN: Duration = Duration::from_secs(5);

/// True where a token is had at an address of a namespace.
fn has_token(inside: &Namespace, address: &str, port: u16) -> bool {
    let output = run(inside.command(asking(address, port, ARM)));
    String::from_utf8_lossy(&output.stdout).starts_with("HTTP/1.1 200")
}

/// Ends the socket that listens at a port of a namespace, as its root can.
fn kill(inside: &Namespace, port: u16) {
    let mut ss = Command::new("ss");
    ss.args(["--kill", "--listening", "--tcp", "sport", "=", &format!(":{port}")]);
    run(inside.command(ss));
}

fn note(dir: &Path, id: &serde_json::Value) -> String {
    let all = bindings(dir);
    let found = all.iter().find(|binding| binding["id"] == *id).unwrap();
    found["note"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn a_socket_that_root_inside_ends_is_shown_so_within_5_s_and_opened_anew() {
    let dir = tempfile::tempdir().unwrap();
    let (Some(inside), Some(other)) = (Namespace::create("ended"), Namespace::create("calm")) else { return };
    let up = Up::start(dir.path(), &["--throttle", "off"]);
    let port = free_port();
    attached(dir.path(), "demo", &["--netns", &inside.0]);
    let at_port = ["--netns", &inside.0, "--port", &port.to_string(), "--dialect", "imds"];
    let id = &attached(dir.path(), "demo", &at_port)["id"];
    let calm = &attached(dir.path(), "demo", &["--netns", &other.0])["id"];
    assert!(has_token(&inside, ADDRESS, 80) && has_token(&inside, "127.0.0.1", port) && has_token(&other, ADDRESS, 80));
    // The kernel asks our program which socket is meant, and is told none.
    kill(&inside, HELD_PORT);
    assert!(has_token(&inside, ADDRESS, 80));
    kill(&inside, port);
    if has_token(&inside, "127.0.0.1", port) {
        return skip("this kernel kills no sockets");
    }
    eventually(SEEN_WITHIN, "it is seen", || state(dir.path(), id) == "waiting");
    assert!(note(dir.path(), id).contains("closed from within its network namespace"), "{}", note(dir.path(), id));
    assert_eq!(state(dir.path(), calm), "serving");
    eventually(PATIENCE, "it is opened anew", || has_token(&inside, "127.0.0.1", port));
    assert_eq!(state(dir.path(), id), "serving");
    let told = |event: &str| up.log().lines().filter(|line| line.contains(&format!("\"event\":\"{event}\""))).count();
    eventually(PATIENCE, "the log says so", || told("bindingServed") == 1);
    assert_eq!(told("bindingNotServed"), 1, "{}", up.log());
    // Somebody else has the port before the agent: that is said, and ends with it.
    kill(&inside, port);
    let mut taker = Command::new("python3");
    let script = format!(
        "import socket, sys; s = socket.create_server(('127.0.0.1', {port})); print('up', flush=True); sys.stdin.read()"
    );
    taker.args(["-c", &script]);
    let mut taker = inside.command(taker);
    let piped = std::process::Stdio::piped;
    let mut taker = taker.stdin(piped()).stdout(piped()).spawn().unwrap();
    taker.stdout.as_mut().unwrap().read_exact(&mut [0; 2]).unwrap();
    eventually(PATIENCE, "it says so", || note(dir.path(), id).contains("in use"));
    assert_eq!(state(dir.path(), id), "waiting");
    drop(taker.stdin.take());
    taker.wait().unwrap();
    eventually(PATIENCE, "it is opened anew", || has_token(&inside, "127.0.0.1", port));
    assert_eq!(state(dir.path(), calm), "serving");
    done(dir.path(), &["detach", "--netns", &inside.0]);
    assert!(!inside.has_address() && has_token(&other, ADDRESS, 80));
}

/// Nobody but its own owner can end these; whoever does has them back at once.
#[test]
fn what_up_listens_on_itself_listens_again() {
    let dir = tempfile::tempdir().unwrap();
    let Some(machine) = Namespace::create("again") else { return };
    let imds = free_port();
    let options = ["--link-local", "--throttle", "off", "--imds-port", &imds.to_string()];
    let up = Up::run(machine.command(up_command(dir.path(), &options)), dir.path());
    let public: u16 = up.origin().rsplit(':').next().unwrap().parse().unwrap();
    let ready = || {
        let mut curl = Command::new("curl");
        curl.args([
            "-sk",
            "-o",
            "/dev/null",
            "-w",
            "%{http_code}",
            "--max-time",
            "5",
            &format!("{}/healthz", up.origin()),
        ]);
        run(machine.command(curl)).stdout == b"200"
    };
    assert!(has_token(&machine, "127.0.0.1", imds) && has_token(&machine, ADDRESS, 80) && ready());
    for port in [imds, public] {
        kill(&machine, port);
    }
    eventually(SEEN_WITHIN, "they listen again", || {
        has_token(&machine, "127.0.0.1", imds) && has_token(&machine, ADDRESS, 80) && ready()
    });
    eventually(PATIENCE, "the log says so", || up.log().contains("\"event\":\"listenerClosed\""));
}

#[test]
fn a_unix_socket_whose_file_was_removed_is_made_again_and_nothing_else_is_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let up = Up::start(dir.path(), &["--throttle", "off"]);
    let path = dir.path().join("metadata.sock");
    let id = &attached(dir.path(), "demo", &["--unix", path.to_str().unwrap()])["id"];
    let has_token = || {
        let Ok(mut stream) = UnixStream::connect(&path) else { return false };
        let mut answer = String::new();
        let asked = stream.write_all(metadata_request("localhost", &token_target(ARM)).as_bytes());
        asked.and_then(|()| stream.read_to_string(&mut answer)).is_ok() && answer.starts_with("HTTP/1.1 200")
    };
    assert!(has_token());
    std::fs::remove_file(&path).unwrap();
    eventually(SEEN_WITHIN, "it is seen", || state(dir.path(), id) == "waiting");
    assert!(note(dir.path(), id).contains("was removed"), "{}", note(dir.path(), id));
    eventually(PATIENCE, "it is made again", has_token);
    eventually(PATIENCE, "it says so", || state(dir.path(), id) == "serving");
    eventually(PATIENCE, "the log, too", || up.log().contains("\"event\":\"bindingServed\""));
    // Something else has the path.
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, "mine").unwrap();
    eventually(PATIENCE, "it says so", || note(dir.path(), id).contains("is no socket"));
    assert_eq!(std::fs::read(&path).unwrap(), b"mine");
    std::fs::remove_file(&path).unwrap();
    eventually(PATIENCE, "it is made again", has_token);
    // While no agent runs.
    std::fs::remove_file(&path).unwrap();
    let server = up.serving();
    assert!(Command::new("kill").args(["-KILL", &server.to_string()]).status().unwrap().success());
    up.successor(server);
    eventually(PATIENCE, "it serves again", || run(host(dir.path(), &["list"])).status.success());
    eventually(PATIENCE, "it is made again", has_token);
    assert_eq!(json!(state(dir.path(), id)), json!("serving"));
}
