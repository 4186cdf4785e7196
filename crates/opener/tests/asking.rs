//! The opener as a process of its own sees it: over its line, from one user, and when it is started anew.

#![allow(clippy::unwrap_used, reason = "a test may insist")]
#![allow(clippy::disallowed_methods, reason = "it has sockets and namespaces of its own")]

mod support;

use bonafide_opener::{Direct, Lines, NearSide, Nowhere, OpenError, Opener, Remote, Where, namespace_cookie, serve};
use rustix::io::Errno;
use rustix::net::netlink::SOCK_DIAG;
use rustix::net::sockopt::socket_protocol;
use rustix::net::{
    AddressFamily, SendFlags, SocketAddrUnix, SocketFlags, SocketType, bind, listen, send, socket_with, socketpair,
};
use std::net::{Ipv4Addr, TcpListener};
use std::os::fd::{AsFd, OwnedFd};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use support::{Namespace, PATIENCE, answer, veth};

const LO: Where = Where::Metadata { device: None, ipv6: None, port: 80 };

fn pair() -> (OwnedFd, OwnedFd) {
    socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).unwrap()
}

/// Serves on lines until they are gone.
fn start(lines: Lines) -> JoinHandle<()> {
    let opener = Direct::start(Box::new(Nowhere), []).unwrap();
    std::thread::spawn(move || serve(&opener, lines).unwrap())
}

fn on(given: OwnedFd) -> Lines {
    Lines { given: vec![given], listening: None }
}

#[test]
fn all_that_can_be_asked_is_answered_over_the_line() {
    let (Some(namespace), Some(guest)) = (Namespace::create("line"), Namespace::create("far")) else { return };
    let (ours, theirs) = pair();
    let serving = start(on(theirs));
    let remote = Remote::on(ours);
    let gone = remote.gone().unwrap();
    let held = remote.open("a/imds", &LO, namespace.fd()).unwrap();
    answer(held.sockets, 5);
    assert_eq!(namespace.ask(Ipv4Addr::new(169, 254, 169, 254), 80), Some(5));
    let port = TcpListener::bind("127.0.0.1:0").unwrap();
    remote.keep("b/port", &[port.as_fd()]).unwrap();
    veth(&namespace, "tap0", &guest, "eth0");
    let at = Where::Metadata { device: Some("tap0".to_owned()), ipv6: None, port: 80 };
    remote.open("c/imds", &at, namespace.fd()).unwrap();
    let held = remote.held().unwrap();
    assert_eq!(held.iter().map(|held| held.key.as_str()).collect::<Vec<_>>(), ["a/imds", "b/port", "c/imds"]);
    assert!(held.iter().all(|held| held.sockets.len() == 1));
    assert!(held[1].asks.is_none());
    let diagnoses = held[0].asks.as_ref().unwrap();
    assert_eq!(socket_protocol(diagnoses).unwrap(), Some(SOCK_DIAG));
    assert_eq!(namespace_cookie(diagnoses).unwrap(), held[0].namespace);
    let side = NearSide::through(held[2].asks.as_ref().unwrap().try_clone().unwrap(), held[2].namespace).unwrap();
    assert!(side.has(Ipv4Addr::new(169, 254, 169, 254).into()).unwrap());
    let none = Where::Metadata { device: Some("none".to_owned()), ipv6: None, port: 80 };
    assert_eq!(remote.open("d/imds", &none, namespace.fd()).unwrap_err(), OpenError::NoDevice("none".to_owned()));
    namespace.ip("link delete tap0");
    assert_eq!(gone.next().unwrap().as_deref(), Some("c/imds"));
    for binding in ["a/", "b/", "c/"] {
        remote.close(binding).unwrap();
    }
    assert!(remote.held().unwrap().is_empty());
    drop(remote);
    serving.join().unwrap();
}

#[test]
fn ha_02_what_is_none_of_the_requests_ends_the_line_and_no_other() {
    let long = format!("1\nclose\n{}", "a".repeat(10_000));
    let texts = ["1", "x\nheld", "1\nrun\n/bin/sh", "1\nheld\nmore", "1\nopen\na/b", "1\nkeep\na/b", &long, "\u{0}"];
    let (lines, theirs): (Vec<OwnedFd>, Vec<OwnedFd>) = texts.iter().map(|_| pair()).unzip();
    let (other, other_theirs) = pair();
    let given = theirs.into_iter().chain([other_theirs]).collect();
    let serving = start(Lines { given, listening: None });
    let other = Remote::on(other);
    for (text, line) in texts.iter().zip(lines) {
        send(&line, text.as_bytes(), SendFlags::NOSIGNAL).unwrap();
        assert!(other.held().unwrap().is_empty(), "{text:?}");
        let mut said = [0; 64];
        let mut next =
            || rustix::net::recv(&line, &mut said, rustix::net::RecvFlags::empty()).map_or(0, |(bytes, _)| bytes);
        assert_eq!((next(), next()), ("hello".len(), 0), "{text:?}");
    }
    for key in ["", "../x/y", "a/b\nc", &"a/".repeat(500)] {
        assert!(other.open(key, &LO, None).is_err(), "{key:?}");
    }
    drop(other);
    serving.join().unwrap();
}

/// The user of a line may ask on and never read.
#[test]
fn ha_02_who_floods_and_never_reads_has_nobody_else_wait() {
    let ((flood, flooded), (ours, theirs)) = (pair(), pair());
    let serving = start(Lines { given: vec![flooded, theirs], listening: None });
    let other = Remote::on(ours);
    let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
    let deadline = Instant::now() + PATIENCE;
    // Until the opener hears no more of it, and nothing more fits.
    let mut refused = 0;
    while refused < 20 {
        assert!(Instant::now() < deadline);
        refused = if send(&flood, b"1\nheld", flags).is_ok() { 0 } else { refused + 1 };
        std::thread::sleep(Duration::from_micros(if refused > 0 { 500 } else { 0 }));
    }
    for _ in 0..50 {
        let asked = Instant::now();
        assert!(other.held().unwrap().is_empty());
        assert!(asked.elapsed() < Duration::from_millis(500), "{:?}", asked.elapsed());
    }
    // It is cut off, when its time is over.
    while send(&flood, b"1\nheld", flags) != Err(Errno::PIPE) {
        assert!(Instant::now() < deadline);
        std::thread::sleep(Duration::from_millis(50));
    }
    drop(other);
    serving.join().unwrap();
}

#[test]
fn ha_02_nothing_but_sockets_is_kept() {
    let (ours, theirs) = pair();
    let serving = start(on(theirs));
    let remote = Remote::on(ours);
    let file = std::fs::File::open("/proc/self/ns/net").unwrap();
    let port = TcpListener::bind("127.0.0.1:0").unwrap();
    let why = remote.keep("a/port", &[port.as_fd(), file.as_fd()]).unwrap_err().to_string();
    assert!(why.contains("no socket"), "{why}");
    assert!(remote.held().unwrap().is_empty());
    remote.keep("a/port", &[port.as_fd()]).unwrap();
    assert_eq!(remote.held().unwrap().len(), 1);
    drop(remote);
    serving.join().unwrap();
}

#[test]
fn av_04_who_waits_for_an_opener_that_is_started_anew_gets_its_answer() {
    let (ours, theirs) = pair();
    let remote = Remote::on(ours);
    let theirs_again = theirs.try_clone().unwrap();
    let asking = std::thread::spawn(move || (remote.held().map(|held| held.len()), remote));
    // The one before has read the request, and ended.
    let mut request = [0; 64];
    rustix::net::recv(&theirs, &mut request, rustix::net::RecvFlags::empty()).unwrap();
    drop(theirs);
    let serving = start(on(theirs_again));
    let (answer, remote) = asking.join().unwrap();
    assert_eq!(answer, Ok(0));
    drop(remote);
    serving.join().unwrap();
}

#[test]
fn ha_02_a_socket_takes_the_connections_of_one_user_and_believes_in_one() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("opener");
    let listening = || {
        let _ = std::fs::remove_file(&path);
        let socket = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).unwrap();
        bind(&socket, &SocketAddrUnix::new(&path).unwrap()).unwrap();
        listen(&socket, 8).unwrap();
        socket
    };
    let me = rustix::process::geteuid().as_raw();
    let first = listening();
    start(Lines { given: Vec::new(), listening: Some((first, me)) });
    let remote = Remote::at(&path).or_of_user(me);
    assert!(remote.held().unwrap().is_empty());
    assert!(remote.held().unwrap().is_empty());
    // Another one takes its place, as after an upgrade.
    start(Lines { given: Vec::new(), listening: Some((listening(), me)) });
    assert!(Remote::at(&path).or_of_user(me).held().unwrap().is_empty());
    if me != 0 {
        let why = Remote::at(&path).held().unwrap_err().to_string();
        assert!(why.contains("another user"), "{why}");
    }
    let why = Remote::at(dir.path().join("none")).held().unwrap_err().to_string();
    assert!(why.contains("bonafide-opener"), "{why}");
}
