//! Types without calls of their own: stored as they were sent
//! (docs/adr/0003-properties-stored-as-sent.md), a few with a rule that differs.

use super::{is_or_below, network};
use crate::fault::Fault;
use crate::order::unserved::is_unserved;
use crate::resource_type::{Created, Identities, ResourceType, View};
use serde_json::{Map, Value};

/// Those with a rule that differs, for their children too: one line each.
const DIFFERENT: [&ResourceType; 2] = [&CLOUD_SERVICES, &STORAGE_ACCOUNTS];

static ANY: ResourceType = ResourceType { view, ..ResourceType::PLAIN };

/// Azure gives them no identities. Source: Microsoft's list of the services that have them, which says of
/// Cloud Services that none are planned.
static CLOUD_SERVICES: ResourceType =
    ResourceType { name: "Microsoft.Compute/cloudServices", identities: Identities::None, view, ..ResourceType::PLAIN };

/// Types of the classic deployment model, which have no identities and are not served (the seeds exclude them).
pub(super) static CLASSIC: ResourceType = ResourceType {
    name: "Microsoft.ClassicCompute",
    identities: Identities::None,
    put: |write| {
        let (type_name, version) = (write.kind.name.to_string(), write.call.command.version.to_string());
        Err(Fault::TypeNotFound { type_name, version, supported: Vec::new() })
    },
    ..ResourceType::PLAIN
};

/// The SDKs of storage accounts take 200 and 202 for a new one, and stop at 201 (docs/wire/management-operations.md).
static STORAGE_ACCOUNTS: ResourceType =
    ResourceType { name: "Microsoft.Storage/storageAccounts", created: Created::As200, view, ..ResourceType::PLAIN };

/// The rules of a type.
pub(super) fn rules(name: &str) -> &'static ResourceType {
    let different = DIFFERENT.into_iter().find(|of| is_or_below(name, of.name));
    different.or_else(|| network::rules(name)).unwrap_or(&ANY)
}

fn view(_view: &View<'_>, properties: &mut Map<String, Value>) -> Result<(), Fault> {
    // Older versions stored extensions that nothing runs.
    let state = if is_unserved(properties) { "Failed" } else { "Succeeded" };
    properties.insert("provisioningState".to_owned(), state.into());
    Ok(())
}
