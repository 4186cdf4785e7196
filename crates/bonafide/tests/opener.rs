//! `bonafide opener` below a service manager: with three capabilities, for one user, and over its own end.

#![allow(clippy::unwrap_used, reason = "a test may insist")]
#![allow(clippy::disallowed_methods, reason = "whole processes: they have a clock and an environment")]

mod support;

use bonafide_opener::{Opener, Remote, Where};
use rustix::thread::CapabilitySet as Capability;
use std::fs::File;
use std::io::Read;
use std::os::fd::AsFd;
use std::process::{Command, Stdio};
use support::manager::{Manager, OPENER, folder};
use support::namespace::Namespace;
use support::{PATIENCE, eventually, run};

/// A user of this test's own, whom the opener does not know.
const STRANGER: &str = "64124";
const LO: Where = Where::Metadata { device: None, ipv6: None, port: 80 };

/// The status line of whoever answers there, of the namespace.
fn connects(namespace: &Namespace) -> bool {
    let mut command = Command::new("timeout");
    command.args(["1", "bash", "-c", "exec 3<>/dev/tcp/169.254.169.254/80"]);
    run(namespace.command(command)).status.success()
}

#[test]
fn av_04_what_it_holds_comes_back_from_the_store_of_its_service_manager() {
    let (dir, Some(namespace)) = (folder(), Namespace::create("store")) else { return };
    let Some(mut manager) = Manager::start(dir.path(), "0") else { return };
    let remote = Remote::at(&manager.path);
    let door = File::open(format!("/run/netns/{}", namespace.0)).unwrap();
    let held = remote.open("a/imds", &LO, Some(door.as_fd())).unwrap();
    assert_eq!(held.note, None, "its three capabilities are enough");
    remote.open("a/vm-extension", &Where::Loopback { port: 50_342 }, None).unwrap();
    for _ in 0..3 {
        let before = manager.opener;
        manager.restart();
        assert_ne!(manager.opener, before);
        assert!(connects(&namespace), "refused over a restart");
        let found = remote.held().unwrap();
        let keys: Vec<(&str, u64, usize)> =
            found.iter().map(|held| (held.key.as_str(), held.namespace, held.sockets.len())).collect();
        assert_eq!(keys, [("a/imds", held.namespace, 1), ("a/vm-extension", held.namespace, 2)]);
    }
    assert!(namespace.has_address());
    remote.close("a/").unwrap();
    assert!(!namespace.has_address() && !connects(&namespace));
    manager.restart();
    assert!(remote.held().unwrap().is_empty());
}

/// As often as `BONAFIDE_KILLS` says: a thousand times before a release.
#[test]
fn ha_09_however_often_it_is_killed_nothing_is_left_and_nothing_is_refused() {
    let kills = std::env::var("BONAFIDE_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(20);
    let (dir, Some(namespace)) = (folder(), Namespace::create("kills")) else { return };
    let Some(mut manager) = Manager::start(dir.path(), "0") else { return };
    let remote = Remote::at(&manager.path);
    let door = File::open(format!("/run/netns/{}", namespace.0)).unwrap();
    remote.open("a/imds", &LO, Some(door.as_fd())).unwrap();
    let descriptors = |pid: u32| std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count();
    let mut counts = Vec::new();
    for kill in 0..kills {
        manager.restart();
        let key = format!("b/{kill}");
        remote.open(&key, &Where::Loopback { port: 50_342 }, Some(door.as_fd())).unwrap();
        assert_eq!(remote.held().unwrap().len(), 2);
        remote.close(&key).unwrap();
        assert!(connects(&namespace), "refused after {kill} kills");
        counts.push((descriptors(manager.opener), descriptors(manager.child.id())));
    }
    // One more or less is the line that is being closed.
    let (first, last) = (counts[0], counts[counts.len() - 1]);
    assert!(last.0 <= first.0 + 1 && last.1 <= first.1 + 1, "{first:?} became {last:?}");
    let addresses = namespace.ip(&["address", "show", "dev", "lo"]);
    assert_eq!(addresses.matches("169.254.169.254").count(), 1, "{addresses}");
    remote.close("a/").unwrap();
    assert!(!namespace.has_address());
}

#[test]
fn ha_02_it_has_three_capabilities_and_answers_one_user() {
    let dir = folder();
    let Some(manager) = Manager::start(dir.path(), "0") else { return };
    assert!(Remote::at(&manager.path).held().is_ok());
    let three = Capability::NET_BIND_SERVICE | Capability::NET_ADMIN | Capability::SYS_ADMIN;
    for task in std::fs::read_dir(format!("/proc/{}/task", manager.opener)).unwrap().flatten() {
        let status = std::fs::read_to_string(task.path().join("status")).unwrap();
        let of = |name: &str| status.lines().find_map(|line| line.strip_prefix(&format!("{name}:\t"))).unwrap();
        for (set, expected) in [("CapInh", 0), ("CapPrm", three.bits()), ("CapEff", three.bits()), ("CapAmb", 0)] {
            assert_eq!(u64::from_str_radix(of(set), 16), Ok(expected), "{set}");
        }
        assert_eq!(u64::from_str_radix(of("CapBnd"), 16), Ok(three.bits()));
        assert_eq!((of("NoNewPrivs"), of("Uid").split('\t').next()), ("1", Some(OPENER)));
    }
    // In every system's base, where a python may be the user's own.
    let ask = r#"use Socket; socket(S, AF_UNIX, SOCK_SEQPACKET, 0); connect(S, pack_sockaddr_un($ARGV[0])) or die $!;
        send(S, "1\nheld", 0); recv(S, $said, 100, 0); print "heard: $said";"#;
    let asked_as = |user: &str| {
        let mut asking = Command::new("setpriv");
        asking.args(["--reuid", user, "--clear-groups", "perl", "-e", ask]).arg(&manager.path);
        String::from_utf8(run(asking).stdout).unwrap()
    };
    assert_eq!((asked_as(STRANGER).as_str(), asked_as("0").as_str()), ("heard: ", "heard: hello"));
}

/// As when the agent's service is stopped: nobody is to wait for it.
#[test]
fn id_07_while_nobody_asks_it_connections_are_refused_and_nobody_else_gets_the_address() {
    let (dir, Some(namespace)) = (folder(), Namespace::create("absent")) else { return };
    let Some(manager) = Manager::start(dir.path(), "0") else { return };
    let remote = Remote::at(&manager.path);
    let door = File::open(format!("/run/netns/{}", namespace.0)).unwrap();
    remote.open("a/imds", &LO, Some(door.as_fd())).unwrap();
    assert!(connects(&namespace));
    drop(remote);
    eventually(PATIENCE, "connections are refused", || !connects(&namespace));
    assert!(namespace.has_address());
    // A program that listens there meanwhile, on this address or all, is not asked.
    for address in ["169.254.169.254", "0.0.0.0"] {
        let listen = "import socket, sys; s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); \
                      s.bind((sys.argv[1], 80)); s.listen(); print('listens', flush=True); sys.stdin.read()";
        let mut other = Command::new("python3");
        other.args(["-c", listen, address]);
        let mut other = namespace.command(other).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut said = other.stdout.take().unwrap();
        said.read_exact(&mut [0; 7]).unwrap();
        assert!(!connects(&namespace), "{address}");
        drop(other.stdin.take());
        other.wait().unwrap();
    }
    // The next server has it again.
    let remote = Remote::at(&manager.path);
    let socket = remote.held().unwrap().remove(0).sockets.remove(0);
    rustix::net::sockopt::set_socket_reuseaddr(&socket, true).unwrap();
    rustix::net::listen(&socket, 8).unwrap();
    assert!(connects(&namespace));
}
