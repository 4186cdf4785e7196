//! The cookie of a network namespace: a number that the kernel gives to no other one until it is started anew.

use nix::sys::socket::{GetSockOpt, sockopt::GetStruct};
use nix::{getsockopt_impl, libc};
use std::io;
use std::os::fd::AsFd;

#[derive(Clone, Copy)]
struct NamespaceCookie;

// Source: <asm-generic/socket.h>, since Linux 5.14.
getsockopt_impl!(NamespaceCookie, libc::SOL_SOCKET, libc::SO_NETNS_COOKIE, u64, GetStruct<u64>);

/// The cookie of the network namespace of a socket (`SO_NETNS_COOKIE`): of the one in which it was opened, also after it
/// was passed on, and for an accepted socket that of its listener.
///
/// # Errors
/// The system's: it is no socket of a network, or the kernel is older than 5.14.
pub fn namespace_cookie(socket: &impl AsFd) -> io::Result<u64> {
    Ok(NamespaceCookie.get(socket)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn id_03_sockets_of_one_namespace_have_one_cookie() {
        let open = || TcpListener::bind("127.0.0.1:0").unwrap();
        let (one, other) = (open(), open());
        let cookie = namespace_cookie(&one).unwrap();
        assert!(cookie > 0);
        assert_eq!(namespace_cookie(&other).unwrap(), cookie);
        assert!(namespace_cookie(&std::io::stdin()).is_err());
    }
}
