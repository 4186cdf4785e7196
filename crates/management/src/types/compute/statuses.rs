//! The states of a machine and of an instance, as far as the control plane knows them. az prints what stands in
//! `displayStatus`; the libraries and PowerShell read the code that begins with `PowerState/`.

use bonafide_core::directory::{Power, Resource};
use serde_json::{Value, json};

/// Provisioned when it was last written, and switched on or off.
pub(super) fn of_machine(resource: &Resource) -> Value {
    let power = power(resource);
    json!([
        provisioned(resource),
        { "code": format!("PowerState/{power}"), "level": "Info", "displayStatus": format!("VM {power}") },
    ])
}

/// Provisioned when it was last written.
pub(super) fn provisioned(resource: &Resource) -> Value {
    let time = resource.changed_at.arm().replace('Z', "+00:00");
    json!({
        "code": "ProvisioningState/succeeded",
        "level": "Info",
        "displayStatus": "Provisioning succeeded",
        "time": time,
    })
}

/// Provisioned as far as `provisioningState` says.
pub(super) fn provisioned_as(resource: &Resource, state: &str) -> Value {
    let mut status = provisioned(resource);
    let (level, display) = match state {
        "Succeeded" => return status,
        "Failed" => ("Error", "Provisioning failed"),
        other => ("Info", other),
    };
    status["code"] = format!("ProvisioningState/{}", state.to_ascii_lowercase()).into();
    (status["level"], status["displayStatus"]) = (level.into(), display.into());
    status
}

/// The word for a machine's power.
pub(super) fn power(resource: &Resource) -> &'static str {
    match resource.power {
        Power::Running => "running",
        Power::Stopped => "stopped",
        Power::Deallocated => "deallocated",
    }
}
