//! Listening sockets: of TCP in any network namespace, of unix sockets, and of virtual machines (vsock).

use crate::stream::Stream;
use bonafide_opener::{namespace_cookie, vsock_peer};
use bonafide_wire::Remote;
use rustix::net::sockopt::{set_ip_ttl, set_ipv6_unicast_hops, set_socket_reuseaddr, socket_acceptconn, socket_domain};
use rustix::net::{AddressFamily, SocketFlags};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroU8;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use tokio::io::Interest;
use tokio::net::{TcpListener, TcpSocket, UnixListener, UnixStream};

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
    socket: Socket,
    /// Of one of TCP.
    address: Option<SocketAddr>,
    namespace: Namespace,
    /// See [`Listening::listening_again`].
    listens_again: bool,
}

enum Socket {
    Tcp(TcpListener),
    Unix(UnixListener),
    /// A stream of connections rather than of bytes; it is waited for as a stream is.
    Vsock(UnixStream),
}

/// The network namespace that connections are to come from.
#[derive(Debug, Clone, Copy)]
enum Namespace {
    /// This process's own; connections are not asked.
    Own,
    /// The one with this cookie.
    Is { cookie: u64, is_own: bool },
}

/// A connection that was accepted.
pub(crate) enum Accepted {
    /// One to be served.
    Peer(Stream, Remote),
    /// One of another network namespace than the listener's (ID-03).
    Foreign(Remote),
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
        let hold = PortHold(rustix::io::fcntl_dupfd_cloexec(&hold, 0)?);
        let address = Some(socket.local_addr()?);
        Ok((Self { address, socket: Socket::Tcp(socket), namespace: Namespace::Own, listens_again: false }, hold))
    }

    /// Listens on a socket that was bound by another process: of TCP, a unix socket, or a vsock.
    pub fn given(socket: impl Into<OwnedFd>) -> io::Result<Self> {
        let socket = socket.into();
        let family = socket_domain(&socket)?;
        let is_ip = matches!(family, AddressFamily::INET | AddressFamily::INET6);
        if is_ip {
            // One that was closed for connections meanwhile, so that nobody waits in vain, is opened for them again.
            set_socket_reuseaddr(&socket, true)?;
            if !socket_acceptconn(&socket)? {
                // One that was ended by root of its namespace is shut for what it accepts, too, until it is disconnected (tcp_done
                // and tcp_disconnect of Linux).
                rustix::net::connect_unspec(&socket)?;
            }
        }
        rustix::net::listen(&socket, BACKLOG)?;
        rustix::io::ioctl_fionbio(&socket, true)?;
        let (socket, address) = match family {
            AddressFamily::UNIX => (Socket::Unix(UnixListener::from_std(socket.into())?), None),
            AddressFamily::VSOCK => (Socket::Vsock(UnixStream::from_std(socket.into())?), None),
            _ if is_ip => {
                let socket = TcpListener::from_std(socket.into())?;
                let address = socket.local_addr()?;
                (Socket::Tcp(socket), Some(address))
            }
            _ => return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no socket that could be served")),
        };
        Ok(Self { socket, address, namespace: Namespace::Own, listens_again: false })
    }

    /// From now on, takes connections of the network namespace with this cookie alone (`SO_NETNS_COOKIE`), as the kernel
    /// tells of each (ID-03).
    #[must_use]
    pub fn in_namespace(self, cookie: u64) -> Self {
        let own = new_socket((Ipv4Addr::LOCALHOST, 0).into()).and_then(|own| namespace_cookie(&own));
        let is_own = own.is_ok_and(|own| own == cookie);
        Self { namespace: Namespace::Is { cookie, is_own }, ..self }
    }

    /// From now on, listens again whenever root of its network namespace ends it (`ss --kill`), for as long as it is served. Without
    /// this its listener ends with it: for a place that is a workload's, of which somebody else knows whether it is still there.
    #[must_use]
    pub fn listening_again(self) -> Self {
        Self { listens_again: true, ..self }
    }

    /// True while it takes connections.
    pub(crate) fn listens(&self) -> bool {
        socket_acceptconn(self).unwrap_or(true)
    }

    /// The same socket, which listens once more; `None` where it may not.
    pub(crate) fn again(&self) -> Option<io::Result<Self>> {
        let again = || {
            // Registered anew: to the runtime a socket that was ended once has an end for ever.
            let copy = rustix::io::fcntl_dupfd_cloexec(self, 0)?;
            Ok(Self { namespace: self.namespace, listens_again: true, ..Self::given(copy)? })
        };
        self.listens_again.then(again)
    }

    /// Has what is sent on its connections from now on pass so many routers, and the last of them no more (MD-10). A socket of
    /// no network passes none.
    pub fn limit_hops(&self, limit: NonZeroU8) {
        match self.address {
            Some(SocketAddr::V4(_)) => drop(set_ip_ttl(self, limit.get().into())),
            Some(SocketAddr::V6(_)) => drop(set_ipv6_unicast_hops(self, Some(limit.get()))),
            None => {}
        }
    }

    /// True where the kernel can be asked for the users of its connections: it is asked for those of this process's own
    /// network namespace, and would find another one of the same addresses.
    pub(crate) fn knows_users(&self) -> bool {
        match self.namespace {
            Namespace::Own => true,
            Namespace::Is { is_own, .. } => is_own,
        }
    }

    /// Its address, with the port that it was given where any would do; of a unix socket or a vsock none.
    pub fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// The next connection.
    pub(crate) async fn accept(&self) -> io::Result<Accepted> {
        let (stream, remote) = match &self.socket {
            Socket::Tcp(socket) => loop {
                let (stream, peer) = socket.accept().await?;
                if is_loopback(peer.ip()) || !self.address.is_some_and(|own| is_loopback(own.ip())) {
                    break (Stream::Tcp(stream), Remote::Ip(peer));
                }
            },
            Socket::Unix(socket) => {
                let (stream, _) = socket.accept().await?;
                let peer = stream.peer_cred()?;
                (Stream::Other(stream), Remote::Unix { uid: peer.uid(), pid: peer.pid(), cgroup: None })
            }
            Socket::Vsock(socket) => {
                let take = || Ok(rustix::net::accept_with(socket, FLAGS)?);
                let stream = socket.async_io(Interest::READABLE, take).await?;
                let cid = vsock_peer(&stream)?;
                (Stream::of_vsock(stream)?, Remote::Vsock { cid })
            }
        };
        Ok(match (self.namespace, &stream) {
            // A connection that does not tell is none of that namespace.
            (Namespace::Is { cookie, .. }, Stream::Tcp(tcp)) if namespace_cookie(tcp).ok() != Some(cookie) => {
                Accepted::Foreign(remote)
            }
            (Namespace::Own | Namespace::Is { .. }, _) => Accepted::Peer(stream, remote),
        })
    }
}

/// Of accepted sockets.
const FLAGS: SocketFlags = SocketFlags::CLOEXEC.union(SocketFlags::NONBLOCK);

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
        match &self.socket {
            Socket::Tcp(socket) => socket.as_fd(),
            Socket::Unix(socket) => socket.as_fd(),
            Socket::Vsock(socket) => socket.as_fd(),
        }
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
