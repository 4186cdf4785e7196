//! The forwarder against a host of the test's.

use super::*;
use crate::places::{CONNECTIONS_MAX, FIRST_REQUEST};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

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

/// True where a request is answered.
fn is_answered(port: u16) -> bool {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let _ = stream.write_all(b"GET / HTTP/1.1\r\n\r\n");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).is_ok() && answer.starts_with("PROXY")
}

#[test]
fn ov_08_the_connection_that_is_idle_for_longest_gives_way_to_a_new_one() {
    let (port, host) = (free_port(), echo());
    let _open = OpenPort::open(port, host).unwrap();
    let connect = || TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    let mut first = connect();
    let mut asking = connect();
    asking.write_all(b"GET / HTTP/1.1\r\n").unwrap();
    let _idle: Vec<_> = (2..CONNECTIONS_MAX).map(|_| connect()).collect();
    std::thread::sleep(FIRST_REQUEST);
    for _ in 0..CONNECTIONS_MAX / 2 {
        assert!(is_answered(port));
    }
    first.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    assert!(matches!(first.read(&mut [0]), Ok(0) | Err(_)), "it has given way");
    // One whose answer is waited for stays.
    asking.write_all(b"\r\n").unwrap();
    asking.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let mut answer = String::new();
    asking.read_to_string(&mut answer).unwrap();
    assert!(answer.ends_with("GET / HTTP/1.1\r\n\r\n"), "{answer}");
}

/// Connections of another user's, on each of which a request has begun: until standard input ends, and each again that is ended.
const FLOOD: &str = "
import encodings.idna, os, select, socket, sys, time
os.setgid(64200); os.setuid(64200)
port, count, opened = int(sys.argv[1]), int(sys.argv[2]), {}
def begin():
    one = socket.create_connection(('127.0.0.1', port)); opened[one.fileno()] = one
    try: one.sendall(b'GET / HTTP/1.1\\r\\n')
    except OSError: pass
for _ in range(count): begin()
print('ready', flush=True)
while True:
    ready, _, _ = select.select([*opened, sys.stdin], [], [])
    if sys.stdin in ready: break
    for fd in ready: opened.pop(fd).close(); begin(); time.sleep(0.002)
";

#[test]
#[cfg(target_os = "linux")]
fn ov_03_a_user_who_takes_every_connection_keeps_neither_others_from_the_port_nor_the_sign_of_life() {
    let scripted = scripted();
    let mut state = State::new(scripted.host);
    let port = free_port();
    scripted.serve(TcpListener::bind((HOST, port)).unwrap());
    *scripted.wanted.lock().unwrap() = format!("{{\"port\":{port},\"run\":\"00000001-0000-4000-8000-000000000000\"}}");
    state.look().unwrap();
    let mut python = std::process::Command::new("python3");
    python.args(["-c", FLOOD, &port.to_string(), &(2 * CONNECTIONS_MAX).to_string()]);
    let piped = std::process::Stdio::piped;
    let mut python = python.stdin(piped()).stdout(piped()).stderr(piped()).spawn().unwrap();
    let mut said = [0; 5];
    if python.stdout.as_mut().unwrap().read_exact(&mut said).is_err() {
        let said = String::from_utf8(python.wait_with_output().unwrap().stderr).unwrap();
        assert!(said.contains("not permitted"), "{said}");
        // Another user takes root.
        return;
    }
    let signs = || scripted.told.lock().unwrap().iter().filter(|text| text.contains("/bonafide/forwarder")).count();
    for _ in 0..20 {
        let before = signs();
        let _ = state.look();
        assert!(signs() > before, "the host hears that it lives");
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
        let mut answer = String::new();
        assert!(stream.read_to_string(&mut answer).is_ok() && answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    drop(python.stdin.take());
    python.wait().unwrap();
}

/// A host that says what is wanted, and hears what it is told.
struct Scripted {
    host: Host,
    wanted: Arc<Mutex<String>>,
    told: Arc<Mutex<Vec<String>>>,
}

/// Another address than the forwarder's, which would be its own host at the same one.
const HOST: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

fn scripted() -> Scripted {
    let listener = TcpListener::bind((HOST, 0)).unwrap();
    let at = listener.local_addr().unwrap();
    let (wanted, told) = (Arc::new(Mutex::new("{}".to_owned())), Arc::new(Mutex::new(Vec::new())));
    let scripted = Scripted { host: Host { address: at.ip(), port: at.port() }, wanted, told };
    scripted.serve(listener);
    scripted
}

impl Scripted {
    /// Answers at a socket of the host's, for as long as the test runs.
    fn serve(&self, listener: TcpListener) {
        let (answer, heard) = (Arc::clone(&self.wanted), Arc::clone(&self.told));
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let (answer, heard) = (Arc::clone(&answer), Arc::clone(&heard));
                std::thread::spawn(move || {
                    let mut request = String::new();
                    while !request.ends_with("\r\n\r\n") {
                        let mut piece = [0; 1_024];
                        match stream.read(&mut piece) {
                            Ok(bytes @ 1..) => request += &String::from_utf8_lossy(&piece[..bytes]),
                            Ok(_) | Err(_) => return,
                        }
                    }
                    heard.lock().unwrap().push(request);
                    let body = answer.lock().unwrap().clone();
                    let _ = write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
                });
            }
        });
    }
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
