//! The state of a machine, as far as the control plane knows it.

use crate::command::Call;
use crate::fault::Fault;
use crate::order::access::Access;
use crate::order::read;
use crate::outcome::Outcome;
use crate::resource_type::{Action, Run, Stored};
use crate::types::compute::extensions;
use bonafide_core::directory::{Power, Resource};
use bonafide_store::ReadTx;
use bonafide_types::{ResourceUuid, Timestamp};
use http::Method;
use serde_json::{Value, json};

pub(super) const GET: Action =
    Action { method: Method::GET, name: "instanceView", right: "instanceView/read", run: Run::Read(get) };

fn get(tx: &ReadTx<'_>, call: &Call<'_>, access: &Access) -> Result<Outcome, Fault> {
    let (uuid, resource) = read::existing(call, access)?;
    Ok(Outcome::shown(instance_view(tx, (*uuid, resource), call.cx.world.now)?))
}

/// `instanceView`: provisioned when it was last written, and switched on or off. az prints what stands in
/// `displayStatus`; the libraries and PowerShell read the code that begins with `PowerState/`.
pub(super) fn instance_view(
    tx: &dyn Stored,
    (uuid, resource): (ResourceUuid, &Resource),
    now: Timestamp,
) -> Result<Value, Fault> {
    let power = match resource.power {
        Power::Running => "running",
        Power::Stopped => "stopped",
        Power::Deallocated => "deallocated",
    };
    let time = resource.changed_at.arm().replace('Z', "+00:00");
    let mut view = json!({
        "statuses": [
            { "code": "ProvisioningState/succeeded", "level": "Info", "displayStatus": "Provisioning succeeded", "time": time },
            { "code": format!("PowerState/{power}"), "level": "Info", "displayStatus": format!("VM {power}") },
        ],
    });
    let extensions = extensions::of_machine(tx, (uuid, resource), now)?;
    if !extensions.is_empty() {
        view["extensions"] = extensions.into();
    }
    Ok(view)
}
