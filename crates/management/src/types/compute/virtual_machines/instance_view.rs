//! The state of a machine, as far as the control plane knows it.

use crate::command::Call;
use crate::fault::Fault;
use crate::order::access::Access;
use crate::order::read;
use crate::outcome::Outcome;
use crate::resource_type::{Action, Run, Stored};
use crate::types::compute::{extensions, statuses, vm_agent};
use bonafide_core::directory::Resource;
use bonafide_store::ReadTx;
use bonafide_types::{HostId, ResourceUuid, Timestamp};
use http::Method;
use serde_json::{Value, json};

pub(super) const GET: Action =
    Action { method: Method::GET, name: "instanceView", right: "instanceView/read", run: Run::Read(get) };

fn get(tx: &ReadTx<'_>, call: &Call<'_>, access: &Access) -> Result<Outcome, Fault> {
    let (uuid, resource) = read::existing(call, access)?;
    let (view, now) = (call.cx.view, call.cx.world.now);
    Ok(Outcome::shown(instance_view(tx, (*uuid, resource), now, &|host| view.is_host_connected(host, now))?))
}

/// `instanceView`: the states of the machine, its agent and its extensions.
pub(super) fn instance_view(
    tx: &dyn Stored,
    (uuid, resource): (ResourceUuid, &Resource),
    now: Timestamp,
    is_connected: &dyn Fn(HostId) -> bool,
) -> Result<Value, Fault> {
    let mut view = json!({ "statuses": statuses::of_machine(resource) });
    if let Some(agent) = vm_agent::of(tx, (uuid, resource), now, is_connected)? {
        view["vmAgent"] = agent;
    }
    let extensions = extensions::of_machine(tx, (uuid, resource), now)?;
    if !extensions.is_empty() {
        view["extensions"] = extensions.into();
    }
    Ok(view)
}
