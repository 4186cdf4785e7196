//! `Microsoft.Compute/virtualMachines`.

mod instance_view;
mod profiles;

pub(crate) use instance_view::instance_view;

use super::super::{ResourceType, View};
use serde_json::{Map, Value};

pub(crate) struct VirtualMachines;

impl ResourceType for VirtualMachines {
    /// User-assigned identities came with this version.
    fn oldest(&self) -> &'static str {
        "2017-12-01"
    }

    fn identity_map_from(&self) -> Option<&'static str> {
        Some("2018-06-01")
    }

    fn location_required(&self) -> bool {
        true
    }

    fn check_name(&self, name: &str) -> Result<(), &'static str> {
        let right = name.len() <= 64 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
        if right { Ok(()) } else { Err("1 to 64 letters, digits, dots, dashes and underscores") }
    }

    fn read_only(&self) -> &'static [&'static str] {
        &["provisioningState", "vmId", "timeCreated", "instanceView"]
    }

    /// What was sent, and what Azure adds (recordings of azure-cli, 2026).
    fn view(&self, view: &View<'_>, properties: &mut Map<String, Value>) {
        let expanded = |name: &str| {
            let expand = view.query.get("$expand").unwrap_or_default();
            expand.split(',').any(|word| word.trim().eq_ignore_ascii_case(name))
        };
        if !expanded("userData") {
            properties.shift_remove("userData");
        }
        profiles::complete(properties);
        properties.insert("provisioningState".to_owned(), "Succeeded".into());
        properties.insert("vmId".to_owned(), view.uuid.to_string().into());
        if view.version.at_least("2021-11-01") {
            let created = view.resource.created_at.arm().replace('Z', "+00:00");
            properties.insert("timeCreated".to_owned(), created.into());
        }
        // `statusOnly` is how a list is asked for the same.
        let status_only = view.query.get("statusOnly").is_some_and(|text| text.eq_ignore_ascii_case("true"));
        if expanded("instanceView") || status_only {
            properties.insert("instanceView".to_owned(), instance_view(view.resource));
        }
    }

    fn etag_in_body(&self) -> bool {
        true
    }

    fn status_address(&self) -> bool {
        true
    }
}
