//! Addresses that nobody set: made from the resource that has them, the same at every reading, and of no network.

use crate::directory::Resource;
use bonafide_types::ResourceUuid;
use serde_json::Value;
use std::net::Ipv4Addr;

/// Addresses at the beginning of a subnet that no machine has. Source: "Azure Virtual Network frequently asked questions".
const RESERVED: u32 = 4;

/// The subnet of a machine that names none.
const SUBNET: (Ipv4Addr, u32) = (Ipv4Addr::new(10, 0, 0, 0), 24);

/// The MAC address of an interface, as a resource shows it. The first half is Microsoft's, as of every machine of Azure.
pub fn mac_address(interface: ResourceUuid) -> String {
    let bytes = interface.uuid().into_bytes();
    format!("00-22-48-{:02X}-{:02X}-{:02X}", bytes[13], bytes[14], bytes[15])
}

/// The address of an interface in a subnet (`10.1.0.0/24`), where that is one of IPv4 that has room.
pub fn private_address(interface: ResourceUuid, subnet: Option<&str>) -> Ipv4Addr {
    let (network, length) = subnet.and_then(read).unwrap_or(SUBNET);
    in_network(interface, network, length)
}

/// The prefix of a subnet; of several, the first.
pub fn address_prefix(subnet: &Resource) -> Option<&str> {
    let one = subnet.body.member(&["properties", "addressPrefix"]);
    let first = subnet.body.member(&["properties", "addressPrefixes"]).and_then(|list| list.get(0));
    one.or(first).and_then(Value::as_str)
}

/// The address of a public address, of a network for documents (RFC 5737).
pub fn public_address(address: ResourceUuid) -> Ipv4Addr {
    in_network(address, Ipv4Addr::new(203, 0, 113, 0), 24)
}

/// The network and the length of its prefix.
pub(super) fn split(subnet: Option<&str>) -> (Ipv4Addr, u32) {
    subnet.and_then(read).unwrap_or(SUBNET)
}

fn read(subnet: &str) -> Option<(Ipv4Addr, u32)> {
    let (network, length) = subnet.split_once('/')?;
    let length = length.parse().ok().filter(|length| (8..=29).contains(length))?;
    Some((network.parse().ok()?, length))
}

/// Never the first addresses or the last.
fn in_network(uuid: ResourceUuid, network: Ipv4Addr, length: u32) -> Ipv4Addr {
    let [.., a, b, c, d] = uuid.uuid().into_bytes();
    let size = 1_u32 << (32 - length);
    let chance = if size <= 256 { u32::from(d) } else { u32::from_be_bytes([a, b, c, d]) };
    let first = u32::from(network) & !(size - 1);
    let place = chance % (size - RESERVED - 2).max(1) + RESERVED;
    Ipv4Addr::from(first + place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_in_its_subnet_and_none_of_those_that_no_machine_has() {
        for byte in 0..=255_u8 {
            let uuid: ResourceUuid = format!("00000000-0000-4000-8000-0000000000{byte:02x}").parse().unwrap();
            for (subnet, first, size) in [
                ("10.1.0.0/24", [10, 1, 0, 0], 256),
                ("10.2.0.8/29", [10, 2, 0, 8], 8),
                ("10.3.0.0/16", [10, 3, 0, 0], 65_536),
            ] {
                let place = u32::from(private_address(uuid, Some(subnet))) - u32::from(Ipv4Addr::from(first));
                assert!((RESERVED..size - 1).contains(&place), "{subnet} {place}");
            }
            let default = private_address(uuid, None);
            for odd in ["", "10.1.0.0", "fd00::/64", "10.1.0.0/31", "10.1.0.0/7", "x/24"] {
                assert_eq!(private_address(uuid, Some(odd)), default);
            }
        }
    }
}
