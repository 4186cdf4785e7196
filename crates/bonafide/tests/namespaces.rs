//! Network namespaces: neighbours, and the real metadata address.

#![allow(clippy::unwrap_used, reason = "a test may insist")]
#![allow(clippy::disallowed_methods, reason = "whole processes: they have a clock and an environment")]

mod support;

use rustix::process::{Pid, Signal, kill_process};
use rustix::thread::CapabilitySet as Capability;
use std::process::Command;
use support::namespace::Namespace;
use support::{Up, eventually, metadata_request, run, token_target, up_command};

const ARM: &str = "https://management.azure.com/";

/// The address stays through a stop: where it were gone, a neighbour could be the machine's metadata server.
#[test]
fn id_07_the_link_local_address_is_taken_up_and_stays_through_a_kill_and_a_stop() {
    let dir = tempfile::tempdir().unwrap();
    let Some(namespace) = Namespace::create("link") else { return };
    let start = || Up::run(namespace.command(up_command(dir.path(), &["--link-local"])), dir.path());
    start().kill();
    assert!(namespace.has_address());
    let up = start();
    eventually(support::PATIENCE, "it is told", || up.log().contains("ip address del 169.254.169.254/32 dev lo"));
    assert!(up.stop().success());
    assert!(namespace.has_address());
    let log = std::fs::read_to_string(dir.path().join("test-stderr.log")).unwrap();
    let last = log.lines().rfind(|line| line.starts_with("bonafide: ")).unwrap();
    assert!(last.ends_with("to take it away: ip address del 169.254.169.254/32 dev lo"), "{last}");
    assert_eq!(log.matches("to take it away").count(), 2, "at the start and at the stop: {log}");
    // It is used, whoever made it.
    namespace.ip(&["address", "del", "169.254.169.254/32", "dev", "lo"]);
    namespace.ip(&["address", "add", "169.254.169.254/32", "dev", "lo"]);
    assert!(start().stop().success());
    assert!(namespace.has_address());
}

#[test]
fn ha_02_up_serves_the_link_local_address_without_a_capability() {
    let dir = tempfile::tempdir().unwrap();
    let Some(namespace) = Namespace::create("caps") else { return };
    let up = Up::run(namespace.command(up_command(dir.path(), &["--link-local"])), dir.path());
    let script = "exec 3<>/dev/tcp/169.254.169.254/80; printf %s \"$0\" >&3; cat <&3";
    let mut ask = Command::new("bash");
    ask.args(["-c", script, &metadata_request("169.254.169.254", &token_target(ARM))]);
    let answer = run(namespace.command(ask)).stdout;
    assert!(String::from_utf8_lossy(&answer).contains("access_token"), "{}", up.log());
    let mut seen = 0;
    // The opener has what it needs; the keeper has it to hand on, and uses none of it.
    let opener = [Capability::NET_BIND_SERVICE, Capability::NET_ADMIN, Capability::SYS_ADMIN];
    let opener = opener.iter().fold(0, |all, one| all | one.bits());
    let all = up.pids().into_iter().chain(up.opener());
    for pid in all {
        let (permitted, effective) = match pid {
            pid if pid == up.pid() => (opener, 0),
            pid if Some(pid) == up.opener() => (opener, opener),
            _ => (0, 0),
        };
        let expected =
            [("CapInh", 0), ("CapPrm", permitted), ("CapEff", effective), ("CapBnd", permitted), ("CapAmb", 0)];
        for task in std::fs::read_dir(format!("/proc/{pid}/task")).unwrap().flatten() {
            let status = std::fs::read_to_string(task.path().join("status")).unwrap();
            for (set, expected) in expected {
                let line = status.lines().find_map(|line| line.strip_prefix(&format!("{set}:\t"))).unwrap();
                assert_eq!(u64::from_str_radix(line, 16), Ok(expected), "{set} of {pid}");
            }
            assert!(status.contains("NoNewPrivs:\t1"), "{pid}");
            seen += 1;
        }
    }
    assert!(seen > 4);
    assert!(up.opener().is_some());
}

/// The opener is killed, and asked again; the server is killed, and gets the socket back.
#[test]
fn av_04_the_real_address_is_served_on_over_the_end_of_the_opener_and_of_the_server() {
    let dir = tempfile::tempdir().unwrap();
    let Some(namespace) = Namespace::create("over") else { return };
    let up = Up::run(namespace.command(up_command(dir.path(), &["--link-local", "--throttle", "off"])), dir.path());
    let script = "exec 3<>/dev/tcp/169.254.169.254/80 || echo refused; printf %s \"$0\" >&3; cat <&3";
    let ask = || {
        let mut ask = Command::new("bash");
        ask.args(["-c", script, &metadata_request("169.254.169.254", &token_target(ARM))]);
        let answer = run(namespace.command(ask));
        let answer = String::from_utf8_lossy(&answer.stdout).into_owned();
        assert!(!answer.contains("refused"), "{}", up.log());
        answer.contains("access_token")
    };
    assert!(ask());
    for _ in 0..3 {
        let (opener, server) = (up.opener().unwrap(), up.serving());
        kill(opener);
        eventually(support::PATIENCE, "another opener", || up.opener().is_some_and(|next| next != opener));
        assert!(ask());
        kill(server);
        eventually(support::PATIENCE, "another server", &ask);
        assert_ne!(up.successor(server), server);
    }
    assert!(up.stop().success());
    assert!(namespace.has_address());
}

fn kill(pid: u32) {
    kill_process(Pid::from_raw(pid.cast_signed()).unwrap(), Signal::KILL).unwrap();
}

/// CVE-2020-8558: where packets for loopback addresses are routed, a neighbour reaches what listens there.
#[test]
fn md_08_a_neighbour_does_not_reach_a_loopback_endpoint_where_loopback_is_routed() {
    let dir = tempfile::tempdir().unwrap();
    let (Some(victim), Some(neighbour)) = (Namespace::create("victim"), Namespace::create("neighbour")) else { return };
    victim.ip(&["link", "add", "v0", "type", "veth", "peer", "name", "v1", "netns", &neighbour.0]);
    for (namespace, device, address) in [(&victim, "v0", "192.0.2.1/24"), (&neighbour, "v1", "192.0.2.2/24")] {
        namespace.ip(&["address", "add", address, "dev", device]);
        namespace.ip(&["link", "set", device, "up"]);
        for name in ["all", device] {
            namespace.set(&format!("net/ipv4/conf/{name}/route_localnet"), "1");
            namespace.set(&format!("net/ipv4/conf/{name}/rp_filter"), "0");
            namespace.set(&format!("net/ipv4/conf/{name}/accept_local"), "1");
        }
    }
    // The neighbour's own loopback would answer it first.
    neighbour.ip(&["route", "del", "local", "127.0.0.0/8", "dev", "lo", "table", "local"]);
    neighbour.ip(&["route", "del", "local", "127.0.0.1", "dev", "lo", "table", "local"]);
    neighbour.ip(&["route", "add", "127.0.0.0/8", "via", "192.0.2.1", "src", "192.0.2.2"]);
    let options = ["--any-user", "--throttle", "off"];
    let up = Up::run(victim.command(up_command(dir.path(), &options)), dir.path());
    let script = "exec 3<>/dev/tcp/$1/$2 || exit 7; printf %s \"$0\" >&3; timeout 5 cat <&3";
    let ask = |namespace: &Namespace, to: std::net::SocketAddr| {
        let mut ask = Command::new("timeout");
        ask.args(["5", "bash", "-c", script, &metadata_request(up.imds(), &token_target(ARM))]);
        ask.args([to.ip().to_string(), to.port().to_string()]);
        String::from_utf8(run(namespace.command(ask)).stdout).unwrap()
    };
    assert!(ask(&victim, up.imds()).contains("access_token"), "{}", up.log());
    // The way is open: something that is not bound to the device is reached.
    let mut open = victim.command(Command::new("python3"));
    open.args([
        "-c",
        "import socket; s = socket.create_server(('127.0.0.1', 4567)); print('up', flush=True); \
        c = s.accept()[0]; c.recv(1); c.sendall(b'reached')",
    ]);
    if let Ok(mut open) = open.stdout(std::process::Stdio::piped()).spawn() {
        let mut line = [0; 2];
        std::io::Read::read_exact(open.stdout.as_mut().unwrap(), &mut line).unwrap();
        let reached = ask(&neighbour, "127.0.0.1:4567".parse().unwrap());
        open.kill().unwrap();
        open.wait().unwrap();
        assert!(reached.contains("reached"), "the test reaches nothing");
    }
    let origin = up.origin().replace("https://localhost", "127.0.0.1").parse().unwrap();
    for to in [up.imds(), origin] {
        assert_eq!(ask(&neighbour, to), "", "{to}");
    }
}
