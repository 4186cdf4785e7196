//! Resource types. One with rules of its own has a file in the folder of its namespace and a line in
//! [`TYPES`]; any other of a catalogued namespace is stored as it was sent.

pub(crate) mod authorization;
pub(crate) mod catalogue;
pub(crate) mod compute;
pub(crate) mod container_service;
pub(crate) mod managed_identity;
pub(crate) mod names;
mod network;
mod plain;
pub(crate) mod resources;
mod storage;

use crate::fault::Fault;
use crate::resource_type::{Identities, Kind, Own, ResourceType, Rows};
use bonafide_core::directory::Resource;
pub(crate) use bonafide_core::directory::{GROUP_TYPE, IDENTITY_TYPE};
use bonafide_types::{ResourceId, TypeName};
use std::borrow::Cow;

/// The types with calls of their own: one line each.
pub(crate) const TYPES: &[&ResourceType] = &[
    &authorization::deny_assignments::DENY_ASSIGNMENTS,
    &authorization::locks::MANAGEMENT_LOCKS,
    &authorization::permissions::PERMISSIONS,
    &authorization::role_assignments::ROLE_ASSIGNMENTS,
    &authorization::role_definitions::ROLE_DEFINITIONS,
    &compute::dedicated_hosts::HOST_GROUPS,
    &compute::dedicated_hosts::HOSTS,
    &compute::extensions::INSTANCE_EXTENSIONS,
    &compute::extensions::VM_EXTENSIONS,
    &compute::scale_sets::INSTANCES,
    &compute::scale_sets::SCALE_SETS,
    &compute::scale_sets::SET_EXTENSIONS,
    &compute::virtual_machines::VIRTUAL_MACHINES,
    &container_service::managed_clusters::MANAGED_CLUSTERS,
    &managed_identity::identities::IDENTITIES,
    &managed_identity::user_assigned::USER_ASSIGNED_IDENTITIES,
    &resources::groups::GROUPS,
    &resources::tags::TAGS,
    &crate::deployments::DEPLOYMENTS,
];

/// The type of the instances of a uniform scale set.
pub(crate) const INSTANCE_TYPE: &str = "Microsoft.Compute/virtualMachineScaleSets/virtualMachines";

/// Resource groups.
pub(crate) fn of_groups() -> Kind {
    kind_from(&resources::groups::GROUPS)
}

/// The type with this name whose rows are no resources.
pub(crate) fn with_own_rows(name: &str) -> Option<(Kind, &'static Own)> {
    TYPES.iter().find(|of| of.name.eq_ignore_ascii_case(name)).and_then(|of| match of.rows {
        Rows::Own(own) => Some((kind_from(of), own)),
        Rows::Resources => None,
    })
}

fn kind_from(of: &'static ResourceType) -> Kind {
    Kind { name: Cow::Borrowed(of.name), of }
}

/// The type with this name, in any case, for everything but a deletion.
pub(crate) fn kind(name: &TypeName) -> Result<Kind, Fault> {
    if is_secret(name) { Err(missing(name)) } else { known_kind(name) }
}

/// The same for a deletion: what versions before this one stored of a type that is refused now can go. The catalogue is of 2021 and does not list every child: a child of
/// a catalogued type is taken as it is written.
pub(crate) fn known_kind(name: &TypeName) -> Result<Kind, Fault> {
    let own = TYPES.iter().find(|of| name.is(of.name) && matches!(of.rows, Rows::Resources) && of.collection.is_none());
    if let Some(own) = own {
        return Ok(kind_from(own));
    }
    let Some(namespace) = catalogue::namespace(name.namespace()) else {
        let is_azures = UNSERVED.iter().any(|known| known.eq_ignore_ascii_case(name.namespace()));
        return Err(if is_azures { missing(name) } else { Fault::NamespaceNotFound(name.namespace().to_owned()) });
    };
    // These are served here or not at all: a lock or a deployment that did nothing would be a lie.
    if RESERVED.contains(&namespace.name) && !STORED.iter().any(|stored| name.is(stored)) {
        return Err(missing(name));
    }
    let of = plain::rules(name.as_str());
    if let Some(known) = namespace.types.iter().find(|known| name.is(known.full_name)) {
        return Ok(Kind { name: Cow::Borrowed(known.full_name), of });
    }
    let (top, children) = name.types().split_once('/').ok_or_else(|| missing(name))?;
    let top = namespace.types.iter().find(|known| known.name.eq_ignore_ascii_case(top)).ok_or_else(|| missing(name))?;
    Ok(Kind { name: Cow::Owned(format!("{}/{children}", top.full_name)), of })
}

/// A type of the classic deployment model, for a write: it is not served, and what asks it for an identity is told that it has none.
pub(crate) fn classic(name: &TypeName) -> Option<Kind> {
    let is_classic = name.namespace().eq_ignore_ascii_case("Microsoft.ClassicCompute");
    is_classic.then(|| Kind { name: Cow::Owned(name.to_string()), of: &plain::CLASSIC })
}

fn missing(name: &TypeName) -> Fault {
    Fault::TypeNotFound { type_name: name.to_string(), version: String::new(), supported: Vec::new() }
}

/// Namespaces whose types all have providers of their own.
const RESERVED: [&str; 5] = [
    "Microsoft.Authorization",
    "Microsoft.Features",
    "Microsoft.Management",
    "Microsoft.Resources",
    "Microsoft.ManagedIdentity",
];

/// Types of those namespaces that are stored as they were sent, with an identity where they have one: clients make and
/// read them, and nothing else here is about what they say.
const STORED: [&str; 1] = ["Microsoft.Authorization/policyAssignments"];

/// Namespaces of Azure without a type here: a request to one of them is refused for its type, not for its
/// namespace.
/// Source: those of the recording behind `data/providers.txt` that it leaves out.
const UNSERVED: [&str; 35] = [
    "Microsoft.Addons",
    "Microsoft.AutonomousDevelopmentPlatform",
    "Microsoft.Billing",
    "Microsoft.BlockchainTokens",
    "Microsoft.Blueprint",
    "Microsoft.Capacity",
    "Microsoft.Chaos",
    "Microsoft.ClassicCompute",
    "Microsoft.ClassicInfrastructureMigrate",
    "Microsoft.ClassicNetwork",
    "Microsoft.ClassicStorage",
    "Microsoft.ClassicSubscription",
    "Microsoft.Commerce",
    "Microsoft.ConnectedVehicle",
    "Microsoft.Consumption",
    "Microsoft.CostManagement",
    "Microsoft.CostManagementExports",
    "Microsoft.D365CustomerInsights",
    "Microsoft.Diagnostics",
    "Microsoft.Elastic",
    "Microsoft.Experimentation",
    "Microsoft.HardwareSecurityModules",
    "Microsoft.HybridNetwork",
    "Microsoft.IntelligentITDigitalTwin",
    "Microsoft.Logz",
    "Microsoft.Marketplace",
    "Microsoft.MarketplaceOrdering",
    "Microsoft.PolicyInsights",
    "Microsoft.ProjectBabylon",
    "Microsoft.ResourceConnector",
    "Microsoft.ServiceLinker",
    "Microsoft.Subscription",
    "microsoft.support",
    "Microsoft.WindowsESU",
    "Microsoft.WorkloadBuilder",
];

/// True for a type that is nothing but a secret, and for what lies below it. Stored as it was sent, its value
/// would be there for every reader of the resource manager; where it belongs, the data of vaults, is not
/// served yet.
fn is_secret(name: &TypeName) -> bool {
    let begins_so = |word: &str| word.get(..SECRET.len()).is_some_and(|start| start.eq_ignore_ascii_case(SECRET));
    name.namespace().eq_ignore_ascii_case(VAULTS) && name.types().split('/').skip(1).any(begins_so)
}

/// True for the type `top` and every child of it, in any case.
fn is_or_below(name: &str, top: &str) -> bool {
    name.get(..top.len()).is_some_and(|start| start.eq_ignore_ascii_case(top))
        && matches!(name.as_bytes().get(top.len()), None | Some(b'/'))
}

/// The namespace whose children of this name, or one that begins so, are secrets.
const VAULTS: &str = "Microsoft.KeyVault";
const SECRET: &str = "secret";

/// The type of a stored resource or group, which was catalogued when it was stored.
pub(crate) fn kind_of(resource: &Resource) -> Option<Kind> {
    let name = resource.id.type_name();
    if name.is(GROUP_TYPE) { Some(of_groups()) } else { kind(&name).ok() }
}

/// True for a resource of a type whose resources can have identities.
pub fn can_have_identities(id: &ResourceId) -> bool {
    kind(&id.type_name()).is_ok_and(|kind| !matches!(kind.of.identities, Identities::None))
}

/// The location of a resource.
pub(crate) fn location_of(resource: &Resource) -> Option<&str> {
    resource.body.location()
}
