//! Connections in another network namespace: asked for through a socket that was opened there, and that the kernel answers for
//! that namespace, whoever holds it.

use super::sock_diag::{self, NoAnswer};
use bonafide_http::LocalUser;
use bonafide_opener::namespace_cookie;
use netlink_sys::protocols::NETLINK_SOCK_DIAG;
use rustix::net::AddressFamily;
use rustix::net::sockopt::{socket_domain, socket_protocol};
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Mutex, PoisonError};

/// The index of the loopback device in every network namespace: it is the first that the kernel makes there
/// (`loopback_net_init`, Linux).
const LOOPBACK: u32 = 1;

/// The way to ask the kernel in another network namespace.
pub struct Elsewhere(Mutex<OwnedFd>);

impl Elsewhere {
    /// Through a socket that was passed, if that is one for such questions and of that namespace.
    pub(crate) fn through(socket: OwnedFd, namespace: u64) -> Option<Self> {
        let protocol = socket_protocol(&socket).ok()??.as_raw().get();
        let asks = socket_domain(&socket).ok()? == AddressFamily::NETLINK
            && i64::from(protocol) == i64::try_from(NETLINK_SOCK_DIAG).ok()?;
        (asks && namespace_cookie(&socket).ok()? == namespace).then(|| Self(Mutex::new(socket)))
    }

    /// The user at the other end of a loopback connection there, and the id of the control group in which the socket was opened,
    /// where the kernel tells (Linux 5.9).
    pub(super) fn facts_of(&self, peer: SocketAddr, local: SocketAddr) -> (LocalUser, Option<u64>) {
        let socket = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match sock_diag::found_through(socket.as_fd(), LOOPBACK, peer, local) {
            Ok(found) => found,
            Err(NoAnswer::Now) => (LocalUser::NotAsked, None),
            Err(NoAnswer::Ever) => (LocalUser::Unknown, None),
        }
    }
}

/// A socket for such questions, in the namespace of this process.
pub(crate) fn asking_socket() -> std::io::Result<OwnedFd> {
    let socket = netlink_sys::Socket::new(NETLINK_SOCK_DIAG)?;
    Ok(rustix::io::fcntl_dupfd_cloexec(&socket, 0)?)
}
