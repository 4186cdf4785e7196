//! The part of a machine's facts that load balancers have: who balances to its addresses, and by which rules. An address is in
//! a pool where its configuration names the pool, or the pool the address.

use super::fact_sources::{Sources, id_of, is_standard, public, subnet_prefix};
use crate::directory::{RESOURCES, RESOURCES_BELOW, RESOURCES_IN_GROUP, Resource, find};
use crate::instance::{Balanced, Inbound, Mapped, below, private_address, text_below};
use bonafide_store::{Read, StoreError};
use bonafide_types::{ResourceId, ResourceUuid};
use serde_json::Value;
use std::collections::BTreeMap;

/// Pools that are looked at for one machine, of those that it names and of those beside it. Source: ours; Azure lets an interface
/// be in fewer.
const POOLS_MAX: usize = 64;
/// Rules of one machine that are told. Source: ours; bounds the document, which is a row.
const RULES_MAX: usize = 500;
const BALANCER: &str = "Microsoft.Network/loadBalancers";
const POOL: &str = "Microsoft.Network/loadBalancers/backendAddressPools";

/// An address of a machine, with what its configuration says of load balancers.
#[derive(Default)]
pub(super) struct Attached {
    pub(super) private: String,
    pub(super) is_ipv6: bool,
    /// The public address of its own, of standard SKU.
    pub(super) public: Option<String>,
    pub(super) pools: Vec<ResourceId>,
    pub(super) nat_rules: Vec<ResourceId>,
    /// The network that it is in, and the group of its interface.
    pub(super) network: Option<ResourceId>,
    pub(super) group: Option<ResourceUuid>,
}

impl Attached {
    /// The pools and rules that a configuration of an interface names.
    pub(super) fn name(&mut self, properties: &Value) {
        let ids = |name: &str| elements(properties, &[name]).filter_map(id_of).take(POOLS_MAX).collect::<Vec<_>>();
        self.pools.extend(ids("loadBalancerBackendAddressPools"));
        self.nat_rules.extend(ids("loadBalancerInboundNatRules"));
    }

    fn at(&self, frontend: &str) -> Option<Mapped> {
        let is_same_family = frontend.contains(':') == self.is_ipv6 && !frontend.is_empty();
        is_same_family.then(|| Mapped { frontend: frontend.to_owned(), private: self.private.clone() })
    }
}

/// A load balancer of standard SKU.
struct Balancer {
    row: Resource,
    /// The addresses of its frontends, by id in lower case.
    frontends: BTreeMap<String, String>,
}

impl Balancer {
    fn frontend(&self, reference: Option<&Value>) -> &str {
        let id = reference.and_then(id_of);
        id.and_then(|id| self.frontends.get(&id.fold())).map_or("", String::as_str)
    }

    fn list(&self, name: &str) -> impl Iterator<Item = &Value> {
        let list = self.row.body.member(&["properties", name]).and_then(Value::as_array);
        list.into_iter().flatten().filter_map(|element| below(element, &["properties"]))
    }
}

/// The rules for the addresses of a machine.
pub(super) fn gather(tx: &impl Read, sources: &mut Sources, attached: &[Attached]) -> Result<Balanced, StoreError> {
    let own = attached.iter().filter_map(|address| address.at(address.public.as_deref()?));
    let mut balanced = Balanced { public: own.collect(), ..Balanced::default() };
    let mut balancers = Balancers::default();
    for address in attached {
        for pool in pools(tx, sources, address)? {
            let Some(id) = pool.parent() else { continue };
            if let Some(balancer) = balancers.read(tx, sources, &id)? {
                balanced.is_behind = true;
                add_rules(&mut balanced, balancer, &pool, address);
            }
        }
        for id in &address.nat_rules {
            let (Some((_, rule)), Some(above)) = (sources.find(tx, id)?, id.parent()) else { continue };
            if let (Some(balancer), Some(properties)) =
                (balancers.read(tx, sources, &above)?, rule.body.member(&["properties"]))
            {
                balanced.is_behind = true;
                add_inbound(&mut balanced, balancer, properties, address);
            }
        }
    }
    Ok(balanced)
}

fn add_rules(balanced: &mut Balanced, balancer: &Balancer, pool: &ResourceId, address: &Attached) {
    let is_for = |rule: &&Value| {
        let one = below(rule, &["backendAddressPool"]).into_iter();
        let mut pools = one.chain(elements(rule, &["backendAddressPools"])).filter_map(id_of);
        pools.any(|id| id == *pool)
    };
    for rule in balancer.list("loadBalancingRules").filter(is_for) {
        add_inbound(balanced, balancer, rule, address);
    }
    for rule in balancer.list("outboundRules").filter(is_for) {
        for frontend in elements(rule, &["frontendIPConfigurations"]) {
            let at = address.at(balancer.frontend(Some(frontend)));
            add(&mut balanced.outbound, at);
        }
    }
}

fn add_inbound(balanced: &mut Balanced, balancer: &Balancer, rule: &Value, address: &Attached) {
    let port = |name: &str| below(rule, &[name]).and_then(Value::as_u64).unwrap_or_default();
    let at = address.at(balancer.frontend(below(rule, &["frontendIPConfiguration"])));
    let inbound = at.map(|at| Inbound {
        at,
        protocol: text_below(rule, &["protocol"]).to_ascii_lowercase(),
        frontend_port: port("frontendPort"),
        backend_port: port("backendPort"),
    });
    add(&mut balanced.inbound, inbound);
}

fn add<T: PartialEq>(list: &mut Vec<T>, element: Option<T>) {
    if let Some(element) = element.filter(|element| list.len() < RULES_MAX && !list.contains(element)) {
        list.push(element);
    }
}

/// The pools that an address is in: those that its configuration names, and those in the group of its interface that name it.
fn pools(tx: &impl Read, sources: &mut Sources, address: &Attached) -> Result<Vec<ResourceId>, StoreError> {
    let mut pools = Vec::new();
    for id in address.pools.iter().filter(|id| id.is_of(POOL)) {
        if sources.find(tx, id)?.is_some() && !pools.contains(id) {
            pools.push(id.clone());
        }
    }
    let (Some(network), Some(group)) = (&address.network, address.group) else { return Ok(pools) };
    for uuid in tx.many(&RESOURCES_IN_GROUP, &(group, POOL.to_ascii_lowercase()), None, POOLS_MAX)? {
        let Some(pool) = tx.get(&RESOURCES, &uuid)? else { continue };
        let names_it = members(&pool).any(|member| {
            network_of(&pool, member).is_some_and(|of| of == *network)
                && text_below(member, &["ipAddress"]) == address.private
        });
        if names_it && !pools.contains(&pool.id) {
            sources.note(&pool.id);
            pools.push(pool.id);
        }
    }
    Ok(pools)
}

/// The addresses that a pool names.
fn members(pool: &Resource) -> impl Iterator<Item = &Value> {
    let list = pool.body.member(&["properties", "loadBalancerBackendAddresses"]).and_then(Value::as_array);
    list.into_iter().flatten().filter_map(|element| below(element, &["properties"]))
}

/// The network of an address in a pool: its own, or that of its subnet, or that of the whole pool.
fn network_of(pool: &Resource, member: &Value) -> Option<ResourceId> {
    let subnet = || below(member, &["subnet"]).and_then(id_of).and_then(|subnet| subnet.parent());
    let own = below(member, &["virtualNetwork"]).and_then(id_of).or_else(subnet);
    own.or_else(|| pool.body.member(&["properties", "virtualNetwork"]).and_then(id_of))
}

/// The networks whose machines a load balancer or a pool names by their addresses.
pub(super) fn networks_named(tx: &impl Read, source: &ResourceId) -> Result<Vec<ResourceId>, StoreError> {
    if !source.is_of(BALANCER) && !source.is_of(POOL) {
        return Ok(Vec::new());
    }
    let Some((uuid, row)) = find(tx, source)? else { return Ok(Vec::new()) };
    let mut pools = vec![row];
    for uuid in tx.many(&RESOURCES_BELOW, &uuid, None, POOLS_MAX)? {
        pools.extend(tx.get(&RESOURCES, &uuid)?);
    }
    let mut networks: Vec<ResourceId> = Vec::new();
    for pool in &pools {
        for network in members(pool).filter_map(|member| network_of(pool, member)) {
            if !networks.contains(&network) {
                networks.push(network);
            }
        }
    }
    Ok(networks)
}

/// The load balancers that were looked at, by id in lower case.
#[derive(Default)]
struct Balancers(BTreeMap<String, Option<Balancer>>);

impl Balancers {
    /// A load balancer, unless it is of basic SKU, which is the one without a name.
    fn read(
        &mut self,
        tx: &impl Read,
        sources: &mut Sources,
        id: &ResourceId,
    ) -> Result<Option<&Balancer>, StoreError> {
        let key = id.fold();
        if !self.0.contains_key(&key) {
            let found = if id.is_of(BALANCER) { sources.find(tx, id)? } else { None };
            let balancer = match found.filter(|(_, row)| is_standard(row)) {
                Some((uuid, row)) => Some(Balancer { frontends: frontends(tx, sources, uuid, &row)?, row }),
                None => None,
            };
            self.0.insert(key.clone(), balancer);
        }
        Ok(self.0.get(&key).and_then(Option::as_ref))
    }
}

fn frontends(
    tx: &impl Read,
    sources: &mut Sources,
    uuid: ResourceUuid,
    balancer: &Resource,
) -> Result<BTreeMap<String, String>, StoreError> {
    let mut frontends = BTreeMap::new();
    let list = balancer.body.member(&["properties", "frontendIPConfigurations"]).and_then(Value::as_array);
    for element in list.into_iter().flatten() {
        let name = text_below(element, &["name"]);
        let (Ok(id), Some(properties)) =
            (balancer.id.child("frontendIPConfigurations", &name), below(element, &["properties"]))
        else {
            continue;
        };
        frontends.insert(id.fold(), frontend(tx, sources, uuid, properties)?);
    }
    Ok(frontends)
}

/// The address of a frontend; of one that nobody set, one that is made.
fn frontend(
    tx: &impl Read,
    sources: &mut Sources,
    balancer: ResourceUuid,
    properties: &Value,
) -> Result<String, StoreError> {
    if let Some(reference) = below(properties, &["publicIPAddress"]) {
        return Ok(public(tx, sources, reference)?.address);
    }
    let said = text_below(properties, &["privateIPAddress"]);
    if !said.is_empty() || text_below(properties, &["privateIPAddressVersion"]).eq_ignore_ascii_case("IPv6") {
        return Ok(said);
    }
    let Some(reference) = below(properties, &["subnet"]) else { return Ok(String::new()) };
    let subnet = subnet_prefix(tx, sources, reference)?;
    Ok(private_address(balancer, subnet.as_deref()).to_string())
}

fn elements<'v>(value: &'v Value, path: &[&str]) -> impl Iterator<Item = &'v Value> {
    below(value, path).and_then(Value::as_array).into_iter().flatten()
}
