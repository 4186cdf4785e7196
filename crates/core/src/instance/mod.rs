//! The document of a machine: what `/metadata/instance` and `/metadata/loadbalancer` say of it, in the form of the newest
//! api-version. Older versions are cut from it where it is served. All values of the first are texts; what is not known is an
//! empty one (docs/wire/instance.md, "Facts").

mod addresses;
mod balanced;
mod compute;
mod network;
mod said;
mod storage;
mod tags;

pub use addresses::{address_prefix, mac_address, private_address, public_address};
pub(crate) use balanced::{Balanced, Inbound, Mapped};
pub(crate) use compute::machine_name;
pub(crate) use network::{Configuration, Interface};
pub use said::property_text;
pub(crate) use said::{UNSAID, below, text_below};

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
    pub(crate) balanced: &'a Balanced,
}

/// The document of a machine, or of any other workload, as far as it has the like: `compute` and `network`, and, for
/// `/metadata/loadbalancer`, `loadbalancer` where there is something to tell.
pub(crate) fn document(machine: &Machine<'_>) -> Value {
    let mut document = json!({ "compute": compute::compute(machine), "network": network::network(machine) });
    if let Some(balanced) = machine.balanced.show() {
        document["loadbalancer"] = balanced;
    }
    document
}
