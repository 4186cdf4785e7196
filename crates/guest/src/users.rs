//! The users of connections at a port of this machine.

use std::collections::HashMap;
use std::net::SocketAddr;

/// The users of those who are connected to a loopback port, by their own ends. Nobody on a system that does not tell.
#[cfg(target_os = "linux")]
pub(crate) fn users_at(port: u16) -> HashMap<SocketAddr, u32> {
    let mut users = HashMap::new();
    for table in ["/proc/self/net/tcp", "/proc/self/net/tcp6"] {
        if let Ok(table) = std::fs::read_to_string(table) {
            read(&table, port, &mut users);
        }
    }
    users
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn users_at(_port: u16) -> HashMap<SocketAddr, u32> {
    HashMap::new()
}

/// Reads a `proc(5)` table of TCP sockets. Two sockets of one end (one can be bound to a device) tell nothing.
#[cfg(any(target_os = "linux", test))]
fn read(table: &str, port: u16, users: &mut HashMap<SocketAddr, u32>) {
    let (mut twice, at_port) = (Vec::new(), format!(":{port:04X}"));
    for row in table.lines().skip(1) {
        // sl, local, remote, st, tx:rx queues, tr:tm->when, retransmits, uid
        let mut fields = row.split_ascii_whitespace().skip(1);
        let (Some(local), Some(remote)) = (fields.next(), fields.next()) else { continue };
        if !remote.ends_with(&at_port) {
            continue;
        }
        let (Some(from), Some(Ok(user))) = (address(local), fields.nth(4).map(str::parse)) else { continue };
        if users.insert(from, user).is_some_and(|before| before != user) {
            twice.push(from);
        }
    }
    users.retain(|from, _| !twice.contains(from));
}

/// An address as `proc(5)` prints it: 32-bit words in the byte order of the machine. A mapped one is that of IPv4.
#[cfg(any(target_os = "linux", test))]
fn address(text: &str) -> Option<SocketAddr> {
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
    let (ip, port) = text.split_once(':')?;
    let word = |at: usize| u32::from_str_radix(ip.get(at * 8..at * 8 + 8)?, 16).ok().map(u32::to_ne_bytes);
    let ip: IpAddr = match ip.len() {
        8 => Ipv4Addr::from(word(0)?).into(),
        32 => {
            let mut bytes = [0; 16];
            for (at, part) in bytes.chunks_exact_mut(4).enumerate() {
                part.copy_from_slice(&word(at)?);
            }
            IpAddr::from(Ipv6Addr::from(bytes)).to_canonical()
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip, u16::from_str_radix(port, 16).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_endian = "little")]
    fn the_rows_of_who_is_connected_tell_the_users() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
             0: 0100007F:A2A6 00000000:0000 0A 00000000:00000000 00:00000000 00000000     7        0 1 1\n\
             1: 0100007F:8AE2 0100007F:A2A6 01 00000000:00000000 00:00000000 00000000  1000        0 2 1\n\
             2: 0100007F:A2A6 0100007F:8AE2 01 00000000:00000000 00:00000000 00000000     7        0 3 1\n\
             3: 0000000000000000FFFF00000100007F:8AE3 0000000000000000FFFF00000100007F:A2A6 01 0:0 00:0 0 1001 0 4 1\n\
             4: 0100007F:8AE4 0100007F:A2A6 01 00000000:00000000 00:00000000 00000000  1002        0 5 1\n\
             5: 0100007F:8AE4 0100007F:A2A6 01 00000000:00000000 00:00000000 00000000  1003        0 6 1\n";
        let mut users = HashMap::new();
        read(table, 0xA2A6, &mut users);
        let at = |port: u16| SocketAddr::from(([127, 0, 0, 1], port));
        assert_eq!(users, HashMap::from([(at(0x8AE2), 1000), (at(0x8AE3), 1001)]));
    }
}
