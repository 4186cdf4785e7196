//! Opening sockets in network namespaces, for real.

#![allow(clippy::unwrap_used, reason = "a test may insist")]
#![allow(clippy::disallowed_methods, reason = "it has sockets and namespaces of its own")]

mod support;

use bonafide_opener::{Direct, NearSide, Nowhere, OpenError, Opener, Where, namespace_cookie};
use std::fs::read_link;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use support::{Namespace, answer, veth};

const METADATA: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);

fn opener() -> Direct {
    Direct::start(Box::new(Nowhere), []).unwrap()
}

fn on(device: Option<&str>) -> Where {
    Where::Metadata { device: device.map(str::to_owned), ipv6: None, port: 80 }
}

#[test]
fn id_01_each_namespace_gets_the_answers_of_its_own_socket() {
    let home = read_link("/proc/thread-self/ns/net").unwrap();
    let opener = opener();
    let names: Vec<Namespace> = (0..5).map_while(|n| Namespace::create(&format!("own{n}"))).collect();
    for (byte, namespace) in (0..).zip(&names) {
        let held = opener.open(&format!("{byte}/imds"), &on(None), namespace.fd()).unwrap();
        assert_eq!((held.sockets.len(), held.device, &held.note), (1, Some(1), &None));
        let cookie = namespace.inside(|| namespace_cookie(&TcpListener::bind("127.0.0.1:0").unwrap()).unwrap());
        assert_eq!(held.namespace, cookie);
        answer(held.sockets, byte);
        // The second socket of a binding is opened in the namespace of the first.
        let held = opener.open(&format!("{byte}/vm-extension"), &Where::Loopback { port: 50_342 }, None).unwrap();
        assert_eq!((held.sockets.len(), held.namespace), (2, cookie));
        answer(held.sockets, byte + 100);
    }
    for (byte, namespace) in (0..).zip(&names) {
        assert_eq!(namespace.ask(METADATA, 80), Some(byte));
        assert_eq!(namespace.ask(Ipv4Addr::LOCALHOST, 50_342), Some(byte + 100));
        assert_eq!(namespace.ask(Ipv6Addr::LOCALHOST, 50_342), Some(byte + 100));
        opener.close(&format!("{byte}/")).unwrap();
        assert_eq!(namespace.ask(Ipv4Addr::LOCALHOST, 50_342), None);
        assert!(!namespace.ip("address show").contains("169.254"));
    }
    assert!(opener.held().unwrap().is_empty());
    assert_eq!(read_link("/proc/thread-self/ns/net").unwrap(), home);
}

#[test]
fn id_07_an_address_stays_until_it_is_detached_and_what_was_there_before_stays_then() {
    let Some(namespace) = Namespace::create("stay") else { return };
    let first = opener();
    first.open("a/imds", &on(None), namespace.fd()).unwrap();
    drop(first);
    let has_address = || namespace.ip("address show dev lo").contains("169.254.169.254/32");
    assert!(has_address(), "the opener is gone, and with it the address");
    // The next one knows by the kernel who had added it.
    let next = opener();
    next.open("a/imds", &on(None), namespace.fd()).unwrap();
    next.close("a/").unwrap();
    assert!(!has_address());
    namespace.ip("address add 169.254.169.254/32 dev lo");
    next.open("a/imds", &on(None), namespace.fd()).unwrap();
    next.close("a/").unwrap();
    assert!(has_address(), "it was somebody else's");
}

#[test]
fn an_address_of_two_sockets_goes_with_the_last() {
    let Some(namespace) = Namespace::create("two") else { return };
    let opener = opener();
    opener.open("a/imds", &on(None), namespace.fd()).unwrap();
    let other = Where::Metadata { device: None, ipv6: None, port: 8_080 };
    opener.open("b/imds", &other, namespace.fd()).unwrap();
    let has_address = || namespace.ip("address show dev lo").contains("169.254.169.254/32");
    opener.close("a/imds").unwrap();
    assert!(has_address());
    opener.close("b/imds").unwrap();
    assert!(!has_address());
}

#[test]
fn id_01_guests_with_the_same_address_are_told_apart_by_their_devices() {
    let (Some(host), Some(one), Some(other)) =
        (Namespace::create("host"), Namespace::create("one"), Namespace::create("other"))
    else {
        return;
    };
    host.set("ipv4/conf/all/rp_filter", "0");
    let opener = opener();
    let ipv6: Ipv6Addr = "fd00:ec2::254".parse().unwrap();
    for (byte, (device, guest)) in (0..).zip([("tap0", &one), ("tap1", &other)]) {
        veth(&host, device, guest, "eth0");
        host.set(&format!("ipv4/conf/{device}/rp_filter"), "0");
        // The same on both: address, hardware address, and way to the metadata service.
        guest.ip("link set eth0 address 02:00:00:00:00:01");
        guest.ip("address add 192.0.2.7/24 dev eth0");
        guest.ip("address add fd00:1::7/64 dev eth0 nodad");
        guest.ip("route add 169.254.169.254 dev eth0");
        guest.ip(&format!("route add {ipv6} dev eth0"));
        // Linux sends IPv6 only where a route leads, to the same prefix on both.
        host.ip(&format!("address add fd00:1::1/64 dev {device} nodad"));
        let at = Where::Metadata { device: Some(device.to_owned()), ipv6: Some(ipv6), port: 80 };
        let held = opener.open(&format!("{byte}/imds"), &at, host.fd()).unwrap();
        answer(held.sockets, byte);
    }
    for _ in 0..20 {
        for (byte, guest) in [(0, &one), (1, &other)] {
            assert_eq!(guest.ask(METADATA, 80), Some(byte));
            assert_eq!(guest.ask(ipv6, 80), Some(byte));
        }
    }
    opener.close("0/").unwrap();
    assert_eq!((one.ask(METADATA, 80), other.ask(METADATA, 80)), (None, Some(1)));
}

#[test]
fn id_05_the_addresses_of_the_side_where_sockets_listen_are_told_also_to_who_takes_them_up() {
    let (Some(host), Some(guest)) = (Namespace::create("side"), Namespace::create("guest")) else { return };
    veth(&host, "tap0", &guest, "eth0");
    host.ip("link set lo up");
    for address in ["192.0.2.1/24", "192.0.2.5/24"] {
        host.ip(&format!("address add {address} dev tap0"));
    }
    let opener = opener();
    let opened = opener.open("a/imds", &on(Some("tap0")), host.fd()).unwrap();
    let taken_up = opener.held().unwrap().remove(0);
    for held in [opened, taken_up] {
        let side = NearSide::through(held.asks.unwrap(), held.namespace).unwrap();
        for near in ["192.0.2.1", "192.0.2.5", "127.0.0.9", "169.254.169.254"] {
            assert!(side.has(near.parse().unwrap()).unwrap(), "{near}");
        }
        for beyond in ["192.0.2.2", "198.51.100.1"] {
            assert!(!side.has(beyond.parse().unwrap()).unwrap(), "{beyond}");
        }
    }
    let loopback = opener.open("b/imds", &on(None), guest.fd()).unwrap();
    assert!(NearSide::through(loopback.asks.unwrap(), loopback.namespace).is_none(), "all of it is the workload's");
}

#[test]
fn a_device_that_several_machines_share_is_refused_and_so_is_one_that_is_not_there() {
    let (Some(host), Some(guest)) = (Namespace::create("bridge"), Namespace::create("guest")) else { return };
    let opener = opener();
    veth(&host, "tap0", &guest, "eth0");
    host.ip("link add br0 type bridge");
    host.ip("link set tap0 master br0");
    for (device, said) in [("tap0", "a port of a bridge"), ("br0", "a bridge"), ("none", "no network device none")] {
        let why = opener.open("a/imds", &on(Some(device)), host.fd()).unwrap_err();
        assert!(why.to_string().contains(said), "{why}");
    }
    assert!(!host.ip("address show").contains("169.254"));
    host.ip("link set tap0 nomaster");
    assert!(opener.open("a/imds", &on(Some("tap0")), host.fd()).is_ok());
}

#[test]
fn who_listens_there_already_is_named_and_nothing_is_left_behind() {
    let (Some(namespace), Some(guest)) = (Namespace::create("taken"), Namespace::create("far")) else { return };
    let opener = opener();
    let by = " by a program of user 0".to_owned();
    // On all addresses, which it shares with the loopback device, and with no other.
    veth(&namespace, "tap0", &guest, "eth0");
    let other = namespace.inside(|| TcpListener::bind("0.0.0.0:80").unwrap());
    let why = opener.open("a/imds", &on(Some("tap0")), namespace.fd()).unwrap_err();
    assert_eq!(why, OpenError::Taken { address: "169.254.169.254:80".to_owned(), by: by.clone() });
    drop(other);
    // On the address itself.
    namespace.ip("link set lo up");
    namespace.ip("address add 169.254.169.254/32 dev lo");
    for address in ["169.254.169.254:80", "[::ffff:169.254.169.254]:80"] {
        let other = namespace.inside(|| TcpListener::bind(address).unwrap());
        let why = opener.open("a/imds", &on(None), namespace.fd()).unwrap_err();
        assert_eq!(why, OpenError::Taken { address: "169.254.169.254:80".to_owned(), by: by.clone() });
        drop(other);
    }
    namespace.ip("address delete 169.254.169.254/32 dev lo");
    // By the same way as here: another agent.
    let another = self::opener();
    another.open("a/imds", &on(None), namespace.fd()).unwrap();
    let why = opener.open("a/imds", &on(None), namespace.fd()).unwrap_err().to_string();
    assert!(why.starts_with("169.254.169.254:80") && why.contains(" is taken by a program of user 0"), "{why}");
    another.close("a/").unwrap();
    assert!(!namespace.ip("address show").contains("169.254"));
    opener.open("a/imds", &on(None), namespace.fd()).unwrap();
    assert_eq!(opener.open("b/imds", &on(None), namespace.fd()).unwrap_err(), OpenError::Held("a/imds".to_owned()));
    // Again, as a server asks that was started anew.
    assert!(opener.open("a/imds", &on(None), namespace.fd()).is_ok());
}

/// A server that answers with `byte` at an address, as one of the workload's.
fn web(namespace: &Namespace, address: &str, byte: u8) -> OwnedFd {
    let listener = OwnedFd::from(namespace.inside(|| TcpListener::bind(address).unwrap()));
    answer(vec![listener.try_clone().unwrap()], byte);
    listener
}

fn stop(server: OwnedFd) {
    rustix::net::shutdown(&server, rustix::net::Shutdown::Both).unwrap();
}

#[test]
fn id_07_a_web_server_on_all_addresses_has_its_own_requests_and_no_other() {
    let Some(namespace) = Namespace::create("web") else { return };
    namespace.ip("link set lo up");
    namespace.ip("address add 192.0.2.1/32 dev lo");
    let ipv6: Ipv6Addr = "fd00:ec2::254".parse().unwrap();
    let both = Where::Metadata { device: None, ipv6: Some(ipv6), port: 80 };
    for address in ["0.0.0.0:80", "[::]:80"] {
        let is_v6 = address.starts_with('[');
        let own: Vec<IpAddr> = ["192.0.2.1", "127.0.0.1", "::1"].iter().map(|ip| ip.parse().unwrap()).collect();
        let all_have_theirs = || {
            assert_eq!((namespace.ask(METADATA, 80), namespace.ask(ipv6, 80)), (Some(1), Some(1)), "{address}");
            for ip in own.iter().filter(|ip| is_v6 || ip.is_ipv4()) {
                assert_eq!(namespace.ask(*ip, 80), Some(2), "{ip} of {address}");
            }
        };
        // One that was there before.
        let before = web(&namespace, address, 2);
        let opener = opener();
        let held = opener.open("a/imds", &both, namespace.fd()).unwrap();
        assert_eq!((held.note, held.sockets.len()), (None, 2));
        let sockets: Vec<OwnedFd> = held.sockets.iter().map(|socket| socket.try_clone().unwrap()).collect();
        answer(held.sockets, 1);
        all_have_theirs();
        stop(before);
        // One that comes later, while a client is connected.
        let connected = namespace.inside(|| TcpStream::connect((METADATA, 80)).unwrap());
        let after = web(&namespace, address, 2);
        all_have_theirs();
        assert_eq!(connected.peer_addr().unwrap().to_string(), "169.254.169.254:80");
        drop(connected);
        // The port that the sockets are bound to is nobody's.
        assert_eq!((namespace.ask(METADATA, 4), namespace.ask(ipv6, 4)), (None, None));
        // A server that is away leaves its requests to nobody.
        for socket in &sockets {
            rustix::net::shutdown(socket, rustix::net::Shutdown::Both).unwrap();
        }
        assert_eq!((namespace.ask(METADATA, 80), namespace.ask(ipv6, 80)), (None, None));
        for socket in &sockets {
            rustix::net::listen(socket, 8).unwrap();
        }
        answer(sockets, 1);
        all_have_theirs();
        // With the binding all goes that was for it.
        opener.close("a/").unwrap();
        namespace.ip("address add 169.254.169.254/32 dev lo");
        assert_eq!((namespace.ask(METADATA, 80), namespace.ask(ipv6, 80)), (Some(2), None));
        namespace.ip("address delete 169.254.169.254/32 dev lo");
        stop(after);
    }
}

#[test]
fn id_07_root_of_the_namespace_cannot_take_the_endpoint_by_listening_there() {
    let Some(namespace) = Namespace::create("root") else { return };
    let opener = opener();
    let held = opener.open("a/imds", &on(None), namespace.fd()).unwrap();
    assert_eq!(
        held.namespace,
        namespace.inside(|| namespace_cookie(&TcpListener::bind("0.0.0.0:0").unwrap()).unwrap())
    );
    // The accepted end is as that of a socket of port 80.
    let accept = TcpListener::from(held.sockets[0].try_clone().unwrap());
    let client = namespace.inside(|| TcpStream::connect((METADATA, 80)).unwrap());
    let (accepted, peer) = accept.accept().unwrap();
    assert_eq!((accepted.local_addr().unwrap(), peer), ((METADATA, 80).into(), client.local_addr().unwrap()));
    assert_eq!(namespace_cookie(&accepted).unwrap(), held.namespace);
    assert_eq!(socket_device(&accepted), "lo");
    drop((accepted, client));
    answer(held.sockets, 1);
    let imposter = web(&namespace, "169.254.169.254:80", 66);
    for _ in 0..20 {
        assert_eq!(namespace.ask(METADATA, 80), Some(1));
    }
    stop(imposter);
}

/// The device that a socket is bound to.
fn socket_device(socket: &TcpStream) -> String {
    let device = nix::sys::socket::getsockopt(socket, nix::sys::socket::sockopt::BindToDevice).unwrap();
    device.to_str().unwrap().trim_end_matches('\0').to_owned()
}

#[test]
fn id_05_a_neighbour_gets_nothing_from_a_loopback_device_with_a_web_server_or_without() {
    let (Some(victim), Some(neighbour)) = (Namespace::create("beside"), Namespace::create("martian")) else { return };
    veth(&victim, "eth0", &neighbour, "eth0");
    victim.ip("address add 192.0.2.1/24 dev eth0");
    neighbour.ip("address add 192.0.2.2/24 dev eth0");
    neighbour.ip("route add 169.254.169.254 via 192.0.2.1 dev eth0");
    let opener = opener();
    answer(opener.open("a/imds", &on(None), victim.fd()).unwrap().sockets, 1);
    assert_eq!((neighbour.ask(METADATA, 80), neighbour.ask(METADATA, 4)), (None, None));
    let server = web(&victim, "0.0.0.0:80", 2);
    assert_eq!((neighbour.ask(METADATA, 80), neighbour.ask(Ipv4Addr::new(192, 0, 2, 1), 80)), (Some(2), Some(2)));
    assert_eq!(victim.ask(METADATA, 80), Some(1));
    stop(server);
}

#[test]
fn id_07_a_server_that_answered_before_is_told_of_and_answers_no_more() {
    let (Some(victim), Some(neighbour)) = (Namespace::create("victim"), Namespace::create("neighbour")) else { return };
    veth(&victim, "eth0", &neighbour, "eth0");
    victim.ip("address add 192.0.2.1/24 dev eth0");
    neighbour.ip("address add 192.0.2.2/24 dev eth0");
    neighbour.ip("address add 169.254.169.254/32 dev eth0");
    victim.ip("route add default via 192.0.2.2");
    answer(vec![neighbour.inside(|| TcpListener::bind("169.254.169.254:80").unwrap()).into()], 66);
    assert_eq!(victim.ask(METADATA, 80), Some(66));
    let opener = opener();
    let held = opener.open("a/imds", &on(None), victim.fd()).unwrap();
    assert!(held.note.is_some_and(|note| note.contains("another server answered")));
    answer(held.sockets, 1);
    assert_eq!(victim.ask(METADATA, 80), Some(1));
}

#[test]
fn id_04_a_namespace_that_got_the_name_of_another_one_is_another_one() {
    let Some(first) = Namespace::create("again") else { return };
    let opener = opener();
    let held = opener.open("a/imds", &on(None), first.fd()).unwrap();
    let before = held.namespace;
    answer(held.sockets, 1);
    drop(first);
    let Some(next) = Namespace::create("again") else { return };
    assert_eq!(next.ask(METADATA, 80), None);
    assert!(opener.open("a/imds", &on(None), next.fd()).is_err(), "the key is the first one's");
    let held = opener.open("b/imds", &on(None), next.fd()).unwrap();
    assert_ne!(held.namespace, before);
}

#[test]
fn id_17_the_caller_of_the_opener_stays_at_home() {
    let Some(namespace) = Namespace::create("panic") else { return };
    let home = read_link("/proc/self/ns/net").unwrap();
    let opener = opener();
    for _ in 0..10 {
        opener.open("a/imds", &on(None), namespace.fd()).unwrap();
        assert!(opener.open("b/imds", &on(Some("none")), namespace.fd()).is_err());
        opener.close("a/").unwrap();
        assert_eq!(read_link("/proc/thread-self/ns/net").unwrap(), home);
    }
}

#[test]
fn what_is_no_namespace_is_refused() {
    let file = std::fs::File::open("/dev/null").unwrap();
    let why = opener().open("a/imds", &on(None), Some(std::os::fd::AsFd::as_fd(&file))).unwrap_err();
    assert!(why.to_string().contains("no network namespace") || why.to_string().contains("privileges"), "{why}");
}
