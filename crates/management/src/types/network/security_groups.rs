//! `Microsoft.Network/networkSecurityGroups`: the rules that each has and nobody can change. az reads them beside the others
//! (`az network nsg rule list --include-default`).

use bonafide_types::ResourceId;
use serde_json::{Value, json};

pub(super) const NAME: &str = "Microsoft.Network/networkSecurityGroups";

/// A rule by name, priority, direction, access, and the addresses from and to which it is.
type Rule = (&'static str, u16, &'static str, &'static str, &'static str, &'static str);

/// Source: Microsoft's page on network security groups, "Default security rules".
const DEFAULT: [Rule; 6] = [
    ("AllowVnetInBound", 65_000, "Inbound", "Allow", "VirtualNetwork", "VirtualNetwork"),
    ("AllowAzureLoadBalancerInBound", 65_001, "Inbound", "Allow", "AzureLoadBalancer", "*"),
    ("DenyAllInBound", 65_500, "Inbound", "Deny", "*", "*"),
    ("AllowVnetOutBound", 65_000, "Outbound", "Allow", "VirtualNetwork", "VirtualNetwork"),
    ("AllowInternetOutBound", 65_001, "Outbound", "Allow", "*", "Internet"),
    ("DenyAllOutBound", 65_500, "Outbound", "Deny", "*", "*"),
];

/// The default rules of a group.
pub(super) fn default_rules(group: &ResourceId) -> Value {
    let show = |(name, priority, direction, access, from, to): Rule| {
        json!({
            "name": name,
            "id": format!("{group}/defaultSecurityRules/{name}"),
            "type": format!("{NAME}/defaultSecurityRules"),
            "properties": {
                "provisioningState": "Succeeded",
                "protocol": "*",
                "sourcePortRange": "*",
                "destinationPortRange": "*",
                "sourceAddressPrefix": from,
                "destinationAddressPrefix": to,
                "sourcePortRanges": [],
                "destinationPortRanges": [],
                "sourceAddressPrefixes": [],
                "destinationAddressPrefixes": [],
                "access": access,
                "priority": priority,
                "direction": direction,
            },
        })
    };
    DEFAULT.into_iter().map(show).collect()
}
