//! `compute`: the machine itself.

use super::said::{as_text, below, flag, member, property, text, text_below};
use super::{Machine, storage, tags};
use crate::directory::Resource;
use bonafide_types::ResourceId;
use serde_json::{Value, json};

/// The cloud that a machine says it is in, where its operator does not say another. Clients look the name up in a table of
/// four, and know none of ours.
const ENVIRONMENT: &str = "AzurePublicCloud";

/// The member `compute`.
pub(super) fn compute(machine: &Machine<'_>) -> Value {
    let id = &machine.resource.id;
    let image = |name: &str| text(machine, &["storageProfile", "imageReference", name]);
    let operator = |name: &str, default: &str| tags::said_by_operator(machine, name).unwrap_or(default).to_owned();
    let set = set_id(machine);
    json!({
        "additionalCapabilities": {
            "hibernationEnabled": flag(property(machine, &["additionalCapabilities", "hibernationEnabled"])),
        },
        "azEnvironment": operator("azenvironment", ENVIRONMENT),
        "customData": "",
        "evictionPolicy": text(machine, &["evictionPolicy"]),
        "extendedLocation": {
            "name": member(machine, &["extendedLocation", "name"]).map_or_else(String::new, as_text),
            "type": member(machine, &["extendedLocation", "type"]).map_or_else(String::new, as_text),
        },
        "host": { "id": text(machine, &["host", "id"]) },
        "hostGroup": { "id": host_group(machine) },
        "isHostCompatibilityLayerVm": "false",
        "licenseType": text(machine, &["licenseType"]),
        "location": location(machine),
        "name": name(machine),
        "offer": image("offer"),
        "osProfile": os_profile(machine),
        "osType": os_type(machine),
        "physicalZone": operator("physicalzone", ""),
        "placementGroupId": operator("placementgroupid", ""),
        "plan": plan(machine),
        "platformFaultDomain": operator("platformfaultdomain", &fault_domain(machine)),
        "platformSubFaultDomain": operator("platformsubfaultdomain", ""),
        "platformUpdateDomain": operator("platformupdatedomain", "0"),
        "priority": text(machine, &["priority"]),
        "provider": id.type_name().namespace(),
        "publicKeys": public_keys(machine),
        "publisher": image("publisher"),
        "resourceGroupName": id.resource_group().unwrap_or_default(),
        "resourceId": id.as_str(),
        "securityProfile": security_profile(machine),
        "sku": image("sku"),
        "storageProfile": storage::profile(machine),
        "subscriptionId": id.subscription().map_or_else(String::new, |subscription| subscription.to_string()),
        "tags": tags::line(machine),
        "tagsList": tags::list(machine),
        "userData": text(machine, &["userData"]),
        "version": image("version"),
        "virtualMachineScaleSet": { "id": set.as_ref().map_or("", |set| set.as_str()) },
        "vmId": machine.uuid.to_string(),
        "vmScaleSetName": set.as_ref().map_or("", |set| set.name()),
        "vmSize": size(machine),
        "zone": zone(machine),
    })
}

fn name(machine: &Machine<'_>) -> String {
    machine_name(machine.resource, machine.set)
}

/// The name of a machine. An instance of a uniform set is named after it.
pub(crate) fn machine_name(machine: &Resource, set: Option<&Resource>) -> String {
    let own = machine.id.name();
    match set {
        Some(set) if machine.parent.is_some() => format!("{}_{own}", set.id.name()),
        _ => own.to_owned(),
    }
}

/// Lower case without blanks, as regions are in the names of hosts.
fn location(machine: &Machine<'_>) -> String {
    let said = machine.resource.body.location().unwrap_or_default();
    said.chars().filter(|letter| !letter.is_whitespace()).collect::<String>().to_ascii_lowercase()
}

fn size(machine: &Machine<'_>) -> String {
    let own = property(machine, &["hardwareProfile", "vmSize"]);
    own.or_else(|| member(machine, &["sku", "name"])).map_or_else(String::new, as_text)
}

fn zone(machine: &Machine<'_>) -> String {
    let zones = member(machine, &["zones"]).and_then(Value::as_array);
    zones.and_then(|zones| zones.first()).map_or_else(String::new, as_text)
}

fn fault_domain(machine: &Machine<'_>) -> String {
    property(machine, &["platformFaultDomain"]).map_or_else(|| "0".to_owned(), as_text)
}

fn set_id(machine: &Machine<'_>) -> Option<ResourceId> {
    let said = || ResourceId::parse(property(machine, &["virtualMachineScaleSet", "id"])?.as_str()?).ok();
    machine.set.map(|set| set.id.clone()).or_else(said)
}

/// The group of the host, where the host alone is said.
fn host_group(machine: &Machine<'_>) -> String {
    let said = text(machine, &["hostGroup", "id"]);
    if !said.is_empty() {
        return said;
    }
    let host = ResourceId::parse(&text(machine, &["host", "id"])).ok();
    host.and_then(|host| host.parent()).map_or_else(String::new, |group| group.as_str().to_owned())
}

fn os_type(machine: &Machine<'_>) -> &'static str {
    let said = text(machine, &["storageProfile", "osDisk", "osType"]);
    let has = |configuration: &str| property(machine, &["osProfile", configuration]).is_some();
    let is_windows = said.eq_ignore_ascii_case("windows") || (said.is_empty() && has("windowsConfiguration"));
    if is_windows { "Windows" } else { "Linux" }
}

fn os_profile(machine: &Machine<'_>) -> Value {
    let computer = text(machine, &["osProfile", "computerName"]);
    json!({
        "adminUsername": text(machine, &["osProfile", "adminUsername"]),
        "computerName": if computer.is_empty() { name(machine) } else { computer },
        "disablePasswordAuthentication":
            flag(property(machine, &["osProfile", "linuxConfiguration", "disablePasswordAuthentication"])),
    })
}

fn plan(machine: &Machine<'_>) -> Value {
    let of = |name: &str| member(machine, &["plan", name]).map_or_else(String::new, as_text);
    json!({ "name": of("name"), "product": of("product"), "publisher": of("publisher") })
}

fn public_keys(machine: &Machine<'_>) -> Vec<Value> {
    let keys = property(machine, &["osProfile", "linuxConfiguration", "ssh", "publicKeys"]).and_then(Value::as_array);
    let keys = keys.into_iter().flatten();
    keys.map(|key| json!({ "keyData": text_below(key, &["keyData"]), "path": text_below(key, &["path"]) })).collect()
}

fn security_profile(machine: &Machine<'_>) -> Value {
    let profile = property(machine, &["securityProfile"]);
    let of = |path: &[&str]| profile.and_then(|profile| below(profile, path));
    json!({
        "encryptionAtHost": flag(of(&["encryptionAtHost"])),
        "secureBootEnabled": flag(of(&["uefiSettings", "secureBootEnabled"])),
        "securityType": of(&["securityType"]).map_or_else(String::new, as_text),
        "virtualTpmEnabled": flag(of(&["uefiSettings", "vTpmEnabled"])),
    })
}
