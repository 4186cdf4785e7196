//! `Microsoft.Compute/virtualMachineScaleSets/virtualMachines`: the instances of a uniform set. Those of a flexible one are
//! machines of their own.

use super::model::{Orchestration, orchestration};
use super::{text, texts};
use crate::Cx;
use crate::command::Call;
use crate::fault::Fault;
use crate::order::access::Access;
use crate::order::read;
use crate::order::write::Write;
use crate::outcome::Outcome;
use crate::resource_type::{Absent, Action, Identities, ResourceType, Run, Stored, View};
use crate::types::INSTANCE_TYPE;
use crate::types::compute::virtual_machines::power;
use crate::types::compute::{extensions, system};
use crate::types::compute::{on_host, statuses, vm_agent};
use bonafide_core::directory::{Body, Resource, System};
use bonafide_core::lifecycle::ChangedSet;
use bonafide_store::{ReadTx, StoreError, Tx};
use bonafide_types::{HostId, ResourceId, ResourceUuid, Timestamp};
use http::Method;
use serde_json::{Map, Value, json};

pub(crate) static INSTANCES: ResourceType = ResourceType {
    name: INSTANCE_TYPE,
    identities: Identities::OfSet,
    absent: Absent::StaysInside,
    links: on_host::links,
    put,
    read_only: &["provisioningState", "vmId", "timeCreated", "instanceView", "latestModelApplied", on_host::HOST],
    etag_in_body: true,
    status_address: true,
    actions: &[
        Action { method: Method::GET, name: "instanceView", right: "instanceView/read", run: Run::Read(get_view) },
        power::START,
        power::POWER_OFF,
        power::DEALLOCATE,
        power::RESTART,
        power::REIMAGE,
        power::REIMAGE_ALL,
        power::REDEPLOY,
        power::SIMULATE_EVICTION,
    ],
    members,
    view,
    ..ResourceType::PLAIN
};

/// An instance comes with the capacity of its set only.
fn put(write: &mut Write<'_, '_>) -> Result<(), Fault> {
    if write.old.is_none() { Err(Fault::InstanceNotFound) } else { on_host::put(write) }
}

/// Makes the next instance of a set.
pub(super) fn make(tx: &mut Tx<'_>, cx: &Cx<'_>, of: ChangedSet, set: &mut Resource) -> Result<(), StoreError> {
    loop {
        let number = set.instances_made;
        set.instances_made += 1;
        let (id, is_child, sent) = match orchestration(&set.body) {
            Ok(Orchestration::Flexible) => (machine_id(set, number), false, machine(set, number)),
            _ => (ResourceId::parse(&format!("{}/virtualMachines/{number}", set.id)).ok(), true, instance(set, number)),
        };
        // The name of a set is one that its instances can have.
        let Some(id) = id else { return Ok(()) };
        let body = Body::kept(&id, sent);
        if of.add(tx, &cx.world, set, id, is_child, body)?.is_some() {
            return Ok(());
        }
    }
}

fn machine_id(set: &Resource, number: u64) -> Option<ResourceId> {
    let name = format!("{}_{number}", set.id.name());
    set.id.group_id()?.provider_child("Microsoft.Compute/virtualMachines", &name).ok()
}

const PROFILE: &[&str] = &["properties", "virtualMachineProfile"];
const IMAGE: &[&str] = &["properties", "virtualMachineProfile", "storageProfile", "imageReference"];
const IMAGE_MEMBERS: &[&str] = &["publisher", "offer", "sku", "version", "id"];

/// The parts that instances of both forms have of the set's profile.
fn profiles(set: &Resource, number: u64) -> Map<String, Value> {
    let of_profile = |path: &[&str]| text(set, &[PROFILE, path].concat());
    let prefix = of_profile(&["osProfile", "computerNamePrefix"]).unwrap_or(set.id.name());
    let mut os = json!({ "computerName": format!("{prefix}{}", base36(number)) });
    if let Some(name) = of_profile(&["osProfile", "adminUsername"]) {
        os["adminUsername"] = name.into();
    }
    let of_extension = set.model_extension.as_ref().map(|extension| extension.endpoint.system);
    let is_windows = system::of_profile(&set.body).or(of_extension) == Some(System::Windows);
    let os_type = if is_windows { "Windows" } else { "Linux" };
    os[if is_windows { "windowsConfiguration" } else { "linuxConfiguration" }] = json!({});
    let properties = json!({
        "hardwareProfile": {},
        "storageProfile": {
            "imageReference": texts(set, IMAGE, IMAGE_MEMBERS),
            "osDisk": { "osType": os_type, "createOption": "FromImage", "managedDisk": {} },
            "dataDisks": [],
        },
        "osProfile": os,
        "networkProfile": { "networkInterfaces": [] },
    });
    match properties {
        Value::Object(properties) => properties,
        _ => Map::new(),
    }
}

/// The number of an instance in the name of its computer. Source: recording of azure-mgmt-compute 20.0.0 (`testPC000001`).
fn base36(number: u64) -> String {
    let digit = |value: u64| char::from_digit(u32::try_from(value).unwrap_or_default(), 36).unwrap_or('0');
    let digits = (0..6).rev().map(|place| digit(number / 36_u64.pow(place) % 36));
    digits.map(|digit| digit.to_ascii_uppercase()).collect()
}

fn instance(set: &Resource, number: u64) -> Map<String, Value> {
    let mut body = Map::new();
    body.insert("location".to_owned(), set.body.location().unwrap_or_default().into());
    body.insert("sku".to_owned(), texts(set, &["sku"], &["name", "tier"]));
    body.insert("properties".to_owned(), Value::Object(profiles(set, number)));
    body
}

fn machine(set: &Resource, number: u64) -> Map<String, Value> {
    let mut properties = profiles(set, number);
    properties.insert("hardwareProfile".to_owned(), json!({ "vmSize": text(set, &["sku", "name"]) }));
    properties.insert("virtualMachineScaleSet".to_owned(), json!({ "id": set.id.as_str() }));
    let mut body = Map::new();
    body.insert("location".to_owned(), set.body.location().unwrap_or_default().into());
    body.insert("properties".to_owned(), Value::Object(properties));
    body
}

/// Gives an instance the image, the size and the extension of its set's model. The extension that it has of this model
/// already goes on as it is.
pub(super) fn bring_to_model(instance: &mut Resource, set: &Resource) {
    let since = |of: &Resource| of.model_extension.as_ref().map(|extension| extension.since);
    if since(instance) != since(set) {
        instance.model_extension.clone_from(&set.model_extension);
    }
    let image = texts(set, IMAGE, IMAGE_MEMBERS);
    instance.body.set_member(&["properties", "storageProfile", "imageReference"], image);
    if instance.id.is_of(INSTANCE_TYPE) {
        instance.body.set_member(&["sku"], texts(set, &["sku"], &["name", "tier"]));
    } else {
        instance.body.set_member(&["properties", "hardwareProfile", "vmSize"], json!(text(set, &["sku", "name"])));
    }
}

fn get_view(tx: &ReadTx<'_>, call: &Call<'_>, access: &Access) -> Result<Outcome, Fault> {
    let found = read::readable(tx, call, access)?;
    let (uuid, instance) = &*found;
    let (view, now) = (call.cx.view, call.cx.world.now);
    Ok(Outcome::shown(instance_view(tx, (*uuid, instance), now, &|host| view.is_host_connected(host, now))?))
}

fn instance_view(
    tx: &dyn Stored,
    (uuid, instance): (ResourceUuid, &Resource),
    now: Timestamp,
    is_connected: &dyn Fn(HostId) -> bool,
) -> Result<Value, Fault> {
    let mut view = json!({
        "computerName": text(instance, &["properties", "osProfile", "computerName"]),
        "statuses": statuses::of_machine(instance),
    });
    if let Some(agent) = vm_agent::of(tx, (uuid, instance), now, is_connected)? {
        view["vmAgent"] = agent;
    }
    let extensions = extensions::of_machine(tx, (uuid, instance), now)?;
    if !extensions.is_empty() {
        view["extensions"] = extensions.into();
    }
    Ok(view)
}

/// An instance is called by its number, and named after its set (recording of azure-mgmt-compute 20.0.0).
fn members(view: &View<'_>, shown: &mut Map<String, Value>) -> Result<(), Fault> {
    let number = view.resource.id.name();
    let set = view.resource.id.parent();
    let set = set.as_ref().map_or("", ResourceId::name);
    shown.insert("name".to_owned(), format!("{set}_{number}").into());
    shown.insert("instanceId".to_owned(), number.into());
    Ok(())
}

fn view(view: &View<'_>, properties: &mut Map<String, Value>) -> Result<(), Fault> {
    let expand = view.query.get("$expand").unwrap_or_default();
    on_host::show(view, properties)?;
    properties.insert("latestModelApplied".to_owned(), is_latest(view)?.into());
    properties.insert("modelDefinitionApplied".to_owned(), "VirtualMachineScaleSet".into());
    properties.insert("provisioningState".to_owned(), "Succeeded".into());
    properties.insert("vmId".to_owned(), view.uuid.to_string().into());
    if view.version.at_least("2021-11-01") {
        let created = view.resource.created_at.arm().replace('Z', "+00:00");
        properties.insert("timeCreated".to_owned(), created.into());
    }
    if expand.split(',').any(|word| word.trim().eq_ignore_ascii_case("instanceView")) {
        let shown = instance_view(view.tx, (view.uuid, view.resource), view.now, &|host| view.is_connected(host))?;
        properties.insert("instanceView".to_owned(), shown);
    }
    Ok(())
}

/// True when the instance has the latest model of its set.
pub(crate) fn is_latest(view: &View<'_>) -> Result<bool, Fault> {
    let Some(membership) = view.resource.set else { return Ok(true) };
    Ok(view.tx.model_of(membership.set)? <= membership.model)
}
