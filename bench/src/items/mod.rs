//! The measurements, one file each.

mod attached;
mod az;
mod before;
mod bindings;
mod cached;
mod gate;
mod identities;
mod joined;
mod mac;
mod operations;
mod permission;
mod put;
mod reads;
mod revocation;
pub(crate) mod scale;
mod stall;
mod start;
mod tokens;

use crate::report::Row;
use crate::{Bench, Failure};

/// Takes a measurement, and says its rows.
pub(crate) type Measure = fn(&Bench) -> Result<Vec<Row>, Failure>;

/// A measurement.
pub(crate) struct Item {
    /// Its name on the command line.
    pub(crate) name: &'static str,
    /// The measured quantity, in words.
    pub(crate) what: &'static str,
    /// Takes it.
    pub(crate) measure: Measure,
}

/// The measurement that needs `--before BINARY`.
pub(crate) const BEFORE: &str = "before";

/// Every measurement, in the order in which they run.
pub(crate) const ITEMS: &[Item] = &[
    Item { name: "operations", what: "bare operations of the cryptographic libraries", measure: operations::measure },
    Item { name: "cached", what: "cached tokens over the metadata endpoint, one core", measure: cached::measure },
    Item { name: "bindings", what: "200 network namespaces at once", measure: bindings::measure },
    Item {
        name: "attached",
        what: "1,000 network namespaces on one host: memory, attach, detach",
        measure: attached::measure,
    },
    Item { name: "identities", what: "1,000 identities on one workload against one", measure: identities::measure },
    Item { name: "tokens", what: "new tokens with client assertion, one core", measure: tokens::measure },
    Item { name: "gate", what: "latency of new tokens at half the maximum rate", measure: gate::measure },
    Item { name: "stall", what: "tokens while the store stalls", measure: stall::measure },
    Item { name: "start", what: "`up` on an existing data directory to the first token", measure: start::measure },
    Item { name: "put", what: "durable PUT and PATCH of a VM with an identity, 16 writers", measure: put::measure },
    Item { name: "reads", what: "GET of a VM, and a list of 10,000, against nginx", measure: reads::measure },
    Item { name: "mac", what: "the MAC of a row that is read", measure: mac::measure },
    Item { name: "permission", what: "a permission check with 10,000 role assignments", measure: permission::measure },
    Item { name: "scale", what: "1,000 against 100,000 identities", measure: scale::measure },
    Item { name: "revocation", what: "revocation to first refusal", measure: revocation::measure },
    Item {
        name: "joined",
        what: "a host that is a process of its own: revocation, and PUT of its machines",
        measure: joined::measure,
    },
    Item { name: "az", what: "the Azure CLI against `up` and against canned bytes", measure: az::measure },
    Item { name: BEFORE, what: "this build against an older one", measure: before::measure },
];

/// The measurements that are taken in a network of their own.
pub(crate) const APART: &[(&str, Measure)] =
    &[("attached", attached::measure_apart), ("bindings", bindings::measure_apart)];
