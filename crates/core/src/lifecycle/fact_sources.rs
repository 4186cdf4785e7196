//! The resources beside a machine that its facts are made from, each noted, so that the facts follow it.

use crate::directory::{Resource, find};
use crate::instance::{address_prefix, below, public_address};
use bonafide_store::{Read, StoreError};
use bonafide_types::{ResourceId, ResourceUuid};
use serde_json::Value;

/// The resources that were looked for, there or not.
#[derive(Default)]
pub(super) struct Sources(pub(super) Vec<String>);

impl Sources {
    pub(super) fn find(
        &mut self,
        tx: &impl Read,
        id: &ResourceId,
    ) -> Result<Option<(ResourceUuid, Resource)>, StoreError> {
        self.note(id);
        find(tx, id)
    }

    pub(super) fn note(&mut self, id: &ResourceId) {
        let folded = id.fold();
        if !self.0.contains(&folded) {
            self.0.push(folded);
        }
    }
}

/// The resource that a reference names.
pub(super) fn id_of(reference: &Value) -> Option<ResourceId> {
    ResourceId::parse(below(reference, &["id"])?.as_str()?).ok()
}

/// The prefix of a subnet. The network above it is a source too: its write makes and changes its subnets.
pub(super) fn subnet_prefix(
    tx: &impl Read,
    sources: &mut Sources,
    reference: &Value,
) -> Result<Option<String>, StoreError> {
    let Some(id) = id_of(reference) else { return Ok(None) };
    if let Some(network) = id.parent() {
        sources.note(&network);
    }
    let Some((_, subnet)) = sources.find(tx, &id)? else { return Ok(None) };
    Ok(address_prefix(&subnet).map(str::to_owned))
}

/// A public address.
#[derive(Default)]
pub(super) struct Public {
    /// As the resource has it, or as it is made from it; empty where there is none.
    pub(super) address: String,
    pub(super) is_standard: bool,
}

pub(super) fn public(tx: &impl Read, sources: &mut Sources, reference: &Value) -> Result<Public, StoreError> {
    let Some(id) = id_of(reference) else { return Ok(Public::default()) };
    let Some((uuid, row)) = sources.find(tx, &id)? else { return Ok(Public::default()) };
    let said = row.body.member(&["properties", "ipAddress"]).and_then(Value::as_str);
    let said = said.filter(|address| !address.is_empty());
    let address = said.map_or_else(|| public_address(uuid).to_string(), str::to_owned);
    Ok(Public { address, is_standard: is_standard(&row) })
}

/// True of a resource of the network whose SKU is not the basic one.
pub(super) fn is_standard(row: &Resource) -> bool {
    let sku = row.body.member(&["sku", "name"]).and_then(Value::as_str).unwrap_or_default();
    !sku.is_empty() && !sku.eq_ignore_ascii_case("Basic")
}
