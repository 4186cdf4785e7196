//! `place`, `displace` and `listWorkloads`: what runs on a host. A placement is a row of its own; who makes or ends one
//! needs `write` on the workload beside the action on the host. No host does it for itself. **Ours.**

use crate::command::Call;
use crate::fault::Fault;
use crate::order::access::Access;
use crate::order::linked::{Link, Linked};
use crate::order::read;
use crate::order::write::Write;
use crate::outcome::Outcome;
use crate::page;
use crate::resource_type::{Action, Beside, Run, Stored};
use crate::types::compute::on_host;
use crate::types::{INSTANCE_TYPE, can_have_identities};
use bonafide_core::access::Allowed;
use bonafide_core::directory::{RESOURCE_BY_ID, Resource};
use bonafide_core::lifecycle::{self, Move, OnHost};
use bonafide_core::placement::{PLACEMENTS, host_of};
use bonafide_store::{Read, ReadTx};
use bonafide_types::{Excerpt, HostId, ResourceId, ResourceUuid};
use http::Method;
use serde_json::{Value, json};

pub(super) const PLACE: Action = Action {
    method: Method::POST,
    name: "place",
    right: "place/action",
    run: Run::Beside(&Beside { links: links_of_place, run: place }),
};

pub(super) const DISPLACE: Action = Action {
    method: Method::POST,
    name: "displace",
    right: "displace/action",
    run: Run::Beside(&Beside { links, run: displace }),
};

pub(super) const LIST: Action =
    Action { method: Method::POST, name: "listWorkloads", right: "listWorkloads/action", run: Run::Read(list) };

/// Machines that a host shows, at most; `listWorkloads` has all. Source: ours.
const MACHINES_SHOWN_MAX: usize = 1_000;

const MACHINE_TYPE: &str = "Microsoft.Compute/virtualMachines";

/// The workload that the body names.
fn links(write: &Write<'_, '_>) -> Result<Vec<Link>, Fault> {
    let invalid = |rule: String| Fault::PropertyInvalid { property: "workload", rule };
    let body = write.call.body()?;
    let mut named = body.iter().filter(|(name, _)| name.eq_ignore_ascii_case("workload"));
    let (Some((_, Value::String(text))), None) = (named.next(), named.next()) else {
        return Err(invalid("it is the id of a resource".to_owned()));
    };
    let id = ResourceId::parse(text).ok().filter(can_have_identities);
    let id = id.ok_or_else(|| {
        invalid(format!("'{}' is not the id of a resource that can have identities", String::from(Excerpt::of(text))))
    })?;
    let right = format!("{}/write", crate::types::kind(&id.type_name())?.name);
    Ok(vec![Link { id, right: right.into(), is_changed: true }])
}

/// The same, and the host from which a machine is moved: its rights count there as for `displace`.
fn links_of_place(write: &Write<'_, '_>) -> Result<Vec<Link>, Fault> {
    let mut links = links(write)?;
    let named = links.first().map(|workload| workload.id.fold());
    let uuid = named.map(|named| write.tx.find(&RESOURCE_BY_ID, &named)).transpose()?.flatten();
    let Some(uuid) = uuid else { return Ok(links) };
    let there = Stored::resource(&*write.tx, uuid)?;
    if let Some(machine) = there.filter(|there| is_machine(there) && there.host != Some(host_of(write.uuid))) {
        links.extend(on_host::left(&*write.tx, uuid, &machine)?);
    }
    Ok(links)
}

/// True for a workload that runs on one host at most.
fn is_machine(workload: &Resource) -> bool {
    workload.id.is_of(MACHINE_TYPE) || workload.id.is_of(INSTANCE_TYPE)
}

/// The workload that was checked, which is the first.
fn linked(write: &mut Write<'_, '_>) -> Result<Linked, Fault> {
    std::mem::take(&mut write.linked).into_iter().next().ok_or(Fault::WrongProof)
}

fn place(write: &mut Write<'_, '_>) -> Result<Value, Fault> {
    let Linked { found: (uuid, mut workload), allowed } = linked(write)?;
    let on = OnHost::by(write.allowed, write.uuid, &write.new)?;
    let host = host_of(write.uuid);
    let is_there = workload.host == Some(host) && Stored::is_placed(&*write.tx, host, uuid)?;
    match is_machine(&workload) {
        true if is_there => {}
        true => move_to(write, &allowed, uuid, &mut workload, Move::To(on))?,
        false => lifecycle::settle(write.tx, &allowed, on, uuid, &workload).map_err(Fault::from_place)?,
    }
    Ok(answer(write, &workload))
}

fn displace(write: &mut Write<'_, '_>) -> Result<Value, Fault> {
    let Linked { found: (uuid, mut workload), allowed } = linked(write)?;
    let host = host_of(write.uuid);
    if workload.host == Some(host) {
        move_to(write, &allowed, uuid, &mut workload, Move::Away)?;
    } else {
        lifecycle::unsettle(write.tx, &allowed, host, uuid, &workload).map_err(Fault::from_place)?;
    }
    Ok(answer(write, &workload))
}

fn move_to(
    write: &mut Write<'_, '_>,
    allowed: &Allowed,
    uuid: ResourceUuid,
    machine: &mut Resource,
    to: Move,
) -> Result<(), Fault> {
    let moved = lifecycle::save_and_move(write.tx, &write.call.cx.world, allowed, uuid, machine, None, to);
    moved.map_err(|error| Fault::from_move(&machine.id, error))
}

fn answer(write: &Write<'_, '_>, workload: &Resource) -> Value {
    json!({ "workload": workload.id.as_str(), "hostId": write.uuid.to_string() })
}

/// Lists what runs on a host, a page at a time.
fn list(tx: &ReadTx<'_>, call: &Call<'_>, access: &Access) -> Result<Outcome, Fault> {
    let (uuid, _) = read::existing(call, access)?;
    let asked = page::read(call)?;
    let (host, after) = (host_of(*uuid), asked.after.map(|(_, workload)| workload));
    let mut rows =
        tx.page(&PLACEMENTS, &host, after.as_ref().map(|workload| (host, *workload)).as_ref(), asked.top + 1)?;
    let has_more = rows.len() > asked.top;
    rows.truncate(asked.top);
    let next = rows.last().filter(|_| has_more).map(|((_, workload), _)| (String::new(), *workload));
    let shown = rows.iter().map(|((_, workload), row)| {
        json!({ "id": row.resource_id.as_str(), "workloadId": workload.to_string(), "lasting": row.lasting })
    });
    Ok(Outcome::shown(page::list(call, shown.collect(), next.as_ref())))
}

/// The machines on a host, as the host itself shows them.
pub(super) fn machines(tx: &dyn Stored, host: HostId) -> Result<Vec<ResourceId>, Fault> {
    let placed = tx.placed_on(host, MACHINES_SHOWN_MAX)?;
    Ok(placed.into_iter().filter(|id| id.is_of(MACHINE_TYPE) || id.is_of(INSTANCE_TYPE)).collect())
}
