//! The types of `Microsoft.Network` that clients read after they made a machine. They are stored as they were sent; what
//! Azure adds to them is shown. No network is made: the addresses are made from the resource and of no network.

mod children;
mod security_groups;

use super::is_or_below;
use crate::fault::Fault;
use crate::resource_type::{Identities, ResourceType, View};
use bonafide_core::instance::{address_prefix, mac_address, private_address, public_address};
use bonafide_types::ResourceId;
use serde_json::{Map, Value, json};

/// The types, with the lists whose elements have ids of their own and are no resources.
const LISTS: [(&str, &[&str]); 6] = [
    ("Microsoft.Network/networkInterfaces", &["ipConfigurations"]),
    ("Microsoft.Network/publicIPAddresses", &[]),
    ("Microsoft.Network/virtualNetworks", &[]),
    (security_groups::NAME, &[]),
    (
        "Microsoft.Network/loadBalancers",
        &["frontendIPConfigurations", "loadBalancingRules", "probes", "inboundNatPools", "outboundRules"],
    ),
    ("Microsoft.Network/routeTables", &[]),
];

/// Azure gives none of them an identity (azure-mgmt-network 30: no model of theirs has one).
static NETWORK: ResourceType = ResourceType {
    name: "Microsoft.Network",
    identities: Identities::None,
    etag_in_body: true,
    put: children::put,
    view,
    ..ResourceType::PLAIN
};

/// Azure lists a network, and not its subnets beside it: `az resource list` would show each of them twice.
static BELOW: ResourceType = ResourceType {
    name: "Microsoft.Network",
    identities: Identities::None,
    etag_in_body: true,
    is_in_lists_of_all: false,
    view,
    ..ResourceType::PLAIN
};

/// The rules of a type, where it is one of these or a child of one.
pub(super) fn rules(name: &str) -> Option<&'static ResourceType> {
    let (top, _) = LISTS.iter().find(|(of, _)| is_or_below(name, of))?;
    Some(if name.len() == top.len() { &NETWORK } else { &BELOW })
}

fn view(view: &View<'_>, properties: &mut Map<String, Value>) -> Result<(), Fault> {
    let resource = view.resource;
    for list in LISTS.iter().filter(|(of, _)| resource.id.is_of(of)).flat_map(|(_, lists)| *lists) {
        let Some(Value::Array(elements)) = member(properties, list) else { continue };
        for element in elements {
            name_element(element, &resource.id, list);
        }
    }
    if resource.id.is_of("Microsoft.Network/networkInterfaces") {
        complete_interface(view, properties)?;
    } else if resource.id.is_of("Microsoft.Network/publicIPAddresses") {
        put_absent(properties, "ipAddress", public_address(view.uuid).to_string().into());
        put_absent(properties, "publicIPAllocationMethod", "Dynamic".into());
        put_absent(properties, "publicIPAddressVersion", "IPv4".into());
    } else if resource.id.is_of("Microsoft.Network/loadBalancers") {
        complete_frontends(view, properties)?;
    } else if resource.id.is_of(security_groups::NAME) {
        properties.insert("defaultSecurityRules".to_owned(), security_groups::default_rules(&resource.id));
    }
    children::show(view, properties)?;
    properties.insert("provisioningState".to_owned(), "Succeeded".into());
    if resource.parent.is_none() {
        properties.insert("resourceGuid".to_owned(), view.uuid.to_string().into());
    }
    Ok(())
}

/// az reads `macAddress`, and of each configuration `privateIPAddress` and `publicIPAddress.id` (azure-cli 2.91).
fn complete_interface(view: &View<'_>, properties: &mut Map<String, Value>) -> Result<(), Fault> {
    put_absent(properties, "macAddress", mac_address(view.uuid).into());
    let Some(Value::Array(configurations)) = member(properties, "ipConfigurations") else { return Ok(()) };
    let is_only = configurations.len() == 1;
    for configuration in configurations {
        let Some(inner) = configuration.get_mut("properties").and_then(Value::as_object_mut) else { continue };
        if member(inner, "privateIPAddress").is_none_or(|there| there.is_null()) {
            let subnet = subnet_of(view, inner)?;
            let address = private_address(view.uuid, subnet.as_deref());
            put_absent(inner, "privateIPAddress", address.to_string().into());
        }
        put_absent(inner, "privateIPAllocationMethod", "Dynamic".into());
        put_absent(inner, "privateIPAddressVersion", "IPv4".into());
        put_absent(inner, "primary", is_only.into());
    }
    Ok(())
}

/// A frontend in a subnet has an address, the same that the machines behind it are told.
fn complete_frontends(view: &View<'_>, properties: &mut Map<String, Value>) -> Result<(), Fault> {
    let Some(Value::Array(frontends)) = member(properties, "frontendIPConfigurations") else { return Ok(()) };
    for frontend in frontends {
        let Some(inner) = frontend.get_mut("properties").and_then(Value::as_object_mut) else { continue };
        let is_of_v6 = member(inner, "privateIPAddressVersion").is_some_and(|version| *version == "IPv6");
        if member(inner, "publicIPAddress").is_none() && member(inner, "subnet").is_some() && !is_of_v6 {
            let subnet = subnet_of(view, inner)?;
            let address = private_address(view.uuid, subnet.as_deref());
            put_absent(inner, "privateIPAddress", address.to_string().into());
        }
    }
    Ok(())
}

/// The prefix of the subnet that a configuration names, where it is there.
fn subnet_of(view: &View<'_>, configuration: &mut Map<String, Value>) -> Result<Option<String>, Fault> {
    let id = member(configuration, "subnet").and_then(|subnet| ResourceId::parse(subnet["id"].as_str()?).ok());
    let Some(subnet) = id.map(|id| view.tx.named(&id)).transpose()?.flatten() else { return Ok(None) };
    Ok(address_prefix(&subnet).map(str::to_owned))
}

/// Gives an element of a list its id, its type's state and `properties`.
fn name_element(element: &mut Value, above: &ResourceId, list: &str) {
    let Some(object) = element.as_object_mut() else { return };
    let Some(name) = object.get("name").and_then(Value::as_str).map(str::to_owned) else { return };
    // A name with a slash is that of nothing here.
    if let Ok(id) = above.child(list, &name) {
        object.insert("id".to_owned(), id.as_str().into());
    }
    let properties = object.entry("properties").or_insert_with(|| json!({}));
    if let Some(properties) = properties.as_object_mut() {
        properties.insert("provisioningState".to_owned(), "Succeeded".into());
    }
}

fn put_absent(object: &mut Map<String, Value>, name: &str, value: Value) {
    if member(object, name).is_none_or(|there| there.is_null()) {
        object.insert(name.to_owned(), value);
    }
}

fn member<'a>(object: &'a mut Map<String, Value>, name: &str) -> Option<&'a mut Value> {
    object.iter_mut().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}
