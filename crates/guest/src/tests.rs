//! The forwarder against a host of the test's.

use super::*;
use crate::port::{CONNECTIONS_MAX, Place};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

fn localhost() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, 0).into()
}

fn free_port() -> u16 {
    TcpListener::bind(localhost()).unwrap().local_addr().unwrap().port()
}

/// A host that answers each connection with what it received until a blank line.
fn echo() -> SocketAddr {
    let listener = TcpListener::bind(localhost()).unwrap();
    let at = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let mut received = Vec::new();
                while !received.ends_with(b"\r\n\r\n") {
                    let mut byte = [0];
                    if stream.read(&mut byte).unwrap_or(0) == 0 {
                        return;
                    }
                    received.push(byte[0]);
                }
                let _ = stream.write_all(&received);
            });
        }
    });
    at
}

fn ask(port: u16, text: &str) -> String {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    stream.write_all(text.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn a_connection_is_passed_on_with_its_origin_and_nothing_else() {
    let (port, host) = (free_port(), echo());
    let _open = OpenPort::open(port, host).unwrap();
    let answer = ask(port, "GET / HTTP/1.1\r\n\r\n");
    let (header, rest) = answer.split_once("\r\n").unwrap();
    assert!(header.starts_with("PROXY TCP4 127.0.0.1 127.0.0.1 ") && header.ends_with(&format!(" {port}")), "{header}");
    assert_eq!(rest, "GET / HTTP/1.1\r\n\r\n");
}

#[test]
fn a_host_that_is_away_is_an_error_that_clients_repeat() {
    let (port, gone) = (free_port(), free_port());
    let _open = OpenPort::open(port, (Ipv4Addr::LOCALHOST, gone).into()).unwrap();
    let answer = ask(port, "GET / HTTP/1.1\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 500 ") && answer.contains("\"error_description\""), "{answer}");
}

#[test]
fn a_port_that_was_closed_is_refused_and_can_be_opened_again() {
    let (port, host) = (free_port(), echo());
    for _ in 0..3 {
        let open = OpenPort::open(port, host).unwrap();
        assert!(OpenPort::open(port, host).is_err(), "it is taken");
        drop(open);
        assert!(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err());
    }
}

#[test]
fn ov_08_slow_clients_take_no_more_than_their_places_and_give_them_back() {
    let (port, host) = (free_port(), echo());
    let _open = OpenPort::open(port, host).unwrap();
    let idle: Vec<_> = (0..CONNECTIONS_MAX).map(|_| TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap()).collect();
    std::thread::sleep(Duration::from_millis(300));
    let mut one_more = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    one_more.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    assert!(matches!(one_more.read(&mut [0]), Ok(0) | Err(_)), "closed at once");
    drop(idle);
    let since = Instant::now();
    loop {
        let mut again = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
        again.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let _ = again.write_all(b"GET / HTTP/1.1\r\n\r\n");
        let mut answer = String::new();
        if again.read_to_string(&mut answer).is_ok() && answer.starts_with("PROXY") {
            break;
        }
        assert!(since.elapsed() < Duration::from_secs(5), "places come back");
    }
}

#[test]
fn ov_08_a_place_comes_back_however_its_connection_ends() {
    let count = Arc::new(AtomicUsize::new(0));
    let places: Vec<_> = (0..CONNECTIONS_MAX).map(|_| Place::take(&count).unwrap()).collect();
    for _ in 0..3 {
        assert!(Place::take(&count).is_none());
    }
    let ended = std::thread::spawn(move || {
        let _places = places;
        panic!("the test says so");
    });
    assert!(ended.join().is_err() && Place::take(&count).is_some());
    assert_eq!(count.load(Ordering::Relaxed), 0);
}

/// A host that says what is wanted, and hears what it is told.
struct Scripted {
    host: Host,
    wanted: Arc<Mutex<String>>,
    told: Arc<Mutex<Vec<String>>>,
}

fn scripted() -> Scripted {
    let listener = TcpListener::bind(localhost()).unwrap();
    let at = listener.local_addr().unwrap();
    let (wanted, told) = (Arc::new(Mutex::new("{}".to_owned())), Arc::new(Mutex::new(Vec::new())));
    let (answer, heard) = (Arc::clone(&wanted), Arc::clone(&told));
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut request = [0; 1_024];
            let bytes = stream.read(&mut request).unwrap_or(0);
            heard.lock().unwrap().push(String::from_utf8_lossy(&request[..bytes]).into_owned());
            let body = answer.lock().unwrap().clone();
            let _ = write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        }
    });
    Scripted { host: Host { address: at.ip(), port: at.port() }, wanted, told }
}

#[test]
fn it_opens_what_the_host_wants_and_closes_it_again() {
    let scripted = scripted();
    let mut state = State::new(scripted.host);
    assert!(state.look().unwrap().contains("no extension"));
    assert_eq!(state.look(), None, "no news");
    let port = free_port();
    let run = |id: u8| format!("{{\"port\":{port},\"run\":\"{id:08x}-0000-4000-8000-000000000000\"}}");
    *scripted.wanted.lock().unwrap() = run(1);
    state.look().unwrap();
    assert!(state.open.is_some() && TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok());
    *scripted.wanted.lock().unwrap() = run(2);
    let _ = state.look();
    assert_eq!(state.open.as_ref().unwrap().0.run.as_bytes()[7], b'2', "started anew");
    *scripted.wanted.lock().unwrap() = "{}".to_owned();
    let _ = state.look();
    assert!(state.open.is_none() && TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err());
    let told = scripted.told.lock().unwrap();
    assert!(told[0].starts_with("GET /bonafide/extension HTTP/1.1\r\n") && told[0].contains("\r\nMetadata: true\r\n"));
    assert!(told.iter().all(|text| !text.to_lowercase().contains("authorization")), "no credential");
}
