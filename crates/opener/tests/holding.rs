//! Sockets that are held over the end of the opener, and the ends that it notices.

#![allow(clippy::unwrap_used, reason = "a test may insist")]
#![allow(clippy::disallowed_methods, reason = "it has sockets and namespaces of its own")]

mod support;

use bonafide_opener::{Direct, Nowhere, Opener, Store, Where};
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, TcpListener};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex};
use std::time::Instant;
use support::{Namespace, PATIENCE, answer};

const METADATA: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);
const LO: Where = Where::Metadata { device: None, ipv6: None, port: 80 };

/// A store as systemd's: it keeps descriptors, and looks into none.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<BTreeMap<String, OwnedFd>>>);

impl Kept {
    fn all(&self) -> Vec<OwnedFd> {
        self.0.lock().unwrap().values().map(|kept| kept.try_clone().unwrap()).collect()
    }
}

impl Store for Kept {
    fn put(&self, name: &str, descriptor: BorrowedFd<'_>) -> std::io::Result<()> {
        self.0.lock().unwrap().insert(name.to_owned(), descriptor.try_clone_to_owned()?);
        Ok(())
    }

    fn remove(&self, name: &str) -> std::io::Result<()> {
        self.0.lock().unwrap().remove(name);
        Ok(())
    }
}

#[test]
fn av_04_an_opener_that_starts_again_has_all_that_there_was() {
    let Some(namespace) = Namespace::create("again") else { return };
    let kept = Kept::default();
    let first = Direct::start(Box::new(kept.clone()), []).unwrap();
    let before = first.open("a/imds", &LO, namespace.fd()).unwrap();
    assert_eq!(before.note, None);
    let port = TcpListener::bind("127.0.0.1:0").unwrap();
    first.keep("a/port", &[port.as_fd()]).unwrap();
    drop(first);
    for _ in 0..3 {
        let next = Direct::start(Box::new(kept.clone()), kept.all()).unwrap();
        let mut held = next.held().unwrap();
        let (found, at) = (held.pop().unwrap(), port.local_addr().unwrap());
        assert_eq!(TcpListener::from(found.sockets.into_iter().next().unwrap()).local_addr().unwrap(), at);
        let found = held.pop().unwrap();
        assert_eq!((found.key.as_str(), found.namespace, found.device), ("a/imds", before.namespace, before.device));
        answer(found.sockets, 7);
        assert_eq!(namespace.ask(METADATA, 80), Some(7));
    }
    let last = Direct::start(Box::new(kept.clone()), kept.all()).unwrap();
    // It still knows the namespace, and that the address was not there before.
    last.open("a/vm-extension", &Where::Loopback { port: 50_342 }, None).unwrap();
    last.close("a/").unwrap();
    assert!(!namespace.ip("address show").contains("169.254") && kept.all().is_empty());
    assert_eq!(namespace.ask(METADATA, 80), None);
}

/// The address and what answers there are the opener's own, and a web server of the workload is beside them.
#[test]
fn id_07_no_end_of_the_opener_gives_the_endpoint_to_the_web_server_beside_it() {
    let Some(namespace) = Namespace::create("web2") else { return };
    let web = namespace.inside(|| TcpListener::bind("0.0.0.0:80").unwrap());
    answer(vec![web.into()], 66);
    let kept = Kept::default();
    let first = Direct::start(Box::new(kept.clone()), []).unwrap();
    // The server of these is gone at once, and nobody takes what comes.
    drop(first.open("a/imds", &LO, namespace.fd()).unwrap());
    drop(first);
    for byte in 1..4 {
        let next = Direct::start(Box::new(kept.clone()), kept.all()).unwrap();
        let sockets = next.held().unwrap().remove(0).sockets;
        let shut = sockets[0].try_clone().unwrap();
        answer(sockets, byte);
        assert_eq!(namespace.ask(METADATA, 80), Some(byte));
        rustix::net::shutdown(&shut, rustix::net::Shutdown::Both).unwrap();
        assert_eq!(namespace.ask(METADATA, 80), None);
        rustix::net::listen(&shut, 8).unwrap();
    }
    assert_eq!(namespace.ask(Ipv4Addr::LOCALHOST, 80), Some(66));
    let last = Direct::start(Box::new(kept.clone()), kept.all()).unwrap();
    last.close("a/").unwrap();
    assert!(!namespace.ip("address show").contains("169.254") && kept.all().is_empty());
    namespace.ip("address add 169.254.169.254/32 dev lo");
    assert_eq!(namespace.ask(METADATA, 80), Some(66), "what was attached to the namespace is gone");
}

#[test]
fn ha_09_nothing_is_left_of_what_was_opened_and_closed() {
    let Some(namespace) = Namespace::create("leak") else { return };
    let opener = Direct::start(Box::new(Nowhere), []).unwrap();
    let count = |what: &str| std::fs::read_dir(format!("/proc/self/{what}")).unwrap().count();
    let once = |opener: &Direct| {
        opener.open("a/imds", &LO, namespace.fd()).unwrap();
        opener.open("a/vm-extension", &Where::Loopback { port: 50_342 }, None).unwrap();
        opener.close("a/").unwrap();
    };
    once(&opener);
    let before = count("fd");
    let started = Instant::now();
    (0..200).for_each(|_| once(&opener));
    let each = started.elapsed() / 200;
    // Other tests of this process open some, too, but not as many.
    assert!(count("fd") < before + 100, "{} descriptors more", count("fd") - before);
    assert!(each.as_millis() < 20, "to attach and detach takes {each:?}");
    assert!(!namespace.ip("address show").contains("169.254"));
}

/// Makes a device with a chosen index, and the guest at its other end.
fn make_tap(host: &Namespace, guest: &Namespace) {
    host.ip(&format!("link add tap0 index 77 type veth peer name eth0 netns {}", guest.name));
    host.ip("link set tap0 up");
    guest.ip("link set eth0 up");
    guest.ip("address add 192.0.2.7/24 dev eth0");
    guest.ip("route add 169.254.169.254 dev eth0");
}

#[test]
fn id_04_a_device_that_is_deleted_is_told_of_and_its_number_reaches_nobody() {
    let (Some(host), Some(guest)) = (Namespace::create("device"), Namespace::create("peer")) else { return };
    let opener = Direct::start(Box::new(Nowhere), []).unwrap();
    let gone = opener.gone().unwrap();
    let make = || make_tap(&host, &guest);
    make();
    let at = Where::Metadata { device: Some("tap0".to_owned()), ipv6: None, port: 80 };
    let held = opener.open("a/imds", &at, host.fd()).unwrap();
    assert_eq!(held.device, Some(77));
    answer(held.sockets, 1);
    assert_eq!(guest.ask(METADATA, 80), Some(1));
    host.ip("link delete tap0");
    assert_eq!(gone.next().unwrap().as_deref(), Some("a/imds"));
    // Another one with its name, its number and the address.
    make();
    host.ip("address add 169.254.169.254/32 dev tap0");
    assert_eq!(guest.ask(METADATA, 80), None);
    assert!(opener.held().unwrap().is_empty());
    opener.close("a/").unwrap();
    assert!(opener.open("b/imds", &at, host.fd()).is_ok());
}

#[test]
fn a_namespace_that_nobody_uses_any_more_is_told_of() {
    let (Some(named), Some(other)) = (Namespace::create("left"), Namespace::create("stays")) else { return };
    let opener = Direct::start(Box::new(Nowhere), []).unwrap();
    let gone = opener.gone().unwrap();
    opener.open("a/imds", &LO, named.fd()).unwrap();
    opener.open("b/imds", &LO, other.fd()).unwrap();
    // As long as it takes to see that it is used.
    std::thread::sleep(std::time::Duration::from_secs(3));
    let started = Instant::now();
    drop(named);
    assert_eq!(gone.next().unwrap().as_deref(), Some("a/imds"));
    assert!(started.elapsed() < PATIENCE);
    assert_eq!(opener.held().unwrap().len(), 1);
    opener.close("a/").unwrap();
}

/// The index of a device is chosen by who makes it.
#[test]
fn id_04_a_device_that_was_made_anew_while_nobody_watched_is_not_the_one_that_was_opened() {
    let (Some(host), Some(guest)) = (Namespace::create("anew"), Namespace::create("peer2")) else { return };
    let make = || make_tap(&host, &guest);
    make();
    let at = Where::Metadata { device: Some("tap0".to_owned()), ipv6: None, port: 80 };
    let kept = Kept::default();
    let first = Direct::start(Box::new(kept.clone()), []).unwrap();
    let mark = first.open("a/imds", &at, host.fd()).unwrap().device_mark.unwrap();
    assert_eq!(host.ip("route show").matches("169.254").count(), 0, "the mark makes no route");
    drop(first);
    let third = Direct::start(Box::new(kept.clone()), kept.all()).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert_eq!(third.held().unwrap().remove(0).device_mark, Some(mark), "it is there");
    drop(third);
    let beside = Where::Metadata { device: Some("tap0".to_owned()), ipv6: None, port: 8_080 };
    let other = Direct::start(Box::new(Nowhere), []).unwrap();
    assert_eq!(other.open("c/imds", &beside, host.fd()).unwrap().device_mark, Some(mark), "also for who opens it anew");
    drop(other);
    host.ip("link delete tap0");
    make();
    // As a script that puts the address back would.
    host.ip("address add 169.254.169.254/32 dev tap0");
    let fourth = Direct::start(Box::new(kept.clone()), kept.all()).unwrap();
    let gone = fourth.gone().unwrap();
    assert_eq!(gone.next().unwrap().as_deref(), Some("a/imds"));
    assert_eq!(guest.ask(METADATA, 80), None);
    fourth.close("a/").unwrap();
    host.ip("address delete 169.254.169.254/32 dev tap0");
    assert_ne!(fourth.open("b/imds", &at, host.fd()).unwrap().device_mark, Some(mark));
}
