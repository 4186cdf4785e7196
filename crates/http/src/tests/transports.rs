//! Sockets of other kinds than TCP, and of other network namespaces.

use super::*;
use bonafide_opener::{listen_on_vsock, namespace_cookie};
use bonafide_wire::Remote;
use nix::libc::VMADDR_CID_LOCAL;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, VsockAddr, connect, getsockname, socket};
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr as UnixAddress, UnixListener, UnixStream};
use tokio::io::AsyncRead;

const ASK: &[u8] = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

/// Keeps what is written.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Serves a socket, asks on `stream`, and gives the answer and the log.
async fn exchange_on(socket: Listening, stream: impl Read + Write + Send + 'static) -> (String, String) {
    exchange_with((Echo::default(), |_, _| panic!("the kernel is asked for a user")), socket, stream, &[ASK]).await
}

/// The same with another service, and what is asked in pieces.
pub(super) async fn exchange_with(
    (service, user_of): (Echo, AskUser),
    socket: Listening,
    stream: impl Read + Write + Send + 'static,
    pieces: &'static [&'static [u8]],
) -> (String, String) {
    let written = Written::default();
    let log = Log::to(written.clone()).unwrap();
    let (stop, stopped) = watch::channel(false);
    let listener = Listener {
        socket,
        tls: None,
        service: Arc::new(service),
        limits: PATIENT,
        user_of,
        proxies: Arc::default(),
        log: Arc::clone(&log),
    };
    let serving = tokio::spawn(listener.serve(stopped));
    let ask = tokio::task::spawn_blocking(move || {
        let (mut stream, mut answer) = (stream, Vec::new());
        // A connection that is closed at once takes none of it.
        for piece in pieces {
            let _ = stream.write_all(piece);
            std::thread::sleep(std::time::Duration::from_millis(if pieces.len() > 1 { 60 } else { 0 }));
        }
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8(answer).unwrap()
    });
    let answer = tokio::time::timeout(LONG, ask).await.unwrap().unwrap();
    stop.send(true).unwrap();
    serving.await.unwrap();
    log.flush();
    let logged = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
    (answer, logged)
}

#[tokio::test]
async fn a_unix_socket_is_served_and_its_peer_is_known_by_the_kernel() {
    let name = UnixAddress::from_abstract_name(format!("bonafide-http-{}", std::process::id())).unwrap();
    let socket = Listening::given(UnixListener::bind_addr(&name).unwrap()).unwrap();
    assert_eq!(socket.address(), None);
    let (answer, log) = exchange_on(socket, UnixStream::connect_addr(&name).unwrap()).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    let uid = rustix::process::getuid().as_raw();
    assert!(log.contains(&format!("\"peer\":\"user {uid}, process {}\"", std::process::id())), "{log}");
}

#[tokio::test]
async fn a_vsock_is_served_and_its_peer_is_the_machine_that_the_kernel_names() {
    let open = || socket(AddressFamily::Vsock, SockType::Stream, SockFlag::SOCK_CLOEXEC, None);
    // Without it a kernel in a virtual machine asks the machine's monitor.
    let is_there = std::path::Path::new("/sys/module/vsock_loopback").exists();
    let (true, Ok(listening), Ok(client)) = (is_there, listen_on_vsock(u32::MAX), open()) else {
        return eprintln!("skipped: this kernel has no vsock to itself");
    };
    let port = getsockname::<VsockAddr>(listening.as_raw_fd()).unwrap().port();
    let server = Listening::given(listening).unwrap();
    connect(client.as_raw_fd(), &VsockAddr::new(VMADDR_CID_LOCAL, port)).unwrap();
    let (answer, log) = exchange_on(server, UnixStream::from(client)).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(log.contains("\"peer\":\"vsock 1\""), "{log}");
}

#[tokio::test]
async fn id_03_a_connection_of_another_namespace_than_its_binding_is_closed_and_logged() {
    let open = || std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let (own, at) = (open(), |socket: &std::net::TcpListener| socket.local_addr().unwrap());
    let cookie = namespace_cookie(&own).unwrap();
    let address = at(&own);
    let given = Listening::given(own).unwrap().in_namespace(cookie + 1);
    let (answer, log) = exchange_on(given, std::net::TcpStream::connect(address).unwrap()).await;
    assert_eq!(answer, "");
    assert!(log.contains("\"event\":\"namespaceMismatch\"") && log.contains("127.0.0.1:"), "{log}");
}

#[test]
fn remotes_print_as_the_log_has_them() {
    let remotes = [
        (Remote::from(([127, 0, 0, 1], 7)), "127.0.0.1:7"),
        (Remote::Unix { uid: 7, pid: None, cgroup: None }, "user 7"),
        (Remote::Vsock { cid: 3 }, "vsock 3"),
    ];
    for (remote, text) in remotes {
        assert_eq!(remote.to_string(), text);
    }
    fn is_a_stream<S: AsyncRead>() {}
    is_a_stream::<crate::stream::Stream>();
}
