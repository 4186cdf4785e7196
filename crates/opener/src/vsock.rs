//! Sockets of virtual machines (vsock(7)).

use nix::libc::VMADDR_CID_ANY;
use nix::sys::socket::{self, AddressFamily, Backlog, SockFlag, SockType, VsockAddr, getpeername};
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

/// Connections that wait to be accepted. Source: ours, as of other listeners.
const BACKLOG: i32 = 1_024;

/// Listens on a port of this machine for connections of virtual machines; who is served is decided by [`vsock_peer`]. It
/// takes no privilege from port 1024 on.
///
/// # Errors
/// The system's: the kernel has no vsock, or the port is taken.
pub fn listen_on_vsock(port: u32) -> io::Result<OwnedFd> {
    let flags = SockFlag::SOCK_CLOEXEC;
    let socket = socket::socket(AddressFamily::Vsock, SockType::Stream, flags, None)?;
    socket::bind(socket.as_raw_fd(), &VsockAddr::new(VMADDR_CID_ANY, port))?;
    socket::listen(&socket, Backlog::new(BACKLOG)?)?;
    Ok(socket)
}

/// The machine at the other end of a connection: the number that its monitor gave it, by the kernel.
///
/// # Errors
/// The system's: it is no connection of a vsock, or is gone already.
pub fn vsock_peer(connection: &impl AsFd) -> io::Result<u32> {
    Ok(getpeername::<VsockAddr>(connection.as_fd().as_raw_fd())?.cid())
}
