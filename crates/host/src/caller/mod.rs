//! The user that opened a loopback connection: asked of the kernel, for the connection at hand.

mod callers;
mod control_group;
mod elsewhere;
mod proc_table;
#[cfg(target_os = "linux")]
mod sock_diag;

pub use callers::Callers;
pub(crate) use control_group::{control_group_at, control_group_of_peer};
pub(crate) use elsewhere::{Elsewhere, asking_socket};

use bonafide_files::User;
use bonafide_http::{LocalUser, is_shortage};
use bonafide_opener::NearSide;
use std::net::SocketAddr;

/// The states in which a process may still read from a connection that was once open: `ESTABLISHED`,
/// `FIN_WAIT1`, `FIN_WAIT2`, `CLOSE_WAIT`. A socket in another state says nothing about who opened it.
const OPEN_STATES: [u8; 4] = [1, 4, 5, 8];

/// The kernel cannot be asked now: the process, or the machine, has no descriptor or memory left for the question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct NotNow;

/// The user at the other end of a TCP connection that begins on this machine; [`LocalUser::Unknown`] of a peer elsewhere. The
/// kernel does not show every connection of this machine: one can be gone already, or its socket be bound to a device.
pub fn user_of(peer: SocketAddr, local: SocketAddr) -> LocalUser {
    match asked(peer, local) {
        Ok(LocalUser::Unknown) => NearSide::here()
            .and_then(|side| side.has(peer.ip().to_canonical()))
            .map_or_else(not_told, |is_here| if is_here { LocalUser::Nameless } else { LocalUser::Unknown }),
        Ok(user) => user,
        Err(NotNow) => LocalUser::NotAsked,
    }
}

fn not_told(error: std::io::Error) -> LocalUser {
    if is_shortage(&error) { LocalUser::NotAsked } else { LocalUser::Nameless }
}

/// The same, with the id of the control group in which the socket was opened, where the kernel tells (Linux 5.9).
fn facts_of(peer: SocketAddr, local: SocketAddr) -> (LocalUser, Option<u64>) {
    #[cfg(target_os = "linux")]
    match sock_diag::found(peer, local) {
        Ok(found) => return found,
        Err(sock_diag::NoAnswer::Now) => return (LocalUser::NotAsked, None),
        Err(sock_diag::NoAnswer::Ever) => {}
    }
    (user_of(peer, local), None)
}

/// The user with an id that the kernel tells.
fn told(id: u32) -> LocalUser {
    User::told(id).map_or(LocalUser::Nameless, |user| LocalUser::Is(user.id()))
}

fn asked(peer: SocketAddr, local: SocketAddr) -> Result<LocalUser, NotNow> {
    #[cfg(target_os = "linux")]
    match sock_diag::user_of(peer, local) {
        Ok(user) => return Ok(user),
        Err(sock_diag::NoAnswer::Now) => return Err(NotNow),
        Err(sock_diag::NoAnswer::Ever) => {}
    }
    proc_table::user_of(peer, local)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn both_ways_know_the_user_of_a_connection_and_of_none_that_is_not_there() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let Ok(listener) = TcpListener::bind(address) else { continue };
            let local = listener.local_addr().unwrap();
            let client = TcpStream::connect(local).unwrap();
            let peer = client.local_addr().unwrap();
            let me = LocalUser::Is(User::of_this_process().unwrap().id());
            assert_eq!((asked(peer, local), proc_table::user_of(peer, local)), (Ok(me), Ok(me)));
            let nobody = SocketAddr::new(peer.ip(), 1);
            assert_eq!(
                (asked(nobody, local), proc_table::user_of(nobody, local)),
                (Ok(LocalUser::Unknown), Ok(LocalUser::Unknown))
            );
        }
    }

    #[test]
    fn ov_03_a_user_of_another_namespace_is_here_and_has_no_name() {
        assert_eq!(told(7), LocalUser::Is(7));
        assert_eq!(told(u32::MAX), LocalUser::Nameless);
    }

    #[test]
    fn ov_03_a_connection_that_the_kernel_does_not_show_is_of_this_machine_by_its_address_alone() {
        let at = |address: &str| SocketAddr::new(address.parse().unwrap(), 1);
        for here in ["127.0.0.1", "127.0.0.9", "::ffff:127.0.0.1"] {
            assert_eq!(user_of(at(here), at("127.0.0.1")), LocalUser::Nameless, "{here}");
        }
        for elsewhere in ["192.0.2.77", "::ffff:198.51.100.3"] {
            assert_eq!(user_of(at(elsewhere), at("127.0.0.1")), LocalUser::Unknown, "{elsewhere}");
        }
    }

    /// As Java opens connections to IPv4 addresses.
    #[tokio::test]
    async fn a_connection_from_a_socket_of_the_other_family_is_found() {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let local = server.local_addr().unwrap();
        let socket = tokio::net::TcpSocket::new_v6().unwrap();
        let mapped = SocketAddr::from((std::net::Ipv4Addr::LOCALHOST.to_ipv6_mapped(), local.port()));
        let Ok(_client) = socket.connect(mapped).await else { return };
        let peer = server.accept().unwrap().1;
        let me = LocalUser::Is(User::of_this_process().unwrap().id());
        assert_eq!((asked(peer, local), proc_table::user_of(peer, local)), (Ok(me), Ok(me)));
    }

    /// A program of another user can hold the source address of its connection with a socket that is
    /// bound to the device, and have a listener of this user found in its place.
    #[tokio::test]
    async fn id_01_a_listener_at_the_callers_address_does_not_vouch_for_the_caller() {
        use tokio::net::TcpSocket;
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let local = server.local_addr().unwrap();
        let open = || {
            let socket = TcpSocket::new_v4().unwrap();
            socket.set_reuseaddr(true).unwrap();
            socket
        };
        let caller = open();
        caller.bind_device(Some(b"lo")).unwrap();
        caller.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let peer = caller.local_addr().unwrap();
        let listener = open();
        listener.bind(SocketAddr::from(([0, 0, 0, 0], peer.port()))).unwrap();
        let listener = listener.listen(1).unwrap();
        assert_eq!(asked(peer, local), Ok(LocalUser::Unknown), "there is a listener, but no connection");
        assert_eq!(user_of(peer, local), LocalUser::Nameless, "it would be one of this machine");
        let caller = caller.connect(local).await.unwrap();
        let me = LocalUser::Is(User::of_this_process().unwrap().id());
        assert_eq!((asked(peer, local), proc_table::user_of(peer, local)), (Ok(me), Ok(me)), "the caller is found");
        drop(caller);
        assert_eq!(
            (asked(peer, local), proc_table::user_of(peer, local)),
            (Ok(LocalUser::Unknown), Ok(LocalUser::Unknown)),
            "the caller is gone"
        );
        drop(listener);
    }
}
