//! The state of a host, as the control plane knows it.

use crate::fault::Fault;
use crate::resource_type::View;
use crate::types::compute::statuses;
use bonafide_core::directory::Resource;
use bonafide_core::placement::{Host, host_of};
use bonafide_types::ResourceUuid;
use serde_json::{Value, json};

/// `instanceView`: that it was made, and whether it may run anything. The codes that begin with `HealthState/` are Azure's,
/// what they say is **ours**.
pub(super) fn of(view: &View<'_>, uuid: ResourceUuid, resource: &Resource) -> Result<Value, Fault> {
    let row = view.tx.host(host_of(uuid))?;
    let (code, level, text) = health(row.as_ref());
    let mut status = json!({ "code": code, "level": level, "displayStatus": text });
    let at = row.and_then(|row| row.frozen_at.or(row.issued_at)).unwrap_or(resource.changed_at);
    status["time"] = at.arm().replace('Z', "+00:00").into();
    Ok(json!({
        "assetId": uuid.to_string(),
        // A host here takes what it is given.
        "availableCapacity": { "allocatableVMs": [] },
        "statuses": [statuses::provisioned(resource), status],
    }))
}

fn health(row: Option<&Host>) -> (&'static str, &'static str, &'static str) {
    match row {
        Some(host) if !host.enabled => ("HealthState/unavailable", "Warning", "Host disabled"),
        Some(Host { frozen_at: Some(_), .. }) => {
            ("HealthState/unavailable", "Error", "Host frozen: its certificate was used twice")
        }
        Some(Host { joined_at: Some(_), .. }) => ("HealthState/available", "Info", "Host available"),
        Some(_) | None => ("HealthState/pending", "Info", "Host not joined yet"),
    }
}
