//! The facts of placed machines: a machine's own, those of its interfaces, their public addresses, subnets and load balancers.

use super::balanced_facts::{self, Attached};
use super::fact_sources::{Sources, id_of, public, subnet_prefix};
use crate::directory::{RESOURCES, Resource};
use crate::instance::{Configuration, Interface, Machine, below, document, mac_address, private_address};
use crate::placement::{INSTANCE_FACTS, InstanceFacts};
use bonafide_store::{Read, StoreError, Tx};
use bonafide_types::{ResourceId, ResourceUuid};
use serde_json::Value;

/// Interfaces and addresses of one machine that are looked at. Source: ours; more than a machine of Azure can have.
const INTERFACES_MAX: usize = 16;
const CONFIGURATIONS_MAX: usize = 64;

/// Writes the facts of a machine that is placed, where they have changed. Their etag.
pub(super) fn write(tx: &mut Tx<'_>, uuid: ResourceUuid, resource: &Resource) -> Result<String, StoreError> {
    let facts = gather(tx, uuid, resource)?;
    let etag = facts.etag();
    if tx.get(&INSTANCE_FACTS, &uuid)?.is_none_or(|old| old != facts) {
        tx.put(&INSTANCE_FACTS, &uuid, &facts)?;
    }
    Ok(etag)
}

/// Removes the facts of a machine that is placed nowhere any more.
pub(super) fn forget(tx: &mut Tx<'_>, uuid: ResourceUuid) -> Result<(), StoreError> {
    match tx.get(&INSTANCE_FACTS, &uuid)? {
        Some(_) => tx.delete(&INSTANCE_FACTS, &uuid),
        None => Ok(()),
    }
}

fn gather(tx: &impl Read, uuid: ResourceUuid, resource: &Resource) -> Result<InstanceFacts, StoreError> {
    let set = match resource.set {
        Some(membership) => tx.get(&RESOURCES, &membership.set)?,
        None => None,
    };
    let mut sources = Sources::default();
    let (mut interfaces, mut attached) = (Vec::new(), Vec::new());
    for id in interface_ids(resource) {
        if let Some((interface, row)) = sources.find(tx, &id)? {
            interfaces.push(read_interface(tx, &mut sources, (interface, &row), &mut attached)?);
        }
    }
    if interfaces.is_empty() {
        attached.extend(set.as_ref().map(|set| of_profile(uuid, set)));
    }
    let balanced = balanced_facts::gather(tx, &mut sources, &attached)?;
    let machine = Machine { uuid, resource, set: set.as_ref(), interfaces: &interfaces, balanced: &balanced };
    Ok(InstanceFacts { document: document(&machine), sources: sources.0 })
}

/// An instance without an interface of its own is in the pools of its set's profile.
fn of_profile(uuid: ResourceUuid, set: &Resource) -> Attached {
    let private = private_address(uuid, None).to_string();
    let mut attached = Attached { private, ..Attached::default() };
    let path = ["properties", "virtualMachineProfile", "networkProfile", "networkInterfaceConfigurations"];
    let interfaces = set.body.member(&path).and_then(Value::as_array).into_iter().flatten().take(INTERFACES_MAX);
    for interface in interfaces {
        let list = below(interface, &["properties", "ipConfigurations"]).and_then(Value::as_array);
        for configuration in list.into_iter().flatten().take(CONFIGURATIONS_MAX) {
            attached.name(below(configuration, &["properties"]).unwrap_or(&Value::Null));
        }
    }
    attached
}

/// The interfaces of a machine, the primary one first.
fn interface_ids(machine: &Resource) -> Vec<ResourceId> {
    let list = machine.body.member(&["properties", "networkProfile", "networkInterfaces"]).and_then(Value::as_array);
    let mut interfaces: Vec<&Value> = list.into_iter().flatten().take(INTERFACES_MAX).collect();
    let is_primary = |interface: &&Value| interface["properties"]["primary"] == Value::Bool(true);
    interfaces.sort_by_key(|interface| !is_primary(interface));
    interfaces.into_iter().filter_map(id_of).collect()
}

fn read_interface(
    tx: &impl Read,
    sources: &mut Sources,
    (uuid, row): (ResourceUuid, &Resource),
    attached: &mut Vec<Attached>,
) -> Result<Interface, StoreError> {
    let mac = row.body.member(&["properties", "macAddress"]).and_then(Value::as_str).filter(|mac| !mac.is_empty());
    let list = row.body.member(&["properties", "ipConfigurations"]).and_then(Value::as_array);
    let mut configurations = Vec::new();
    for configuration in list.into_iter().flatten().take(CONFIGURATIONS_MAX) {
        let (configuration, mut address) = read_configuration(tx, sources, uuid, &configuration["properties"])?;
        address.group = row.group;
        configurations.push(configuration);
        attached.push(address);
    }
    Ok(Interface { mac_address: mac.map_or_else(|| mac_address(uuid), str::to_owned), configurations })
}

fn read_configuration(
    tx: &impl Read,
    sources: &mut Sources,
    interface: ResourceUuid,
    properties: &Value,
) -> Result<(Configuration, Attached), StoreError> {
    let subnet = subnet_prefix(tx, sources, &properties["subnet"])?;
    let said = properties["privateIPAddress"].as_str().filter(|address| !address.is_empty());
    let is_ipv6 = properties["privateIPAddressVersion"].as_str().is_some_and(|text| text.eq_ignore_ascii_case("IPv6"));
    let made = || if is_ipv6 { String::new() } else { private_address(interface, subnet.as_deref()).to_string() };
    let private_address = said.map_or_else(made, str::to_owned);
    let public = public(tx, sources, &properties["publicIPAddress"])?;
    let mut attached = Attached {
        private: private_address.clone(),
        is_ipv6,
        public: public.is_standard.then(|| public.address.clone()),
        network: id_of(&properties["subnet"]).and_then(|subnet| subnet.parent()),
        ..Attached::default()
    };
    attached.name(properties);
    Ok((Configuration { private_address, public_address: public.address, subnet, is_ipv6 }, attached))
}
