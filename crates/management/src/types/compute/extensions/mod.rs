//! `Microsoft.Compute/virtualMachines/extensions`. One of [`PUBLISHER`] is a token endpoint on its machine: hosts of the
//! machine serve it and report on it, and only their reports say that it succeeded. All others are stored as they were
//! sent.

mod asked;
mod provisioning;
mod shown;
mod worker;
mod write;

pub(crate) use asked::{PUBLISHER, TYPES};
pub(crate) use shown::of_machine;
pub(crate) use worker::EXTENSIONS as WORKER;
pub(crate) use write::restart;

use crate::resource_type::{Absent, Identities, ResourceType};

pub(crate) const NAME: &str = "Microsoft.Compute/virtualMachines/extensions";

pub(crate) static VM_EXTENSIONS: ResourceType = ResourceType {
    name: NAME,
    oldest: "2015-06-15",
    identities: Identities::None,
    read_only: &["provisioningState", "instanceView"],
    // `Set-AzVMExtension -ForceRerun` sends neither version nor settings.
    absent: Absent::Stays,
    serves_extensions: true,
    put: write::put,
    view: shown::view,
    ..ResourceType::PLAIN
};
