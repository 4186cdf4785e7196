//! Network namespaces that are attached to workloads: each has its own identity, and no other.

#![allow(clippy::unwrap_used, reason = "a test may insist")]
#![allow(clippy::disallowed_methods, reason = "whole processes: they have a clock and an environment")]

mod support;

use serde_json::json;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use support::attached::{asking, attached, bindings, done, host, not_done, principal, state};
use support::namespace::Namespace;
use support::{Up, claims, eventually, run, up_command};

const ARM: &str = "https://management.azure.com/";
const ADDRESS: &str = "169.254.169.254";
/// Namespaces at once. Source: the issue ("at least 20").
const MANY: usize = 20;

/// The object id in the token that a namespace gets; the answer where it gets none.
fn oid(namespace: &Namespace) -> Result<String, String> {
    let output = run(namespace.command(asking(ADDRESS, 80, ARM)));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    let reply: serde_json::Value = serde_json::from_str(body).map_err(|_| text.clone())?;
    let token = reply["access_token"].as_str().ok_or(text.clone())?;
    Ok(claims(token)["oid"].as_str().unwrap().to_owned())
}

fn machine(up: &Up, name: &str) -> String {
    principal(up, &up.machine(name, &json!({ "type": "SystemAssigned" })))
}

#[test]
fn id_05_twenty_namespaces_have_each_its_own_identity_and_no_other_also_after_a_crash_and_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let namespaces: Vec<Namespace> = (0..MANY).map_while(|at| Namespace::create(&format!("many{at}"))).collect();
    let Some(stranger) = Namespace::create("stranger").filter(|_| namespaces.len() == MANY) else { return };
    let up = Up::start(dir.path(), &[]);
    let expected: Vec<String> = (0..MANY).map(|at| machine(&up, &format!("m{at}"))).collect();
    let mut taken = Vec::new();
    for (at, namespace) in namespaces.iter().enumerate() {
        let started = Instant::now();
        attached(dir.path(), &format!("m{at}"), &["--netns", &namespace.0]);
        taken.push(started.elapsed());
    }
    taken.sort();
    eprintln!(
        "attach, a new process and a placement each: median {:?}, longest {:?}",
        taken[MANY / 2],
        taken[MANY - 1]
    );
    let all_have_their_own = || {
        for (namespace, expected) in namespaces.iter().zip(&expected) {
            assert_eq!(oid(namespace).as_ref(), Ok(expected), "{}", namespace.0);
        }
    };
    all_have_their_own();
    assert!(oid(&stranger).is_err(), "a namespace that nobody attached");
    // Inside, every user is the workload.
    let mut nobody = Command::new("setpriv");
    nobody.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]);
    let ask = asking(ADDRESS, 80, ARM);
    nobody.arg(ask.get_program()).args(ask.get_args());
    let answer = run(namespaces[0].command(nobody)).stdout;
    assert!(String::from_utf8_lossy(&answer).contains("access_token"));

    let server = up.serving();
    let own = own_answer();
    kill(server);
    up.successor(server);
    eventually(support::PATIENCE, "it serves again", || run(host(dir.path(), &["list"])).status.success());
    all_have_their_own();
    assert_eq!(own_answer(), own, "the host's own namespace");
    assert!(up.stop().success());
    // Nobody else can answer there meanwhile.
    assert!(namespaces.iter().all(Namespace::has_address) && oid(&namespaces[0]).is_err());
    let up = Up::start(dir.path(), &[]);
    all_have_their_own();
    assert!(bindings(dir.path()).iter().all(|binding| binding["state"] == "serving"), "{}", up.log());

    // One goes, and no other is disturbed.
    done(dir.path(), &["detach", "--netns", &namespaces[0].0]);
    assert!(oid(&namespaces[0]).is_err() && !namespaces[0].has_address());
    for (namespace, expected) in namespaces.iter().zip(&expected).skip(1) {
        assert_eq!(oid(namespace).as_ref(), Ok(expected));
    }
}

/// The answer of the namespace that the test runs in.
fn own_answer() -> bool {
    let output = run(asking("127.0.0.1", 80, ARM));
    String::from_utf8_lossy(&output.stdout).contains("access_token")
}

#[test]
fn md_07_what_is_attached_listens_in_its_own_namespace_alone() {
    let dir = tempfile::tempdir().unwrap();
    let (Some(home), Some(inside)) = (Namespace::create("home"), Namespace::create("inside")) else { return };
    let up = Up::run(home.command(up_command(dir.path(), &[])), dir.path());
    let listening = |namespace: &Namespace| {
        let mut command = Command::new("ss");
        command.args(["-H", "-l", "-n", "-t", "-u", "-w"]);
        let shown = String::from_utf8(run(namespace.command(command)).stdout).unwrap();
        let address = |line: &str| line.split_whitespace().nth(4).unwrap().to_owned();
        let mut addresses: Vec<String> = shown.lines().map(address).collect();
        addresses.sort();
        addresses
    };
    let before = listening(&home);
    let is_of_loopback = |address: &String| address.starts_with("127.0.0.1") || address.starts_with("[::1]");
    assert!(before.len() >= 3 && before.iter().all(is_of_loopback), "{before:?}");
    let attach = host(dir.path(), &["attach", "--workload", "demo", "--netns", &inside.0]);
    assert!(run(home.command(attach)).status.success(), "{}", up.log());
    assert_eq!(listening(&home), before, "nothing more here");
    // The port of its own stands for port 80 there (ADR 35).
    assert_eq!(listening(&inside), ["169.254.169.254%lo:4"]);
}

#[test]
fn id_04_a_namespace_that_takes_the_name_of_another_inherits_nothing_until_it_is_attached() {
    let dir = tempfile::tempdir().unwrap();
    let Some(first) = Namespace::create("again") else { return };
    let name = first.0.clone();
    let up = Up::start(dir.path(), &[]);
    let expected = machine(&up, "web");
    let binding = attached(dir.path(), "web", &["--netns", &name]);
    assert_eq!(oid(&first).as_ref(), Ok(&expected));
    // While the agent runs.
    drop(first);
    let second = Namespace::create("again").unwrap();
    assert!(oid(&second).is_err());
    // A name that is attached again means what has it now.
    let anew = attached(dir.path(), "web", &["--netns", &name]);
    assert_eq!(oid(&second).as_ref(), Ok(&expected));
    assert_eq!(state(dir.path(), &binding["id"]), "not there");
    assert_eq!(bindings(dir.path()).len(), 1);
    // While it does not.
    up.stop();
    drop(second);
    let third = Namespace::create("again").unwrap();
    let up = Up::start(dir.path(), &[]);
    assert_eq!(state(dir.path(), &anew["id"]), "gone", "{}", up.log());
    assert!(oid(&third).is_err() && !third.has_address(), "another namespace is left as it is");
}

#[test]
fn id_04_a_namespace_that_is_named_by_a_process_is_found_again_by_its_name() {
    let dir = tempfile::tempdir().unwrap();
    let Some(namespace) = Namespace::create("pid") else { return };
    let up = Up::start(dir.path(), &[]);
    let mut sleep = Command::new("sleep");
    sleep.arg("300");
    let mut inside = namespace.command(sleep);
    let mut process = inside.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    // `ip` becomes the command once it is inside.
    let own = std::fs::metadata("/proc/self/ns/net").map(|found| std::os::unix::fs::MetadataExt::ino(&found)).unwrap();
    let path = format!("/proc/{}/ns/net", process.id());
    eventually(support::PATIENCE, "it is inside", || {
        std::fs::metadata(&path).is_ok_and(|found| std::os::unix::fs::MetadataExt::ino(&found) != own)
    });
    let binding = attached(dir.path(), "demo", &["--netns", &process.id().to_string()]);
    assert_eq!(binding["place"], format!("--netns {}", namespace.0));
    process.kill().unwrap();
    process.wait().unwrap();
    up.stop();
    let _up = Up::start(dir.path(), &[]);
    assert!(oid(&namespace).is_ok());
    // A process in the agent's own namespace is all of the machine.
    let line = not_done(dir.path(), &["attach", "--workload", "demo", "--netns", &std::process::id().to_string()]);
    assert!(line.contains("say --netns host"), "{line}");
    let line = not_done(dir.path(), &["attach", "--workload", "demo", "--netns", "no-such-namespace"]);
    assert!(line.contains("/run/netns/no-such-namespace"), "{line}");
    let line = not_done(dir.path(), &["attach", "--workload", "demo", "--netns", "/proc/self/status"]);
    assert!(line.contains("is no network namespace"), "{line}");
}

#[test]
fn a_port_inside_a_namespace_is_on_its_loopback_device() {
    let dir = tempfile::tempdir().unwrap();
    let Some(namespace) = Namespace::create("port") else { return };
    let _up = Up::start(dir.path(), &[]);
    let attach = ["attach", "--workload", "demo", "--netns", &namespace.0, "--port", "4000", "--dialect", "imds"];
    done(dir.path(), &attach);
    let output = run(namespace.command(asking("127.0.0.1", 4000, ARM)));
    assert!(String::from_utf8_lossy(&output.stdout).contains("access_token"));
    assert!(run(asking("127.0.0.1", 4000, ARM)).stdout.is_empty(), "the agent's own");
}

#[test]
fn id_07_an_attachment_takes_milliseconds_once_its_workload_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let Some(namespace) = Namespace::create("speed") else { return };
    let _up = Up::start(dir.path(), &[]);
    let mut took = Vec::new();
    for _ in 0..10 {
        let started = Instant::now();
        attached(dir.path(), "demo", &["--netns", &namespace.0]);
        took.push(started.elapsed());
        done(dir.path(), &["detach", "--netns", &namespace.0]);
    }
    took.sort();
    let list = Instant::now();
    done(dir.path(), &["list"]);
    eprintln!("attach: median {:?} with its process; a process that lists: {:?}", took[5], list.elapsed());
    // Of a debug build on a busy machine; bench/ has the figure of the other.
    assert!(took[5] < Duration::from_secs(2), "{took:?}");
}

/// A web server of the workload, as most are started: on port 80 of all addresses.
struct Web(std::process::Child);

impl Web {
    fn start(namespace: &Namespace, address: &str) -> Self {
        let mut server = Command::new("python3");
        server.args(["-m", "http.server", "--bind", address, "80"]);
        let mut command = namespace.command(server);
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        eventually(support::PATIENCE, "the web server answers", || Self::answers(namespace, "127.0.0.1"));
        Self(child)
    }

    fn answers(namespace: &Namespace, address: &str) -> bool {
        let output = run(namespace.command(asking(address, 80, ARM)));
        String::from_utf8_lossy(&output.stdout).contains("SimpleHTTP")
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn id_07_a_web_server_on_all_addresses_and_the_endpoint_answer_beside_one_another() {
    let dir = tempfile::tempdir().unwrap();
    let Some(namespace) = Namespace::create("web") else { return };
    let mut up = Up::start(dir.path(), &[]);
    let expected = machine(&up, "web");
    let both_answer = |up: &Up| {
        assert_eq!(oid(&namespace).as_ref(), Ok(&expected), "{}", up.log());
        assert!(Web::answers(&namespace, "127.0.0.1"));
    };
    for address in ["0.0.0.0", "::"] {
        let before = Web::start(&namespace, address);
        let binding = attached(dir.path(), "web", &["--netns", &namespace.0]);
        assert_eq!(binding.get("note").and_then(serde_json::Value::as_str), None, "{binding}");
        both_answer(&up);
        drop(before);
        let _after = Web::start(&namespace, address);
        both_answer(&up);
        let server = up.serving();
        kill(server);
        up.successor(server);
        eventually(support::PATIENCE, "it serves again", || run(host(dir.path(), &["list"])).status.success());
        both_answer(&up);
        assert!(up.stop().success());
        assert!(namespace.has_address());
        up = Up::start(dir.path(), &[]);
        both_answer(&up);
        done(dir.path(), &["detach", "--netns", &namespace.0]);
        assert!(!namespace.has_address() && Web::answers(&namespace, "127.0.0.1"));
        // The address, by whomever it is added, has its port back.
        namespace.ip(&["address", "add", "169.254.169.254/32", "dev", "lo"]);
        assert!(Web::answers(&namespace, ADDRESS));
        namespace.ip(&["address", "delete", "169.254.169.254/32", "dev", "lo"]);
    }
}

/// The kernel takes a connection from this side of the interface for one that comes through it.
#[test]
fn id_05_an_interface_is_for_its_other_end_and_not_for_programs_on_this_side() {
    let dir = tempfile::tempdir().unwrap();
    let (Some(side), Some(guest)) = (Namespace::create("side"), Namespace::create("guest")) else { return };
    let (Some(router), Some(behind)) = (Namespace::create("router"), Namespace::create("behind")) else { return };
    for (side, guest) in [(&side, &guest), (&router, &behind)] {
        side.ip(&["link", "add", "v0", "type", "veth", "peer", "name", "v1", "netns", &guest.0]);
        for (namespace, device, address) in
            [(side, "v0", "192.0.2.1/24"), (side, "v0", "192.0.2.5/24"), (guest, "v1", "192.0.2.2/24")]
        {
            namespace.ip(&["address", "add", address, "dev", device]);
            namespace.ip(&["link", "set", device, "up"]);
        }
        guest.ip(&["route", "add", "169.254.169.254", "dev", "v1"]);
    }
    let mut up = Up::run(side.command(support::up_command(dir.path(), &[])), dir.path());
    for of_another in [&[][..], &["--netns", &router.0]] {
        let attach = host(dir.path(), &[&["attach", "--workload", "demo", "--tap", "v0"], of_another].concat());
        let attached = run(side.command(attach));
        assert!(attached.status.success(), "{attached:?}");
    }
    for is_again in [false, true] {
        for (side, guest) in [(&side, &guest), (&router, &behind)] {
            is_for_its_other_end(side, guest, &up);
        }
        if !is_again {
            up.kill();
            up = Up::run(side.command(support::up_command(dir.path(), &[])), dir.path());
        }
    }
}

/// A device is given both its name and its index by who makes it.
#[test]
fn id_04_an_interface_that_was_made_anew_while_everything_was_stopped_inherits_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (Some(side), Some(first), Some(second)) =
        (Namespace::create("makes"), Namespace::create("first"), Namespace::create("second"))
    else {
        return;
    };
    let make = |guest: &Namespace| {
        side.ip(&["link", "add", "v0", "index", "77", "type", "veth", "peer", "name", "v1", "netns", &guest.0]);
        for (namespace, device, address) in [(&side, "v0", "192.0.2.1/24"), (guest, "v1", "192.0.2.2/24")] {
            namespace.ip(&["address", "add", address, "dev", device]);
            namespace.ip(&["link", "set", device, "up"]);
        }
        guest.ip(&["route", "add", "169.254.169.254", "dev", "v1"]);
    };
    let start = || Up::start(dir.path(), &[]);
    make(&first);
    let up = start();
    let binding = attached(dir.path(), "demo", &["--tap", "v0", "--netns", &side.0]);
    assert!(oid(&first).is_ok(), "{}", up.log());
    up.stop();
    let up = start();
    assert!(oid(&first).is_ok(), "it is the same: {}", up.log());
    up.stop();
    side.ip(&["link", "delete", "v0"]);
    make(&second);
    // As somebody does who makes it anew from a list of what there was.
    side.ip(&["address", "add", "169.254.169.254/32", "dev", "v0"]);
    let up = start();
    assert!(oid(&second).is_err());
    assert_eq!(state(dir.path(), &binding["id"]), "gone", "{}", up.log());
    attached(dir.path(), "demo", &["--tap", "v0", "--netns", &side.0]);
    assert!(oid(&second).is_ok(), "{}", up.log());
}

fn is_for_its_other_end(side: &Namespace, guest: &Namespace, up: &Up) {
    assert!(oid(guest).is_ok(), "{}", up.log());
    assert!(oid(side).is_err(), "by the address of the interface");
    let script = "import socket, sys; s = socket.create_connection(('169.254.169.254', 80), int(sys.argv[3]), (sys.argv[1], 0)); \
        s.sendall(sys.argv[2].encode()); print(s.makefile().read())";
    let request = support::metadata_request(ADDRESS, &support::token_target(ARM));
    // To the second address of a network, and to all but one of 127.0.0.0/8, the kernel sends from another one.
    for (namespace, source, is_served) in [
        (guest, "192.0.2.2", true),
        (side, "192.0.2.1", false),
        (side, "192.0.2.5", false),
        (side, "127.0.0.1", false),
        (side, "127.0.0.9", false),
    ] {
        let mut python = Command::new("python3");
        // From some of them the kernel answers nothing at all.
        python.args(["-c", script, source, &request, if is_served { "10" } else { "3" }]);
        let answer = run(namespace.command(python)).stdout;
        assert_eq!(String::from_utf8_lossy(&answer).contains("access_token"), is_served, "{source}");
    }
}

fn kill(pid: u32) {
    assert!(Command::new("kill").args(["-KILL", &pid.to_string()]).status().unwrap().success());
}
