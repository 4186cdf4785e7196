//! Types without calls of their own: stored as they were sent
//! (docs/adr/0003-properties-stored-as-sent.md), a few with a rule that differs.

use super::storage::STORAGE_ACCOUNTS;
use super::{is_or_below, network};
use crate::fault::Fault;
use crate::order::unserved::is_unserved;
use crate::resource_type::{Created, Identities, ResourceType, View};
use serde_json::{Map, Value};

/// Those with a rule that differs, for their children too, a child before its parent: one line each.
static DIFFERENT: [ResourceType; 7] = [
    CLOUD_SERVICES,
    as_200("Microsoft.Compute/availabilitySets"),
    as_200("Microsoft.Compute/disks"),
    as_200("Microsoft.Compute/snapshots"),
    as_200("Microsoft.Web/serverFarms"),
    ResourceType { name: "Microsoft.Web/sites/functions", view, ..ResourceType::PLAIN },
    as_200("Microsoft.Web/sites"),
];

static ANY: ResourceType = ResourceType { view, ..ResourceType::PLAIN };

/// Azure gives them no identities. Source: Microsoft's list of the services that have them, which says of
/// Cloud Services that none are planned.
const CLOUD_SERVICES: ResourceType =
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

/// A type whose SDKs take 200 and 202 for a new resource, and stop at 201. Source: the operations of azure-mgmt-compute,
/// -storage and -web that azure-cli 2.91 brings; `az disk create` (docs/wire/management-operations.md).
const fn as_200(name: &'static str) -> ResourceType {
    ResourceType { name, created: Created::As200, view, ..ResourceType::PLAIN }
}

/// The rules of a type.
pub(super) fn rules(name: &str) -> &'static ResourceType {
    let different = DIFFERENT.iter().chain([&STORAGE_ACCOUNTS]).find(|of| is_or_below(name, of.name));
    different.or_else(|| network::rules(name)).unwrap_or(&ANY)
}

fn view(_view: &View<'_>, properties: &mut Map<String, Value>) -> Result<(), Fault> {
    // Older versions stored extensions that nothing runs.
    let state = if is_unserved(properties) { "Failed" } else { "Succeeded" };
    properties.insert("provisioningState".to_owned(), state.into());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_resource_is_answered_with_the_status_that_its_sdks_take() {
        for name in
            ["microsoft.web/SITES", "Microsoft.Web/sites/slots", "Microsoft.Web/serverfarms", "Microsoft.Compute/disks"]
        {
            assert_eq!(rules(name).created, Created::As200, "{name}");
        }
        for name in ["Microsoft.Web/sites/functions", "Microsoft.Compute/images", "Microsoft.Compute/disksets"] {
            assert_eq!(rules(name).created, Created::As201, "{name}");
        }
    }
}
