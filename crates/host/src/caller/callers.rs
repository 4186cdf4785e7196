//! The callers at an endpoint: each kind of place knows them by another way, and some do not at all.

use super::{Elsewhere, facts_of};
use bonafide_files::User;
use bonafide_http::{LocalUser, PeerFacts};
use bonafide_metadata::rules::Caller;
use bonafide_opener::NearSide;
use bonafide_wire::Remote;
use std::net::SocketAddr;
use std::sync::Arc;

/// The way in which callers are known at a place.
#[derive(Clone, Default)]
pub enum Callers {
    /// They are not.
    #[default]
    Unseen,
    /// The kernel said at the beginning of each connection which process it was.
    AtUnixSocket,
    /// By their connections, on the loopback device of this process's network namespace.
    Here,
    /// The same in another one.
    Elsewhere(Arc<Elsewhere>),
    /// As those at the other end of a device, which are told from those on this side, and not from one another.
    Beyond(Arc<NearSide>),
}

impl Callers {
    /// The one whose connection from `remote` to our own end `at` it is, as far as it can be told for certain.
    pub(crate) fn caller(&self, remote: Remote, at: Option<SocketAddr>) -> Caller {
        let (user, cgroup) = match (self, remote, at) {
            (Self::AtUnixSocket, Remote::Unix { uid, cgroup, .. }, _) => {
                return Caller { uid: User::told(uid).map(User::id), cgroup };
            }
            (Self::Here, Remote::Ip(peer), Some(at)) => facts_of(peer, at),
            (Self::Elsewhere(there), Remote::Ip(peer), Some(at)) => there.facts_of(peer, at),
            _ => return Caller::default(),
        };
        match user {
            LocalUser::Is(uid) => Caller { uid: Some(uid), cgroup },
            // A socket that is not known for certain proves no group, either.
            LocalUser::Nameless | LocalUser::Unknown | LocalUser::NotAsked => Caller::default(),
        }
    }

    /// The user of a connection. The listener has asked about it in this process's namespace, where another program can have a
    /// connection of the same addresses.
    pub(crate) fn user(&self, peer: &PeerFacts) -> LocalUser {
        match (self, peer.remote, peer.local) {
            (Self::Elsewhere(there), Remote::Ip(remote), Some(local)) => there.facts_of(remote, local).0,
            (Self::Elsewhere(_), ..) => LocalUser::Unknown,
            _ => peer.user,
        }
    }

    /// True of a connection that begins at the other end of the device: not at its own address, which who is on this side has by
    /// default, nor at another one of this side, whatever namespace that is. Who cannot be told from those is not beyond.
    pub(crate) fn are_beyond(&self, peer: &PeerFacts) -> bool {
        // A word about whose connection it is says nothing about where it began.
        let (Self::Beyond(side), Remote::Ip(remote), Some(local)) =
            (self, peer.passed_on_by.unwrap_or(peer.remote), peer.local)
        else {
            return false;
        };
        remote.ip() != local.ip() && !side.has(remote.ip().to_canonical()).unwrap_or(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::caller::asking_socket;
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn md_11_a_caller_is_known_by_its_own_connection_alone() {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let local = server.local_addr().unwrap();
        let client = TcpStream::connect(local).unwrap();
        let (me, peer) = (User::of_this_process().unwrap().id(), client.local_addr().unwrap());
        let socket = asking_socket().unwrap();
        let here = bonafide_opener::namespace_cookie(&socket).unwrap();
        let there = Callers::Elsewhere(Arc::new(Elsewhere::through(socket, here).unwrap()));
        let unix = Remote::Unix { uid: me, pid: Some(1), cgroup: Some(7) };
        for callers in [Callers::Here, there] {
            let found = callers.caller(Remote::Ip(peer), Some(local));
            assert_eq!(found.uid, Some(me));
            assert!(found.cgroup != Some(0));
            let nobodys = Remote::Ip(SocketAddr::new(peer.ip(), 1));
            for (remote, at) in [(nobodys, Some(local)), (Remote::Vsock { cid: 3 }, Some(local)), (unix, Some(local))] {
                assert_eq!(callers.caller(remote, at), Caller::default());
            }
            assert_eq!(callers.caller(Remote::Ip(peer), None), Caller::default());
        }
        assert_eq!(Callers::AtUnixSocket.caller(unix, None), Caller { uid: Some(me), cgroup: Some(7) });
        assert_eq!(Callers::Unseen.caller(unix, None), Caller::default());
        assert_eq!(Callers::Unseen.caller(Remote::Ip(peer), Some(local)), Caller::default());
    }

    /// A program of the agent's own namespace can have a connection of the same addresses.
    #[test]
    fn md_11_where_callers_are_elsewhere_nobody_here_vouches_for_them() {
        let socket = asking_socket().unwrap();
        let here = bonafide_opener::namespace_cookie(&socket).unwrap();
        let there = Callers::Elsewhere(Arc::new(Elsewhere::through(socket, here).unwrap()));
        let remote = Remote::Ip("127.0.0.1:1".parse().unwrap());
        let facts = PeerFacts { remote, local: None, user: LocalUser::Is(0), passed_on_by: None };
        let local = Some("127.0.0.1:2".parse().unwrap());
        assert_eq!(there.user(&facts), LocalUser::Unknown);
        assert_eq!(there.user(&PeerFacts { local, ..facts }), LocalUser::Unknown);
        assert_eq!(Callers::Unseen.user(&facts), LocalUser::Is(0));
    }
}
