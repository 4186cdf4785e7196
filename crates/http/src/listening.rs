//! Opening listening sockets.

use rustix::net::sockopt::set_socket_reuseaddr;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

/// Connections that wait to be accepted. Source: ours, as tokio's own.
const BACKLOG: i32 = 1_024;
/// The loopback device.
const LOOPBACK: &[u8] = b"lo";

/// A port is taken or not ours to take.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot listen on {address}: {error}; stop what uses it, or choose another with {option} (0 picks a free port)"
)]
pub struct ListenError {
    pub(crate) address: SocketAddr,
    pub(crate) option: &'static str,
    pub(crate) error: io::Error,
}

/// A listening socket. On a loopback address it takes connections of this machine only: a kernel that was told to route
/// loopback addresses (`route_localnet`) would bring it those of neighbours, too (CVE-2020-8558).
pub struct Listening {
    socket: TcpListener,
    address: SocketAddr,
}

/// A port that nobody else can listen on while a process has this: a socket that is bound and does not listen. It is good
/// for nothing else, so that it can be given to programs that are not trusted with the one that listens.
pub struct PortHold(OwnedFd);

impl Listening {
    /// Listens on an address; on one of loopback, on the loopback device alone.
    pub fn open(address: SocketAddr) -> io::Result<Self> {
        Ok(Self::open_held(address)?.0)
    }

    /// The same, with a hold on its port.
    pub fn open_held(mut address: SocketAddr) -> io::Result<(Self, PortHold)> {
        let (socket, hold) = (new_socket(address)?, new_socket(address)?);
        if is_loopback(address.ip()) {
            // Linux before 5.7 lets only root do so, and there the peers are looked at alone.
            let _ = socket.bind_device(Some(LOOPBACK));
        }
        hold.bind(address)?;
        // By its number: a socket that was bound without one loses its port when it is shut down (tcp_set_state of Linux).
        address.set_port(hold.local_addr()?.port());
        socket.bind(address)?;
        let socket = socket.listen(BACKLOG.cast_unsigned())?;
        // With it the port would be everybody's once nobody listens any more.
        hold.set_reuseaddr(false)?;
        Ok((Self { address: socket.local_addr()?, socket }, PortHold(rustix::io::fcntl_dupfd_cloexec(&hold, 0)?)))
    }

    /// Listens on a socket that was bound by another process.
    pub fn given(socket: std::net::TcpListener) -> io::Result<Self> {
        // One that was closed for connections meanwhile, so that nobody waits in vain, is opened for them again.
        set_socket_reuseaddr(&socket, true)?;
        rustix::net::listen(&socket, BACKLOG)?;
        socket.set_nonblocking(true)?;
        let socket = TcpListener::from_std(socket)?;
        Ok(Self { address: socket.local_addr()?, socket })
    }

    /// Its address, with the port that it was given where any would do.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The next connection, and its peer.
    pub async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        loop {
            let (stream, peer) = self.socket.accept().await?;
            if is_loopback(peer.ip()) || !is_loopback(self.address.ip()) {
                return Ok((stream, peer));
            }
        }
    }
}

/// Refuses connections on a listening socket from now on, for all processes that have it, and keeps its port: a socket that
/// is bound and does not listen. Without `SO_REUSEADDR` nobody else can listen there.
pub fn refuse(socket: impl AsFd) {
    // Both fail on no socket that listens.
    let _ = set_socket_reuseaddr(&socket, false);
    let _ = rustix::net::shutdown(&socket, rustix::net::Shutdown::Both);
}

/// A socket that listens on an address of any kind, on the loopback device alone, for [`Listening::given`]. It needs no
/// runtime.
pub fn open_on_loopback_device(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = new_socket(address)?;
    socket.bind_device(Some(LOOPBACK))?;
    socket.bind(address)?;
    rustix::net::listen(&socket, BACKLOG)?;
    Ok(rustix::io::fcntl_dupfd_cloexec(&socket, 0)?.into())
}

impl AsFd for PortHold {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl AsFd for Listening {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

fn new_socket(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // A port whose last connections are still being forgotten can be taken.
    socket.set_reuseaddr(true)?;
    Ok(socket)
}

fn is_loopback(ip: IpAddr) -> bool {
    ip.to_canonical().is_loopback()
}
