//! `Microsoft.Compute/virtualMachineScaleSets`, uniform and flexible. A set's identities are its instances' too, by
//! reference (`core/src/placement/effective_identity.rs`); the instances follow the set in an operation.

mod actions;
mod extension;
mod extension_list;
mod follow;
mod instance_view;
mod instances;
mod model;
mod work;

pub(crate) use extension_list::SET_EXTENSIONS;
pub(crate) use follow::INSTANCES_FOLLOW;
pub(crate) use instances::{INSTANCES, is_latest};

use crate::fault::Fault;
use crate::operations::{Begun, STEP_ITEMS_MAX, Step};
use crate::order::write::Write;
use crate::resource_type::{Absent, Identities, ResourceType, View};
use crate::types::compute::extensions::{of_set, word};
use crate::types::compute::virtual_machines::events;
use bonafide_core::directory::{Body, Resource};
use bonafide_core::lifecycle::ChangedSet;
use model::{CAPACITY, ORCHESTRATION, says_extensions};
use serde_json::{Map, Value, json};
use work::{Does, work, work_to};

const NAME: &str = "Microsoft.Compute/virtualMachineScaleSets";

pub(crate) static SCALE_SETS: ResourceType = ResourceType {
    name: NAME,
    // Source: compute 2017-12-01 to 2018-06-01 in azure-sdk-for-go 68.0.0.
    identities: Identities::MapFrom("2018-06-01"),
    location_required: true,
    check_name,
    spelled: model::READ,
    // `az vmss scale` sends `sku` and `location` alone; `az vmss extension set` the set without its image.
    absent: Absent::StaysInside,
    put,
    saved,
    read_only: &["provisioningState", "uniqueId", "timeCreated"],
    etag_in_body: true,
    status_address: true,
    serves_extensions: true,
    actions: actions::ALL,
    members,
    view,
    ..ResourceType::PLAIN
};

fn check_name(name: &str) -> Result<(), Fault> {
    let right = name.len() <= 64 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
    let rule = "1 to 64 letters, digits, dots, dashes and underscores";
    if right { Ok(()) } else { Err(Fault::NameInvalid { name: name.to_owned(), type_name: NAME.to_owned(), rule }) }
}

/// Checks what is asked, and begins to bring the instances to it.
fn put(write: &mut Write<'_, '_>) -> Result<(), Fault> {
    let mode = model::orchestration(&write.new.body)?;
    if write.old.is_some_and(|old| model::orchestration(&old.body).is_ok_and(|old| old != mode)) {
        return Err(Fault::PropertyFixed { path: "orchestrationMode" });
    }
    write.new.body.set_member(ORCHESTRATION, mode.text().into());
    let policy = model::upgrade_policy(&write.new.body)?;
    of_set::put(write)?;
    events::check(write, &["properties", "virtualMachineProfile"])?;
    let set = ChangedSet::by(&write.proof()?, write.uuid, &write.new)?;
    let there = set.instances(write.tx)?.len();
    if !model::says_capacity(write.sent) {
        // Instances that were deleted one by one do not come back with another change.
        model::set_capacity(&mut write.new.body, there);
    }
    let target = model::capacity(&write.new.body)?;
    let is_changed = is_model_changed(write);
    if is_changed {
        write.new.model = write.new.version + 1;
    }
    // An extension that is written once more starts where it does not answer.
    let repeats = write.new.model_extension.is_some() && says_extensions(write.sent);
    let upgrades = (is_changed || repeats) && policy.upgrades_by_itself() && there > 0;
    if there < target {
        model::check_tags(&write.new, target)?;
    }
    if there != target || upgrades {
        follow::check(write.tx, set, &write.new, Does::Follow { upgrades }, None)?;
        let (does, now) = (Does::Follow { upgrades }, write.call.cx.world.now);
        let work = if upgrades { work_to(set, does, write.new.model, now) } else { work(set, does, now) };
        write.begins = Some(Begun::Allowed(work));
    }
    Ok(())
}

/// Makes instances in the commit of the change, where it holds them all; what goes may have much below it.
fn saved(write: &mut Write<'_, '_>) -> Result<(), Fault> {
    let Some(Begun::Allowed(begun)) = &write.begins else { return Ok(()) };
    let Some(set) = work::only_scales(begun) else { return Ok(()) };
    let (there, target) = (set.instances(write.tx)?.len(), model::capacity(&write.new.body)?);
    if there <= target
        && target - there <= STEP_ITEMS_MAX
        && follow::scale(write.tx, write.call.cx, STEP_ITEMS_MAX, set, &mut write.new)? == Step::Last
    {
        let asks = there < target && write.new.model_extension.is_some();
        write.begins = asks.then(|| Begun::Allowed(work(set, Does::Await, write.call.cx.world.now)));
    }
    Ok(())
}

/// True when the model of the instances changes: by anything of the body but the capacity, or by an identity that comes.
/// One that goes is gone from the instances at once.
fn is_model_changed(write: &Write<'_, '_>) -> bool {
    let Some(old) = write.old else { return true };
    let model_of = |body: &Body| {
        let mut body = body.clone();
        body.take_member(CAPACITY);
        body
    };
    let gives =
        |of: &bonafide_core::directory::Change| !of.add.is_empty() || (of.system && old.identity.system.is_none());
    write.change.as_ref().is_some_and(gives) || model_of(&old.body) != model_of(&write.new.body)
}

/// The capacity is the number of instances that there are.
fn members(view: &View<'_>, shown: &mut Map<String, Value>) -> Result<(), Fault> {
    let there = view.tx.instances(view.uuid)?.len();
    if let Some(Value::Object(sku)) = shown.get_mut("sku") {
        sku.insert("capacity".to_owned(), there.into());
    }
    Ok(())
}

fn view(view: &View<'_>, properties: &mut Map<String, Value>) -> Result<(), Fault> {
    // A write with an end of its own has succeeded, and a list would read all instances of all sets.
    let state = if view.is_get { extension::worst(view.tx, (view.uuid, view.resource), view.now)? } else { None };
    properties.insert("provisioningState".to_owned(), word(state.as_ref(), view.resource).into());
    properties.insert("uniqueId".to_owned(), view.uuid.to_string().into());
    if view.version.at_least("2021-11-01") {
        let created = view.resource.created_at.arm().replace('Z', "+00:00");
        properties.insert("timeCreated".to_owned(), created.into());
    }
    if view.query.get("$expand").is_some_and(|text| text.eq_ignore_ascii_case("userData")) {
        return Ok(());
    }
    if let Some(Value::Object(profile)) = properties.get_mut("virtualMachineProfile") {
        profile.shift_remove("userData");
    }
    Ok(())
}

/// The text at a place in a body, where it is one of ordinary length.
fn text<'a>(resource: &'a Resource, path: &[&str]) -> Option<&'a str> {
    resource.body.member(path).and_then(Value::as_str).filter(|text| text.len() <= TEXT_BYTES_MAX)
}

/// Longest text that an instance has of its set, in bytes. Source: ours; Azure's are shorter, and a set has up to 1,000
/// instances.
const TEXT_BYTES_MAX: usize = 256;

/// The members of an object that a set has at a path, each a short text.
fn texts(set: &Resource, path: &[&str], names: &[&str]) -> Value {
    let member = |name: &&str| text(set, &[path, &[*name]].concat()).map(|text| ((*name).to_owned(), json!(text)));
    Value::Object(names.iter().filter_map(member).collect())
}
