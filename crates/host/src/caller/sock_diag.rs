//! Asks the kernel about one socket (sock_diag(7)), whatever their number.
//!
//! If there is no such connection the kernel answers with a socket that *listens* at the address, and it does not see
//! sockets bound to a device unless the question names the device. Both would let a caller pass for another user, so
//! the question names the loopback device, and the answer is valid only if it is that very connection, alive and held
//! by a process.

use super::{OPEN_STATES, told};
use bonafide_http::{LocalUser, is_shortage};
use netlink_packet_core::{NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload, Nla};
use netlink_packet_sock_diag::SockDiagMessage;
use netlink_packet_sock_diag::constants::{AF_INET, AF_INET6, IPPROTO_TCP};
use netlink_packet_sock_diag::inet::{ExtensionFlags, InetRequest, SocketId, StateFlags};
use netlink_sys::Socket;
use netlink_sys::protocols::NETLINK_SOCK_DIAG;
use rustix::net::{RecvFlags, SendFlags, recv, send};
use std::net::SocketAddr;
use std::os::fd::AsFd;

/// The kernel does not answer.
pub(super) enum NoAnswer {
    /// It is short of something.
    Now,
    /// It does not answer such questions here.
    Ever,
}

impl From<std::io::Error> for NoAnswer {
    fn from(error: std::io::Error) -> Self {
        if is_shortage(&error) { Self::Now } else { Self::Ever }
    }
}

/// `INET_DIAG_NOCOOKIE`: the addresses alone name the socket.
const NO_COOKIE: [u8; 8] = [0xff; 8];
/// `ENOENT`, negative as in a netlink error: there is no such socket.
const NOT_FOUND: i32 = -2;
/// `INET_DIAG_CGROUP_ID`.
const CGROUP_ID: u16 = 21;
/// More than one answer needs.
const ANSWER_BYTES: usize = 4_096;

/// The user of the socket at `peer` whose other end is `local`, in the namespace of this process.
pub(super) fn user_of(peer: SocketAddr, local: SocketAddr) -> Result<LocalUser, NoAnswer> {
    Ok(found(peer, local)?.0)
}

/// The same, with the id of the control group in which the socket was opened.
pub(super) fn found(peer: SocketAddr, local: SocketAddr) -> Result<(LocalUser, Option<u64>), NoAnswer> {
    let mut socket = Socket::new(NETLINK_SOCK_DIAG)?;
    socket.bind_auto()?;
    found_through(socket, loopback_index()?, peer, local)
}

/// The same in the namespace of a socket of this protocol, whose loopback device has this index.
pub(super) fn found_through(
    socket: impl AsFd,
    loopback: u32,
    peer: SocketAddr,
    local: SocketAddr,
) -> Result<(LocalUser, Option<u64>), NoAnswer> {
    let mut header = NetlinkHeader::default();
    header.flags = NLM_F_REQUEST;
    let request = InetRequest {
        family: if peer.is_ipv4() { AF_INET } else { AF_INET6 },
        protocol: IPPROTO_TCP,
        extensions: ExtensionFlags::empty(),
        states: StateFlags::all(),
        socket_id: SocketId {
            source_port: peer.port(),
            destination_port: local.port(),
            source_address: peer.ip(),
            destination_address: local.ip(),
            interface_id: loopback,
            cookie: NO_COOKIE,
        },
    };
    let asked = (peer.ip(), peer.port(), local.ip(), local.port());
    let mut message = NetlinkMessage::new(header, SockDiagMessage::InetRequest(request).into());
    message.finalize();
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);
    let answer = exchange(socket, &bytes)?;
    match NetlinkMessage::<SockDiagMessage>::deserialize(&answer).map_err(|_| NoAnswer::Ever)?.payload {
        NetlinkPayload::InnerMessage(SockDiagMessage::InetResponse(found)) => {
            let cgroup = found.nlas.iter().find(|attribute| attribute.kind() == CGROUP_ID).and_then(number);
            let (found, id) = (&found.header, &found.header.socket_id);
            // A socket of the other family may hold the connection, and then shows mapped addresses.
            let (from, to) = (id.source_address.to_canonical(), id.destination_address.to_canonical());
            let answered = (from, id.source_port, to, id.destination_port);
            let is_held = OPEN_STATES.contains(&found.state) && found.inode != 0;
            let is_it = answered == asked && is_held;
            Ok(if is_it { (told(found.uid), cgroup) } else { (LocalUser::Unknown, None) })
        }
        NetlinkPayload::Error(error) if error.raw_code() == NOT_FOUND => Ok((LocalUser::Unknown, None)),
        _ => Err(NoAnswer::Ever),
    }
}

/// The value of an attribute that is a number of 64 bits.
fn number(attribute: &impl Nla) -> Option<u64> {
    let mut bytes = [0; 8];
    if attribute.value_len() != bytes.len() {
        return None;
    }
    attribute.emit_value(&mut bytes);
    Some(u64::from_ne_bytes(bytes))
}

/// The loopback device's index: 1 in every network namespace, but asked for all the same.
fn loopback_index() -> std::io::Result<u32> {
    let socket = rustix::net::socket(rustix::net::AddressFamily::INET, rustix::net::SocketType::DGRAM, None);
    socket.and_then(|socket| rustix::net::netdevice::name_to_index(socket, "lo")).map_err(Into::into)
}

fn exchange(socket: impl AsFd, request: &[u8]) -> std::io::Result<Vec<u8>> {
    send(&socket, request, SendFlags::empty())?;
    let mut answer = vec![0; ANSWER_BYTES];
    // The kernel answers within the call to send; there is nothing to wait for.
    let (bytes, _) = recv(&socket, &mut answer[..], RecvFlags::DONTWAIT)?;
    answer.truncate(bytes);
    Ok(answer)
}
