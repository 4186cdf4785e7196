//! Reads the kernel's table of TCP sockets, where it cannot be asked about one (a kernel without
//! `inet_diag`). The cost grows with the number of sockets.

use super::{NotNow, OPEN_STATES, told};
use bonafide_files::{FilesError, read_of_system};
use bonafide_http::{LocalUser, is_shortage};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;

/// The user of the socket at `peer` whose other end is `local`.
pub(super) fn user_of(peer: SocketAddr, local: SocketAddr) -> Result<LocalUser, NotNow> {
    // The peer's own socket is the one whose local end is the peer's address. It may be a socket of the
    // other family with mapped addresses, as Java's are.
    let rows = |table, peer, local| match read_of_system(Path::new(table)) {
        Ok(table) => Ok(String::from_utf8(table).ok().and_then(|table| find(&table, peer, local))),
        Err(FilesError::Io { error, .. }) if is_shortage(&error) => Err(NotNow),
        Err(_) => Ok(None),
    };
    let id = match (peer.ip(), local.ip()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            let mapped = |ip: Ipv4Addr, port| SocketAddr::from((ip.to_ipv6_mapped(), port));
            let (mapped_peer, mapped_local) = (mapped(from, peer.port()), mapped(to, local.port()));
            let own = rows("/proc/self/net/tcp", peer, local)?;
            let other = rows("/proc/self/net/tcp6", mapped_peer, mapped_local)?;
            // One of them, not both.
            own.xor(other)
        }
        _ => rows("/proc/self/net/tcp6", peer, local)?,
    };
    Ok(id.map_or(LocalUser::Unknown, told))
}

/// The user id in the row of a `proc(5)` TCP table with these ends.
fn find(table: &str, local: SocketAddr, remote: SocketAddr) -> Option<u32> {
    let (local, remote) = (hex(local), hex(remote));
    let mut found = table.lines().skip(1).filter_map(|row| {
        // sl, local, remote, st, tx:rx queues, tr:tm->when, retransmits, uid, timeout, inode
        let fields: Vec<&str> = row.split_ascii_whitespace().take(10).collect();
        let [_, from, to, state, _, _, _, user, _, inode] = fields[..] else { return None };
        let is_held = u8::from_str_radix(state, 16).is_ok_and(|state| OPEN_STATES.contains(&state)) && inode != "0";
        (from == local && to == remote && is_held).then(|| Some((inode, user.parse().ok()?)))?
    });
    // Two sockets can have the same ends when one of them is bound to a device: then nobody can say
    // whose the connection is. One socket, though, can be in the table twice: the kernel prints it in pieces,
    // and begins to count anew where others were opened meanwhile.
    let (inode, user) = found.next()?;
    found.all(|(other, _)| other == inode).then_some(user)
}

/// An address as `proc(5)` prints it: 32-bit words in the byte order of the machine.
fn hex(address: SocketAddr) -> String {
    let words = |octets: &[u8]| -> String {
        octets
            .chunks_exact(4)
            .map(|word| format!("{:08X}", u32::from_ne_bytes([word[0], word[1], word[2], word[3]])))
            .collect()
    };
    let ip = match address.ip() {
        IpAddr::V4(ip) => words(&ip.octets()),
        IpAddr::V6(ip) => words(&ip.octets()),
    };
    format!("{ip}:{:04X}", address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_endian = "little")]
    fn the_row_with_both_ends_tells_the_user() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
             0: 0100007F:A2A6 00000000:0000 0A 00000000:00000000 00:00000000 00000000     7        0 1 1\n\
             1: 0100007F:8AE2 0100007F:A2A6 01 00000000:00000000 00:00000000 00000000  1000        0 2 1\n";
        let peer = "127.0.0.1:35554".parse().unwrap();
        let local = "127.0.0.1:41638".parse().unwrap();
        assert_eq!(find(table, peer, local), Some(1000));
        assert_eq!(find(table, local, peer), None);
        for dead in ["06", "07", "0A"] {
            assert_eq!(find(&table.replace(" 01 ", &format!(" {dead} ")), peer, local), None, "{dead}");
        }
        assert_eq!(find(&table.replace("0 2 1", "0 0 1"), peer, local), None, "held by nobody");
        let again = table.lines().last().unwrap().trim_start();
        assert_eq!(find(&format!("{table}{again}\n"), peer, local), Some(1000), "the same once more");
        let other = again.replace("0 2 1", "0 3 1");
        assert_eq!(find(&format!("{table}{other}\n"), peer, local), None, "another with the same ends");
    }
}
