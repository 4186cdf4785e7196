//! Resource types. One with a provider of its own has a folder here and a line in `kind`; any other of a
//! catalogued namespace is stored as it was sent.

pub(crate) mod authorization;
pub(crate) mod catalogue;
pub(crate) mod compute;
mod generic;
pub(crate) mod managed_identity;
pub(crate) mod resources;

use crate::fault::Fault;
use bonafide_core::directory::Resource;
use bonafide_store::Tx;
use bonafide_types::{ApiVersion, ResourceUuid, TypeName, World};
use bonafide_wire::Parameters;
use http::StatusCode;
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::fmt;

/// `Microsoft.Compute/virtualMachines`.
pub(crate) const VIRTUAL_MACHINE: &str = "Microsoft.Compute/virtualMachines";
/// `Microsoft.ManagedIdentity/userAssignedIdentities`.
pub(crate) const USER_ASSIGNED_IDENTITY: &str = bonafide_core::directory::IDENTITY_TYPE;

/// What a resource type adds to the pipeline, which it cannot skip. It does no identity work, no checks of
/// access and no error JSON.
pub(crate) trait ResourceType: Sync {
    /// The date of the oldest api-version.
    fn oldest(&self) -> &'static str {
        "2014-01-01"
    }
    /// Whether resources of this type can have identities.
    fn identities(&self) -> bool {
        true
    }
    /// The date from which `userAssignedIdentities` takes the place of `identityIds`.
    fn identity_map_from(&self) -> Option<&'static str> {
        None
    }
    /// Whether a resource must have a location.
    fn location_required(&self) -> bool {
        false
    }
    /// Checks a new resource's name; the error says the rule.
    fn check_name(&self, _name: &str) -> Result<(), &'static str> {
        Ok(())
    }
    /// Members of `properties` that clients send back but cannot set.
    fn read_only(&self) -> &'static [&'static str] {
        &["provisioningState"]
    }
    /// Adds what belongs to a new resource, in its transaction.
    fn create(
        &self,
        _tx: &mut Tx<'_>,
        _world: &World<'_>,
        _uuid: ResourceUuid,
        _new: &mut Resource,
    ) -> Result<(), Fault> {
        Ok(())
    }
    /// Takes away what belongs to a resource that is being deleted.
    fn delete(&self, _tx: &mut Tx<'_>, _uuid: ResourceUuid, _old: &Resource) -> Result<(), bonafide_store::StoreError> {
        Ok(())
    }
    /// Completes the properties that a reply shows.
    fn view(&self, _view: &View<'_>, _properties: &mut Map<String, Value>) {}
    /// Whether a reply repeats the etag in its body.
    fn etag_in_body(&self) -> bool {
        false
    }
    /// Whether the answer to a deletion that is not done has `Azure-AsyncOperation` beside `Location`.
    fn status_address(&self) -> bool {
        false
    }
    /// The status of a PUT that made a resource.
    fn created(&self, _type_name: &str) -> StatusCode {
        StatusCode::CREATED
    }
}

/// What a view is made from.
pub(crate) struct View<'a> {
    pub(crate) uuid: ResourceUuid,
    pub(crate) resource: &'a Resource,
    pub(crate) version: &'a ApiVersion,
    pub(crate) query: &'a Parameters,
}

/// A resource type: its name in Azure's spelling, and its provider.
#[derive(Clone)]
pub(crate) struct Kind {
    pub(crate) name: Cow<'static, str>,
    pub(crate) provider: &'static dyn ResourceType,
}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// The catalogue: one line for each type with a provider of its own.
const OWN: [Kind; 2] = [
    Kind { name: Cow::Borrowed(VIRTUAL_MACHINE), provider: &compute::virtual_machines::VirtualMachines },
    Kind {
        name: Cow::Borrowed(USER_ASSIGNED_IDENTITY),
        provider: &managed_identity::user_assigned::UserAssignedIdentities,
    },
];

/// The type with this name, in any case. The catalogue is of 2021 and does not list every child: a child of
/// a catalogued type is taken as it is written.
pub(crate) fn kind(name: &TypeName) -> Result<Kind, Fault> {
    if let Some(own) = OWN.iter().find(|own| name.is(&own.name)) {
        return Ok(own.clone());
    }
    let namespace =
        catalogue::namespace(name.namespace()).ok_or_else(|| Fault::NamespaceNotFound(name.namespace().to_owned()))?;
    let missing = || Fault::TypeNotFound { type_name: name.to_string(), version: String::new(), supported: Vec::new() };
    // These are served here or not at all: a lock or a deployment that did nothing would be a lie.
    if RESERVED.contains(&namespace.name) {
        return Err(missing());
    }
    let provider = &generic::Generic;
    if let Some(known) = namespace.types.iter().find(|known| name.is(known.full_name)) {
        return Ok(Kind { name: Cow::Borrowed(known.full_name), provider });
    }
    let (top, children) = name.types().split_once('/').ok_or_else(missing)?;
    let top = namespace.types.iter().find(|known| known.name.eq_ignore_ascii_case(top)).ok_or_else(missing)?;
    Ok(Kind { name: Cow::Owned(format!("{}/{children}", top.full_name)), provider })
}

/// Namespaces whose types all have providers of their own.
const RESERVED: [&str; 3] = ["Microsoft.Authorization", "Microsoft.Resources", "Microsoft.ManagedIdentity"];

/// The type of a stored resource, which was catalogued when it was stored.
pub(crate) fn kind_of(resource: &Resource) -> Option<Kind> {
    kind(&resource.id.type_name()).ok()
}

/// The location of a resource.
pub(crate) fn location_of(resource: &Resource) -> Option<&str> {
    resource.body.get("location").and_then(Value::as_str)
}
