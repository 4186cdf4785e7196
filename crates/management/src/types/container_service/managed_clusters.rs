//! `Microsoft.ContainerService/managedClusters`: stored as sent; the ids of its kubelet's identity are the identity's own.

use crate::fault::Fault;
use crate::resource_type::{ResourceType, View};
use bonafide_core::directory::AssignedIdentity;
use serde_json::{Map, Value};

/// Source: `ManagedClusterProperties` and `UserAssignedIdentity` of azure-mgmt-containerservice 41.6.0.
pub(crate) static MANAGED_CLUSTERS: ResourceType = ResourceType {
    name: "Microsoft.ContainerService/managedClusters",
    oldest: "2017-08-31",
    location_required: true,
    view,
    ..ResourceType::PLAIN
};

fn view(view: &View<'_>, properties: &mut Map<String, Value>) -> Result<(), Fault> {
    properties.insert("provisioningState".to_owned(), "Succeeded".into());
    let kubelet = member(properties, "identityProfile").and_then(|profile| member(profile, "kubeletidentity"));
    if let Some(kubelet) = kubelet {
        complete(kubelet, &view.resource.identity.nested);
    }
    Ok(())
}

/// Shows the ids of the identity that is assigned in the place of those that were sent with its name.
fn complete(kubelet: &mut Map<String, Value>, assigned: &[AssignedIdentity]) {
    kubelet.retain(|name, _| !["clientId", "objectId"].iter().any(|id| id.eq_ignore_ascii_case(name)));
    let named = kubelet.iter().find(|(name, _)| name.eq_ignore_ascii_case("resourceId"));
    let named = named.and_then(|(_, id)| id.as_str()).map(|id| id.trim().trim_end_matches('/').to_ascii_lowercase());
    let Some(identity) = assigned.iter().find(|identity| Some(identity.id.fold()) == named) else { return };
    kubelet.insert("clientId".to_owned(), identity.principal.client_id.to_string().into());
    kubelet.insert("objectId".to_owned(), identity.principal.principal_id.to_string().into());
}

/// The object under this name, in any case.
fn member<'a>(object: &'a mut Map<String, Value>, name: &str) -> Option<&'a mut Map<String, Value>> {
    object.iter_mut().find(|(other, _)| other.eq_ignore_ascii_case(name)).and_then(|(_, value)| value.as_object_mut())
}
