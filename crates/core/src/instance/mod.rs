//! The document of a machine: what `/metadata/instance` says of it, in the form of the newest api-version. Older versions
//! are cut from it where it is served. All values are texts; what is not known is an empty one
//! (docs/wire/instance.md, "Facts").

mod addresses;
mod compute;
mod network;
mod said;
mod storage;
mod tags;

pub use addresses::{address_prefix, mac_address, private_address, public_address};
pub(crate) use network::{Configuration, Interface};

use crate::directory::Resource;
use bonafide_types::ResourceUuid;
use serde_json::{Value, json};

/// A machine with all that its document is made from.
pub(crate) struct Machine<'a> {
    pub(crate) uuid: ResourceUuid,
    pub(crate) resource: &'a Resource,
    /// The scale set that it is an instance of.
    pub(crate) set: Option<&'a Resource>,
    pub(crate) interfaces: &'a [Interface],
}

/// The document of a machine, or of any other workload, as far as it has the like.
pub(crate) fn document(machine: &Machine<'_>) -> Value {
    json!({ "compute": compute::compute(machine), "network": network::network(machine) })
}
