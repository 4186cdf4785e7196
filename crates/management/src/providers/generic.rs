//! A type without a provider of its own: stored as it was sent (docs/adr/0003-properties-stored-as-sent.md).

use super::{ResourceType, View, is_or_below};
use crate::pipeline::unserved::is_unserved;
use http::StatusCode;
use serde_json::{Map, Value};

pub(super) struct Generic;

/// Types that Azure gives no identities, and their children. Source: Microsoft's list of the services that have
/// them, which says of Cloud Services that none are planned.
const WITHOUT_IDENTITIES: [&str; 1] = ["Microsoft.Compute/cloudServices"];

impl ResourceType for Generic {
    fn identities(&self, type_name: &str) -> bool {
        !WITHOUT_IDENTITIES.iter().any(|top| is_or_below(type_name, top))
    }

    fn view(&self, _view: &View<'_>, properties: &mut Map<String, Value>) {
        // Older versions stored extensions that nothing runs.
        let state = if is_unserved(properties) { "Failed" } else { "Succeeded" };
        properties.insert("provisioningState".to_owned(), state.into());
    }

    /// The SDKs of storage accounts take 200 and 202 for a new one, and stop at 201
    /// (docs/wire/management.md).
    fn created(&self, type_name: &str) -> StatusCode {
        if type_name == "Microsoft.Storage/storageAccounts" { StatusCode::OK } else { StatusCode::CREATED }
    }
}
