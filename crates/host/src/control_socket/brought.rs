//! A listening socket that a command opened where it stands, in the network namespace of its own, and that the agent is to
//! serve (ADR 31).

use super::Peer;
use crate::bindings::of_namespace;
use crate::caller::{Callers, Elsewhere};
use bonafide_http::Listening;
use bonafide_opener::namespace_cookie;
use rustix::fs::fstat;
use rustix::net::AddressFamily;
use rustix::net::SocketType;
use rustix::net::sockopt::{socket_acceptconn, socket_domain, socket_type};
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::sync::Arc;

/// A socket that was brought and is what it is to be.
pub(super) struct Brought {
    pub(super) socket: Listening,
    /// The way in which the users of its connections are known.
    pub(super) callers: Callers,
}

/// The reason why a socket that was brought is not served.
#[derive(Debug, thiserror::Error)]
pub(super) enum BroughtError {
    #[error("what was passed is no TCP socket that listens on a loopback address")]
    NotListening,
    #[error("the socket that was passed is of another network namespace than the command that passed it")]
    OtherNamespace,
    #[error("the socket that was passed was opened by another user than the one who passed it")]
    OtherUser,
    #[error(
        "the kernel cannot be asked for the users of connections in the network namespace of this command: sock_diag is \
         missing there"
    )]
    NoUsers,
    #[error("cannot serve the socket that was passed: {0}")]
    Io(#[from] std::io::Error),
}

impl From<rustix::io::Errno> for BroughtError {
    fn from(error: rustix::io::Errno) -> Self {
        Self::Io(error.into())
    }
}

/// Takes a listening socket from a peer, and one that asks the kernel there; `None` where none was brought.
///
/// The namespace of the peer is that of the connection to the control socket itself: the kernel gives an accepted unix
/// socket the namespace of the socket that connected, which nobody can change afterwards (`unix_stream_connect`, Linux).
pub(super) fn brought(came: Vec<OwnedFd>, peer: &Peer) -> Result<Option<Brought>, BroughtError> {
    let mut came = came.into_iter();
    let Some(socket) = came.next() else { return Ok(None) };
    check(&socket, peer)?;
    let callers = match peer.is_elsewhere() {
        true => {
            let there = came.next().and_then(|asks| Elsewhere::through(asks, peer.namespace));
            Callers::Elsewhere(Arc::new(there.ok_or(BroughtError::NoUsers)?))
        }
        false => Callers::Here,
    };
    Ok(Some(Brought { socket: of_namespace(Listening::given(socket)?, peer.namespace), callers }))
}

fn check(socket: &OwnedFd, peer: &Peer) -> Result<(), BroughtError> {
    let is_tcp = socket_domain(socket)? == AddressFamily::INET && socket_type(socket)? == SocketType::STREAM;
    if !is_tcp || !socket_acceptconn(socket)? {
        return Err(BroughtError::NotListening);
    }
    let address = TcpListener::from(socket.try_clone()?).local_addr()?;
    if !address.ip().is_loopback() {
        return Err(BroughtError::NotListening);
    }
    if namespace_cookie(socket).unwrap_or_default() != peer.namespace {
        return Err(BroughtError::OtherNamespace);
    }
    // The user as whom it was opened (`sock_alloc`, Linux).
    if fstat(socket)?.st_uid != peer.user.id() {
        return Err(BroughtError::OtherUser);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use bonafide_files::User;

    fn me() -> Peer {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let here = namespace_cookie(&socket).unwrap();
        Peer { user: User::of_this_process().unwrap(), namespace: here, here }
    }

    #[tokio::test]
    async fn id_03_a_socket_is_served_that_listens_on_loopback_for_the_one_who_brings_it() {
        let open = |address: &str| OwnedFd::from(TcpListener::bind(address).unwrap());
        assert!(brought(Vec::new(), &me()).unwrap().is_none());
        assert!(brought(vec![open("127.0.0.1:0")], &me()).unwrap().is_some());
        let refusal = |socket: OwnedFd, peer: &Peer| brought(vec![socket], peer).err().unwrap();
        assert!(matches!(refusal(open("0.0.0.0:0"), &me()), BroughtError::NotListening));
        let connected = TcpListener::bind("127.0.0.1:0").unwrap();
        let connected = std::net::TcpStream::connect(connected.local_addr().unwrap()).unwrap();
        assert!(matches!(refusal(connected.into(), &me()), BroughtError::NotListening));
        assert!(matches!(refusal(std::fs::File::open("/dev/null").unwrap().into(), &me()), BroughtError::Io(_)));
        let elsewhere = Peer { namespace: me().here + 1, ..me() };
        assert!(matches!(refusal(open("127.0.0.1:0"), &elsewhere), BroughtError::OtherNamespace));
        let other = Peer { user: User::told(me().user.id() + 1).unwrap(), ..me() };
        assert!(matches!(refusal(open("127.0.0.1:0"), &other), BroughtError::OtherUser));
    }
}
