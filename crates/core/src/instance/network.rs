//! `network`: the interfaces with their addresses.

use super::Machine;
use super::addresses::{mac_address, private_address, split};
use serde_json::{Value, json};

/// A network interface.
pub(crate) struct Interface {
    /// As the resource has it, or as it is made from it.
    pub(crate) mac_address: String,
    pub(crate) configurations: Vec<Configuration>,
}

/// An address of an interface.
pub(crate) struct Configuration {
    pub(crate) private_address: String,
    pub(crate) public_address: String,
    /// The prefix of its subnet, if that is known.
    pub(crate) subnet: Option<String>,
    pub(crate) is_ipv6: bool,
}

/// The member `network`. A machine without interfaces has one all the same: Azure's agents take none for a failure.
pub(super) fn network(machine: &Machine<'_>) -> Value {
    let made = || Interface {
        mac_address: mac_address(machine.uuid),
        configurations: vec![Configuration {
            private_address: private_address(machine.uuid, None).to_string(),
            public_address: String::new(),
            subnet: None,
            is_ipv6: false,
        }],
    };
    let interfaces: Vec<Value> = match machine.interfaces {
        [] => vec![show(&made())],
        there => there.iter().map(show).collect(),
    };
    json!({ "interface": interfaces })
}

fn show(interface: &Interface) -> Value {
    let of = |is_ipv6: bool| interface.configurations.iter().filter(move |of| of.is_ipv6 == is_ipv6);
    let mut subnets: Vec<Value> = Vec::new();
    for configuration in of(false) {
        let (network, length) = split(configuration.subnet.as_deref());
        let subnet = json!({ "address": network.to_string(), "prefix": length.to_string() });
        if !subnets.contains(&subnet) {
            subnets.push(subnet);
        }
    }
    let ipv4 = of(false).map(
        |address| json!({ "privateIpAddress": address.private_address, "publicIpAddress": address.public_address }),
    );
    let ipv6 = of(true).map(|address| json!({ "privateIpAddress": address.private_address }));
    json!({
        "ipv4": { "ipAddress": ipv4.collect::<Vec<_>>(), "subnet": subnets },
        "ipv6": { "ipAddress": ipv6.collect::<Vec<_>>() },
        "macAddress": plain(&interface.mac_address),
    })
}

/// Twelve digits, without what separates them.
fn plain(mac_address: &str) -> String {
    mac_address.chars().filter(char::is_ascii_hexdigit).collect::<String>().to_ascii_uppercase()
}
