//! A type without a provider of its own: stored as it was sent (docs/adr/0003-properties-stored-as-sent.md).

use super::{ResourceType, View};
use crate::pipeline::unserved::is_unserved;
use http::StatusCode;
use serde_json::{Map, Value};

pub(super) struct Generic;

impl ResourceType for Generic {
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
