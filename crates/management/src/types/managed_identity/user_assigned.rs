//! `Microsoft.ManagedIdentity/userAssignedIdentities`.

use super::associated;
use crate::fault::Fault;
use crate::resource_type::{Action, Identities, ResourceType, Run, View};
use crate::types::IDENTITY_TYPE;
use http::Method;
use serde_json::{Map, Value};

pub(crate) static USER_ASSIGNED_IDENTITIES: ResourceType = ResourceType {
    name: IDENTITY_TYPE,
    oldest: "2015-08-31",
    // An identity has no identity.
    identities: Identities::None,
    location_required: true,
    check_name,
    read_only: &["tenantId", "principalId", "clientId", "provisioningState"],
    actions: &[Action {
        method: Method::POST,
        name: "listAssociatedResources",
        right: "listAssociatedResources/action",
        run: Run::Read(associated::list),
    }],
    view,
    ..ResourceType::PLAIN
};

fn check_name(name: &str) -> Result<(), Fault> {
    let right = (3..=128).contains(&name.len())
        && name.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
    if right {
        return Ok(());
    }
    let rule = "3 to 128 letters, digits, dashes and underscores, the first a letter or digit";
    Err(Fault::NameInvalid { name: name.to_owned(), type_name: IDENTITY_TYPE.to_owned(), rule })
}

fn view(view: &View<'_>, properties: &mut Map<String, Value>) -> Result<(), Fault> {
    properties.insert("tenantId".to_owned(), view.resource.tenant.to_string().into());
    if let Some(principal) = view.resource.principal {
        properties.insert("principalId".to_owned(), principal.principal_id.to_string().into());
        properties.insert("clientId".to_owned(), principal.client_id.to_string().into());
    }
    Ok(())
}
