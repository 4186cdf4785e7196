//! The addresses of a network namespace: asked through a socket that was opened there, and that the kernel answers for that
//! namespace, whoever holds it.

use crate::namespace_cookie;
use crate::netlink::Netlink;
use rustix::io::Errno;
use rustix::net::AddressFamily;
use rustix::net::sockopt::{socket_domain, socket_protocol};
use std::io;
use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::sync::{Mutex, PoisonError};

/// The side of a device on which its sockets listen, as opposed to that at its other end.
#[derive(Debug)]
pub struct NearSide {
    netlink: Netlink,
    /// Held by who asks: questions have one another's answers on the socket.
    asking: Mutex<()>,
}

impl NearSide {
    /// Through a socket that was passed, if that is one for such questions and of the namespace with this cookie. Nobody else
    /// may ask through it.
    pub fn through(socket: OwnedFd, namespace: u64) -> Option<Self> {
        let is_of_it = is_such(&socket) && namespace_cookie(&socket).ok()? == namespace;
        is_of_it.then(|| Self { netlink: Netlink::on(socket), asking: Mutex::default() })
    }

    /// That of all devices of the calling thread's namespace.
    ///
    /// # Errors
    /// The system's.
    pub fn here() -> io::Result<Self> {
        Ok(Self { netlink: Netlink::open()?, asking: Mutex::default() })
    }

    /// True of an address to which the kernel delivers on this side, as to each of 127.0.0.0/8: who is here can begin a
    /// connection at it.
    ///
    /// # Errors
    /// The kernel does not say.
    pub fn has(&self, address: IpAddr) -> io::Result<bool> {
        let _one_at_a_time = self.asking.lock().unwrap_or_else(PoisonError::into_inner);
        match self.netlink.is_delivered_here(address) {
            Ok(is_here) => Ok(is_here),
            // There is no way to it.
            Err(Errno::NETUNREACH | Errno::HOSTUNREACH) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

fn is_such(socket: &OwnedFd) -> bool {
    let is_netlink = socket_domain(socket).is_ok_and(|domain| domain == AddressFamily::NETLINK);
    // `NETLINK_ROUTE` is 0, which rustix says as none.
    is_netlink && socket_protocol(socket).is_ok_and(|protocol| protocol.is_none())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::UdpSocket;

    fn here() -> (OwnedFd, u64) {
        let socket = OwnedFd::from(Netlink::open().unwrap());
        let cookie = namespace_cookie(&socket).unwrap();
        (socket, cookie)
    }

    /// A second address of a network, and any but the first of 127.0.0.0/8, is not what the kernel sends from to it.
    #[test]
    fn id_05_every_address_to_which_the_kernel_delivers_is_of_this_side() {
        let (socket, cookie) = here();
        let side = NearSide::through(socket, cookie).unwrap();
        for here in ["127.0.0.1", "127.0.0.2", "127.254.3.1"] {
            assert!(side.has(here.parse().unwrap()).unwrap(), "{here}");
        }
        for beyond in ["192.0.2.77", "198.51.100.3"] {
            assert!(!side.has(beyond.parse().unwrap()).unwrap(), "{beyond}");
        }
        if UdpSocket::bind("[::1]:0").is_ok() {
            assert!(side.has("::1".parse().unwrap()).unwrap());
            assert!(!side.has("2001:db8::7".parse().unwrap()).unwrap());
        }
    }

    #[test]
    fn id_05_nothing_is_asked_through_another_socket_or_in_another_namespace() {
        let (socket, cookie) = here();
        assert!(NearSide::through(socket, cookie + 1).is_none());
        assert!(NearSide::through(UdpSocket::bind("127.0.0.1:0").unwrap().into(), cookie).is_none());
    }
}
