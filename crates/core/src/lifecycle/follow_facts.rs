//! Keeping the facts of placed machines up to date with what they are made from.

use super::{balanced_facts, place};
use crate::directory::RESOURCES;
use crate::placement::INSTANCE_FACTS_FROM;
use bonafide_store::{Read, StoreError, Tx};
use bonafide_types::ResourceId;

/// Machines whose facts follow one change of something that they share, a subnet for instance. Source: ours; bounds the
/// commit. Those left over follow with their own next change that hosts hear of.
const FOLLOWING_MAX: usize = 500;
/// The types beside machines that facts are made from, all of one namespace.
const NAMESPACE: &str = "Microsoft.Network";
const SOURCES: [&str; 7] = [
    "Microsoft.Network/loadBalancers",
    "Microsoft.Network/loadBalancers/backendAddressPools",
    "Microsoft.Network/loadBalancers/inboundNatRules",
    "Microsoft.Network/networkInterfaces",
    "Microsoft.Network/publicIPAddresses",
    "Microsoft.Network/virtualNetworks",
    "Microsoft.Network/virtualNetworks/subnets",
];

/// Brings the facts up to date that are made from a resource, which was made, changed or removed.
pub(super) fn follow(tx: &mut Tx<'_>, source: &ResourceId) -> Result<(), StoreError> {
    let is_of_it = source.namespace().is_some_and(|namespace| namespace.eq_ignore_ascii_case(NAMESPACE));
    if !is_of_it || !SOURCES.iter().any(|of| source.is_of(of)) {
        return Ok(());
    }
    let mut machines = tx.many(&INSTANCE_FACTS_FROM, &source.fold(), None, FOLLOWING_MAX)?;
    for network in balanced_facts::networks_named(tx, source)? {
        machines.extend(tx.many(&INSTANCE_FACTS_FROM, &network.fold(), None, FOLLOWING_MAX)?);
    }
    machines.sort_unstable();
    machines.dedup();
    for uuid in machines.into_iter().take(FOLLOWING_MAX) {
        if let Some(machine) = tx.get(&RESOURCES, &uuid)? {
            place::refresh(tx, uuid, &machine)?;
        }
    }
    Ok(())
}
