//! `Microsoft.Compute/virtualMachines/extensions`, and those of the instances of uniform sets. One of [`PUBLISHER`] is a token endpoint on its machine: hosts of the
//! machine serve it and report on it, and only their reports say that it succeeded. All others are stored as they were
//! sent.

mod asked;
pub(crate) mod of_instance;
pub(crate) mod of_set;
mod provisioning;
mod shown;
mod worker;
mod write;

pub(crate) use asked::{PUBLISHER, TYPES, member};
pub(crate) use provisioning::{Cause, Provisioning};
pub(crate) use shown::{of_machine, word};
pub(crate) use worker::{EXTENSIONS as WORKER, failure, preempted};
pub(crate) use write::restart;

use crate::resource_type::{Absent, Identities, ResourceType};

pub(crate) const NAME: &str = "Microsoft.Compute/virtualMachines/extensions";

pub(crate) static VM_EXTENSIONS: ResourceType = ON_A_MACHINE;

pub(crate) static INSTANCE_EXTENSIONS: ResourceType =
    ResourceType { name: "Microsoft.Compute/virtualMachineScaleSets/virtualMachines/extensions", ..ON_A_MACHINE };

const ON_A_MACHINE: ResourceType = ResourceType {
    name: NAME,
    oldest: "2015-06-15",
    identities: Identities::None,
    read_only: &["provisioningState", "instanceView"],
    // `Set-AzVMExtension -ForceRerun` sends neither version nor settings.
    absent: Absent::Stays,
    serves_extensions: true,
    derived: of_instance::of_model,
    put: write::put,
    view: shown::view,
    ..ResourceType::PLAIN
};
