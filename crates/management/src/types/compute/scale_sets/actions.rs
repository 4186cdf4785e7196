//! Actions on a set: each is about the instances that its body names, or about all.

use super::follow::check;
use super::instance_view;
use super::work::{Does, work, work_on};
use crate::fault::Fault;
use crate::operations::Begun;
use crate::order::write::Write;
use crate::resource_type::{Action, Run};
use bonafide_core::directory::{INSTANCES_OF_SET, Power, RESOURCES};
use bonafide_core::lifecycle::{ChangedSet, INSTANCES_MAX};
use bonafide_store::Read;
use bonafide_types::{Excerpt, ResourceUuid};
use http::Method;
use serde_json::Value;

pub(super) static ALL: &[Action] = &[
    instance_view::GET,
    post("manualupgrade", "manualUpgrade/action", |write| {
        let named = named(write)?.ok_or_else(ids_missing)?;
        begin(write, Does::Upgrade, named)
    }),
    post("delete", "delete/action", |write| {
        let named = named(write)?.ok_or_else(ids_missing)?;
        begin(write, Does::Delete, named)
    }),
    post("start", "start/action", |write| switch(write, Power::Running)),
    post("powerOff", "powerOff/action", |write| switch(write, Power::Stopped)),
    post("deallocate", "deallocate/action", |write| switch(write, Power::Deallocated)),
    post("restart", "restart/action", |write| {
        let named = named(write)?.unwrap_or(Instances::All);
        begin(write, Does::Restart, named)
    }),
    post("reimage", "reimage/action", nothing),
    post("reimageall", "reimageAll/action", nothing),
    post("redeploy", "redeploy/action", nothing),
    post("reapply", "reapply/action", nothing),
];

const fn post(name: &'static str, right: &'static str, change: fn(&mut Write<'_, '_>) -> Result<(), Fault>) -> Action {
    Action { method: Method::POST, name, right, run: Run::Change(change) }
}

/// The instances that a request names.
enum Instances {
    All,
    These(Vec<ResourceUuid>),
}

fn switch(write: &mut Write<'_, '_>, power: Power) -> Result<(), Fault> {
    let named = named(write)?.unwrap_or(Instances::All);
    begin(write, Does::Switch(power), named)
}

/// A command to what runs in the instances, where nothing of the control plane changes.
fn nothing(write: &mut Write<'_, '_>) -> Result<(), Fault> {
    named(write).map(drop)
}

fn begin(write: &mut Write<'_, '_>, does: Does, named: Instances) -> Result<(), Fault> {
    let set = ChangedSet::by(&write.proof()?, write.uuid, &write.new)?;
    let only = match &named {
        Instances::All => None,
        Instances::These(only) => Some(only.as_slice()),
    };
    check(write.tx, set, &write.new, does, only)?;
    let now = write.call.cx.world.now;
    let work = match named {
        Instances::All => work(set, does, now),
        Instances::These(only) => work_on(set, does, only, now),
    };
    write.begins = Some(Begun::Allowed(work));
    Ok(())
}

/// `instanceIds`; `*` is all of them. A body that is not there names none.
fn named(write: &Write<'_, '_>) -> Result<Option<Instances>, Fault> {
    let Some(body) = write.call.body_if_any()? else { return Ok(None) };
    let ids = match body.iter().find(|(name, _)| name.eq_ignore_ascii_case("instanceIds")) {
        None | Some((_, Value::Null)) => return Ok(None),
        Some((_, Value::Array(ids))) => ids,
        Some(_) => return Err(Fault::BodyInvalid("'instanceIds' is not a list".to_owned())),
    };
    if ids.len() > INSTANCES_MAX {
        return Err(Fault::PropertyInvalid { property: "instanceIds", rule: format!("at most {INSTANCES_MAX} ids") });
    }
    let ids: Vec<&str> = ids.iter().map(|id| id.as_str().unwrap_or_default()).collect();
    if ids.contains(&"*") {
        return Ok(Some(Instances::All));
    }
    let there = instances(write)?;
    let find = |id: &&str| {
        let is_it = |(name, _): &&(String, ResourceUuid)| name.eq_ignore_ascii_case(id) || is_number_of(name, id);
        there.iter().find(is_it).map(|(_, uuid)| *uuid).ok_or_else(|| Fault::InstanceUnknown(Excerpt::of(id).into()))
    };
    Ok(Some(Instances::These(ids.iter().map(find).collect::<Result<_, _>>()?)))
}

/// The instances of the set, by name.
fn instances(write: &Write<'_, '_>) -> Result<Vec<(String, ResourceUuid)>, Fault> {
    let mut found = Vec::new();
    for uuid in write.tx.many(&INSTANCES_OF_SET, &write.uuid, None, INSTANCES_MAX)? {
        if let Some(row) = write.tx.get(&RESOURCES, &uuid)? {
            found.push((row.id.name().to_owned(), uuid));
        }
    }
    Ok(found)
}

/// True for the number in the name of a machine: PowerShell sends it for a flexible set, too (P6).
fn is_number_of(name: &str, id: &str) -> bool {
    name.rsplit_once('_').is_some_and(|(_, number)| number == id)
}

fn ids_missing() -> Fault {
    Fault::PropertyInvalid { property: "instanceIds", rule: "it names the instances, or '*' for all".to_owned() }
}
