//! Connections that a forwarder in a guest passes on.

use super::transports::exchange_with;
use super::*;
use std::net::{Ipv4Addr, TcpListener, TcpStream};

const DIRECT: &[&[u8]] = &[b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"];
const PASSED_ON: &[&[u8]] =
    &[b"PROXY TCP4 127.0.0.9 127.0.0.1 1009 50342\r\nGET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"];
const IN_PIECES: &[&[u8]] = &[
    b"P",
    b"ROXY TCP4 127.0.0.9 127.0.",
    b"0.1 1009 50342\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
];
const NEARLY: &[&[u8]] = &[b"PR", b"OPFIND / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"];
const BROKEN: &[&[u8]] = &[b"PROXY whatever\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n"];

async fn asked(hears_forwarders: bool, pieces: &'static [&'static [u8]]) -> (String, String) {
    let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let stream = TcpStream::connect(socket.local_addr().unwrap()).unwrap();
    let socket = Listening::given(socket).unwrap();
    let service = Echo { hears_forwarders, ..Echo::default() };
    exchange_with((service, |_, _| LocalUser::Unknown), socket, stream, pieces).await
}

#[tokio::test]
async fn what_is_passed_on_is_its_clients_and_what_is_not_is_its_own() {
    for pieces in [PASSED_ON, IN_PIECES] {
        let (answer, log) = asked(true, pieces).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        assert!(log.contains("\"peer\":\"127.0.0.9:1009\""), "{log}");
    }
    for pieces in [DIRECT, NEARLY] {
        let (answer, log) = asked(true, pieces).await;
        assert!(answer.starts_with("HTTP/1.1 "), "{answer}");
        assert!(log.contains("\"peer\":\"127.0.0.1:"), "{log}");
    }
}

#[tokio::test]
async fn np_03_a_header_that_is_none_ends_the_connection_and_elsewhere_no_header_counts() {
    let (answer, _) = asked(true, BROKEN).await;
    assert_eq!(answer, "");
    let (answer, log) = asked(false, PASSED_ON).await;
    assert!(answer.starts_with("HTTP/1.1 400 ") && !log.contains("127.0.0.9"), "{answer} {log}");
}
