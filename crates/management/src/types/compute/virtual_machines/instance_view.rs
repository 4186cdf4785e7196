//! The state of a machine, as far as the control plane knows it.

use crate::command::Call;
use crate::fault::Fault;
use crate::order::access::Access;
use crate::order::read;
use crate::outcome::Outcome;
use crate::resource_type::{Action, Run};
use bonafide_core::directory::{Power, Resource};
use bonafide_store::ReadTx;
use http::Method;
use serde_json::{Value, json};

pub(super) const GET: Action =
    Action { method: Method::GET, name: "instanceView", right: "instanceView/read", run: Run::Read(get) };

fn get(_tx: &ReadTx<'_>, call: &Call<'_>, access: &Access) -> Result<Outcome, Fault> {
    let (_, resource) = read::existing(call, access)?;
    Ok(Outcome::shown(instance_view(resource)))
}

/// `instanceView`: provisioned when it was last written, and switched on or off. az prints what stands in
/// `displayStatus`; the libraries and PowerShell read the code that begins with `PowerState/`.
pub(super) fn instance_view(resource: &Resource) -> Value {
    let power = match resource.power {
        Power::Running => "running",
        Power::Stopped => "stopped",
        Power::Deallocated => "deallocated",
    };
    let time = resource.changed_at.arm().replace('Z', "+00:00");
    json!({
        "statuses": [
            { "code": "ProvisioningState/succeeded", "level": "Info", "displayStatus": "Provisioning succeeded", "time": time },
            { "code": format!("PowerState/{power}"), "level": "Info", "displayStatus": format!("VM {power}") },
        ],
    })
}
