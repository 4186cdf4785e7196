//! The state of a host, as the control plane knows it.
//!
//! Azure's states are "Host available", "Host under investigation" (machines on it may be impacted), "Host pending deallocate" and
//! "Host deallocated" (its page on dedicated hosts, "Host life cycle"); `HealthState/available` is in the recorded answers of its
//! pages for az and PowerShell (July 2019). The other codes follow its form and are **ours**, as is what `message` says.

use crate::fault::Fault;
use crate::resource_type::View;
use crate::types::compute::statuses;
use bonafide_core::directory::Resource;
use bonafide_core::placement::{Host, host_of};
use bonafide_types::ResourceUuid;
use serde_json::{Value, json};

/// `instanceView`: that it was made, and whether it may run anything and is there.
pub(super) fn of(view: &View<'_>, uuid: ResourceUuid, resource: &Resource) -> Result<Value, Fault> {
    let row = view.tx.host(host_of(uuid))?;
    let health = health(row.as_ref(), view.is_connected(host_of(uuid)));
    let mut status = json!({ "code": health.code, "level": health.level, "displayStatus": health.shown });
    if let Some(message) = health.message {
        status["message"] = message.into();
    }
    let at = row.and_then(|row| row.frozen_at.or(row.issued_at)).unwrap_or(resource.changed_at);
    status["time"] = at.arm().replace('Z', "+00:00").into();
    Ok(json!({
        "assetId": uuid.to_string(),
        // A host here takes what it is given.
        "availableCapacity": { "allocatableVMs": [] },
        "statuses": [statuses::provisioned(resource), status],
    }))
}

/// The second of a host's statuses.
struct Health {
    code: &'static str,
    level: &'static str,
    shown: &'static str,
    message: Option<&'static str>,
}

fn health(row: Option<&Host>, is_connected: bool) -> Health {
    let (code, level, shown, message) = match row {
        Some(host) if !host.enabled => ("HealthState/unavailable", "Warning", "Host disabled", None),
        Some(Host { frozen_at: Some(_), .. }) => {
            ("HealthState/unavailable", "Error", "Host frozen: its certificate was used twice", None)
        }
        None => ("HealthState/pending", "Info", "Host not joined yet", None),
        Some(host) if host.is_to_join() => ("HealthState/pending", "Info", "Host not joined yet", None),
        Some(_) if is_connected => ("HealthState/available", "Info", "Host available", None),
        Some(_) => (
            "HealthState/underInvestigation",
            "Warning",
            "Host under investigation",
            Some("The agent of this host is not connected: what runs on it is served what it has until it is."),
        ),
    };
    Health { code, level, shown, message }
}
