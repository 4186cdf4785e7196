//! `Microsoft.ManagedIdentity/userAssignedIdentities`.

use super::super::{ResourceType, View};
use serde_json::{Map, Value};

pub(crate) struct UserAssignedIdentities;

impl ResourceType for UserAssignedIdentities {
    fn oldest(&self) -> &'static str {
        "2015-08-31"
    }

    /// An identity has no identity.
    fn identities(&self, _type_name: &str) -> bool {
        false
    }

    fn location_required(&self) -> bool {
        true
    }

    fn check_name(&self, name: &str) -> Result<(), &'static str> {
        let right = (3..=128).contains(&name.len())
            && name.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric())
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
        if right {
            Ok(())
        } else {
            Err("3 to 128 letters, digits, dashes and underscores, the first a letter or digit")
        }
    }

    fn read_only(&self) -> &'static [&'static str] {
        &["tenantId", "principalId", "clientId", "provisioningState"]
    }

    fn view(&self, view: &View<'_>, properties: &mut Map<String, Value>) {
        properties.insert("tenantId".to_owned(), view.resource.tenant.to_string().into());
        if let Some(principal) = view.resource.principal {
            properties.insert("principalId".to_owned(), principal.principal_id.to_string().into());
            properties.insert("clientId".to_owned(), principal.client_id.to_string().into());
        }
    }
}
