//! The callers of an endpoint's requests, for rules that name them (MD-11). Each kind of place knows its own by another way.

use super::facts_of;
use bonafide_files::User;
use bonafide_http::LocalUser;
use bonafide_metadata::rules::Caller;
use bonafide_wire::Remote;
use std::net::SocketAddr;

/// The way in which callers are known at an endpoint.
pub(crate) trait Callers: Send + Sync {
    /// The caller at the other end, as far as it can be told for certain.
    fn caller(&self, remote: Remote) -> Caller;
}

/// Those of a unix socket: the kernel said at the beginning of the connection which process it was.
pub(crate) struct OfUnixSocket;

/// Those of a port on the loopback device of this process's network namespace, whose own end is at this address.
pub(crate) struct OfLoopback(pub(crate) SocketAddr);

/// Those that nothing is known of.
pub(crate) struct Unseen;

impl Callers for OfUnixSocket {
    fn caller(&self, remote: Remote) -> Caller {
        match remote {
            Remote::Unix { uid, cgroup, .. } => Caller { uid: User::told(uid).map(User::id), cgroup },
            Remote::Ip(_) | Remote::Vsock { .. } => Caller::default(),
        }
    }
}

impl Callers for OfLoopback {
    fn caller(&self, remote: Remote) -> Caller {
        let Remote::Ip(peer) = remote else { return Caller::default() };
        let (user, cgroup) = facts_of(peer, self.0);
        match user {
            LocalUser::Is(uid) => Caller { uid: Some(uid), cgroup },
            // A socket that is not known for certain proves no group, either.
            LocalUser::Nameless | LocalUser::Unknown | LocalUser::NotAsked => Caller::default(),
        }
    }
}

impl Callers for Unseen {
    fn caller(&self, _: Remote) -> Caller {
        Caller::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn md_11_a_caller_is_known_by_its_own_connection_alone() {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let local = server.local_addr().unwrap();
        let client = TcpStream::connect(local).unwrap();
        let (callers, me) = (OfLoopback(local), User::of_this_process().unwrap().id());
        let peer = client.local_addr().unwrap();
        let found = callers.caller(Remote::Ip(peer));
        assert_eq!(found.uid, Some(me));
        assert!(found.cgroup != Some(0));
        assert_eq!(callers.caller(Remote::Ip(SocketAddr::new(peer.ip(), 1))), Caller::default());
        assert_eq!(callers.caller(Remote::Vsock { cid: 3 }), Caller::default());
        let unix = Remote::Unix { uid: me, pid: Some(1), cgroup: Some(7) };
        assert_eq!(OfUnixSocket.caller(unix), Caller { uid: Some(me), cgroup: Some(7) });
        assert_eq!(callers.caller(unix), Caller::default());
        assert_eq!(Unseen.caller(unix), Caller::default());
    }
}
