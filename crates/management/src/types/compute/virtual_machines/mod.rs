//! `Microsoft.Compute/virtualMachines`.

pub(crate) mod events;
mod instance_view;
pub(crate) mod power;
mod profiles;

pub(crate) use events::WORKER as EVENTS;

use crate::command::Call;
use crate::fault::Fault;
use crate::fixed::sizes;
use crate::order::access::Access;
use crate::order::read;
use crate::order::write::Write;
use crate::outcome::Outcome;
use crate::resource_type::{Action, Identities, ResourceType, Run, View};
use crate::types::compute::on_host;
use crate::types::compute::scale_sets::is_latest;
use bonafide_store::ReadTx;
use http::Method;
use instance_view::instance_view;
use serde_json::{Map, Value};

const NAME: &str = "Microsoft.Compute/virtualMachines";

pub(crate) static VIRTUAL_MACHINES: ResourceType = ResourceType {
    name: NAME,
    // The first in which a machine has an identity. Source: compute 2015-06-15 and 2016-03-30 in azure-sdk-for-go 16.2.1.
    oldest: "2016-03-30",
    identities: Identities::MapFrom("2018-06-01"),
    location_required: true,
    check_name,
    links: on_host::links,
    put,
    read_only: &["provisioningState", "vmId", "timeCreated", "instanceView", "latestModelApplied", on_host::HOST],
    etag_in_body: true,
    status_address: true,
    actions: &[
        instance_view::GET,
        power::START,
        power::POWER_OFF,
        power::DEALLOCATE,
        power::RESTART,
        power::REAPPLY,
        power::REDEPLOY,
        power::REIMAGE,
        power::GENERALIZE,
        power::SIMULATE_EVICTION,
        Action { method: Method::GET, name: "vmSizes", right: "vmSizes/read", run: Run::Read(sizes) },
    ],
    members,
    view,
    ..ResourceType::PLAIN
};

fn check_name(name: &str) -> Result<(), Fault> {
    let right = name.len() <= 64 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
    let rule = "1 to 64 letters, digits, dots, dashes and underscores";
    if right { Ok(()) } else { Err(Fault::NameInvalid { name: name.to_owned(), type_name: NAME.to_owned(), rule }) }
}

/// The sizes that a machine can have: all that there are.
fn sizes(_tx: &ReadTx<'_>, call: &Call<'_>, access: &Access) -> Result<Outcome, Fault> {
    read::existing(call, access).map(|_| Outcome::shown(sizes::list()))
}

/// A machine of a scale set stays one, and says so, whatever is put in its place.
fn put(write: &mut Write<'_, '_>) -> Result<(), Fault> {
    const SET: &[&str] = &["properties", "virtualMachineScaleSet"];
    if write.new.set.is_some()
        && let Some(set) = write.old.and_then(|old| old.body.member(SET))
    {
        write.new.body.set_member(SET, set.clone());
    }
    events::check(write, &["properties"])?;
    on_host::put(write)
}

/// An instance of a flexible scale set is called by its name.
fn members(view: &View<'_>, shown: &mut Map<String, Value>) -> Result<(), Fault> {
    if view.resource.set.is_some() {
        shown.insert("instanceId".to_owned(), view.resource.id.name().into());
    }
    Ok(())
}

/// Shows the properties that were sent, and those that Azure adds (recordings of azure-cli, 2026).
fn view(view: &View<'_>, properties: &mut Map<String, Value>) -> Result<(), Fault> {
    if !view.expands("userData") {
        properties.shift_remove("userData");
    }
    profiles::complete(properties);
    on_host::show(view, properties)?;
    properties.insert("provisioningState".to_owned(), "Succeeded".into());
    properties.insert("vmId".to_owned(), view.uuid.to_string().into());
    if view.resource.set.is_some() {
        properties.insert("latestModelApplied".to_owned(), is_latest(view)?.into());
    }
    if view.version.at_least("2021-11-01") {
        let created = view.resource.created_at.arm().replace('Z', "+00:00");
        properties.insert("timeCreated".to_owned(), created.into());
    }
    // `statusOnly` is how a list is asked for the same.
    let status_only = view.query.get("statusOnly").is_some_and(|text| text.eq_ignore_ascii_case("true"));
    if view.expands("instanceView") || status_only {
        let shown = instance_view(view.tx, (view.uuid, view.resource), view.now, &|host| view.is_connected(host))?;
        properties.insert("instanceView".to_owned(), shown);
    }
    Ok(())
}
