//! How a machine is doing, as far as the control plane knows.

use bonafide_core::directory::Resource;
use serde_json::{Value, json};

/// `instanceView`: provisioned when it was last written, and running, for nothing here stops a machine. az
/// prints what stands in `displayStatus`; the libraries and PowerShell read the code that begins with `PowerState/`.
pub(crate) fn instance_view(resource: &Resource) -> Value {
    let time = resource.changed_at.arm().replace('Z', "+00:00");
    json!({
        "statuses": [
            { "code": "ProvisioningState/succeeded", "level": "Info", "displayStatus": "Provisioning succeeded", "time": time },
            { "code": "PowerState/running", "level": "Info", "displayStatus": "VM running" },
        ],
    })
}
