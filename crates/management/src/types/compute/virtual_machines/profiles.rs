//! The parts of a machine that clients read without asking whether they are there.

use crate::types::compute::system;
use bonafide_core::directory::System;
use serde_json::{Map, Value, json};

/// Adds what Azure shows of every machine and a PUT may leave out. It is shown and not stored (ADR 3).
///
/// Source: azure-resourcemanager-compute 2.x for Java reads `hardwareProfile.vmSize`, `storageProfile.dataDisks`,
/// `storageProfile.osDisk` with `createOption` (without which it sends no update), its `managedDisk.id` where
/// there is no `vhd`, and `networkProfile.networkInterfaces`; none of them with a check for null.
pub(super) fn complete(properties: &mut Map<String, Value>) {
    let os_type = if system::of_properties(properties) == Some(System::Windows) { "Windows" } else { "Linux" };
    part(properties, "hardwareProfile", json!({}));
    if let Some(storage) = part(properties, "storageProfile", json!({})) {
        if let Some(disk) = part(storage, "osDisk", json!({})) {
            part(disk, "osType", os_type.into());
            part(disk, "createOption", "FromImage".into());
            if found(disk, "vhd").is_none() {
                part(disk, "managedDisk", json!({}));
            }
        }
        part(storage, "dataDisks", json!([]));
        name_disks(storage);
    }
    if let Some(network) = part(properties, "networkProfile", json!({})) {
        part(network, "networkInterfaces", json!([]));
    }
}

/// A data disk that was attached by its id is called by its name: `az vm disk detach` ends in a traceback at one without
/// (azure-cli 2.91, `custom.py`).
fn name_disks(storage: &mut Map<String, Value>) {
    let disks = storage.iter_mut().find(|(other, _)| other.eq_ignore_ascii_case("dataDisks"));
    let Some(disks) = disks.and_then(|(_, disks)| disks.as_array_mut()) else { return };
    for disk in disks.iter_mut().filter_map(Value::as_object_mut) {
        let managed = found(disk, "managedDisk").and_then(Value::as_object);
        let id = managed.and_then(|managed| found(managed, "id")).and_then(Value::as_str);
        let name = id.and_then(|id| id.rsplit('/').next()).map(str::to_owned);
        if let (None, Some(name)) = (found(disk, "name"), name) {
            disk.insert("name".to_owned(), name.into());
        }
    }
}

/// A member that is not null, in any case of its name.
fn found<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    object.iter().find(|(other, value)| other.eq_ignore_ascii_case(name) && !value.is_null()).map(|(_, value)| value)
}

/// The member with this name, in any case, where it is an object; `absent` takes the place of none and of null.
fn part<'a>(object: &'a mut Map<String, Value>, name: &str, absent: Value) -> Option<&'a mut Map<String, Value>> {
    let name = object.keys().find(|other| other.eq_ignore_ascii_case(name)).cloned().unwrap_or_else(|| name.to_owned());
    let value = object.entry(name).or_insert(Value::Null);
    if value.is_null() {
        *value = absent;
    }
    value.as_object_mut()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn completed(mut properties: Value) -> Value {
        complete(properties.as_object_mut().unwrap());
        properties
    }

    #[test]
    fn what_a_client_reads_unasked_is_there_whatever_was_sent() {
        let disk = json!({"osType": "Linux", "createOption": "FromImage", "managedDisk": {}});
        let all = json!({
            "hardwareProfile": {}, "storageProfile": {"osDisk": disk, "dataDisks": []},
            "networkProfile": {"networkInterfaces": []},
        });
        for sent in [
            json!({}),
            json!({"storageProfile": null, "networkProfile": null}),
            json!({"storageProfile": {"osDisk": null}, "networkProfile": {"networkInterfaces": null}}),
        ] {
            assert_eq!(completed(sent), all);
        }
        assert_eq!(completed(all.clone()), all);
    }

    #[test]
    fn a_disk_that_was_attached_by_its_id_has_the_name_of_it() {
        let sent = json!({"storageProfile": {"dataDisks": [
            {"lun": 0, "managedDisk": {"id": "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/disks/d1"}},
            {"name": "mine", "managedDisk": {"id": "/x/d2"}}, {"lun": 2}, 3,
        ]}});
        let disks = completed(sent)["storageProfile"]["dataDisks"].clone();
        assert_eq!((&disks[0]["name"], &disks[1]["name"]), (&json!("d1"), &json!("mine")));
        assert_eq!((&disks[2], &disks[3]), (&json!({"lun": 2}), &json!(3)));
    }

    #[test]
    fn what_was_sent_stays_as_it_is() {
        let sent = json!({
            "hardwareProfile": {"vmSize": "Standard_B1s"},
            "STORAGEPROFILE": {"osDisk": {"createOption": "Attach", "vhd": {"uri": "u"}, "osType": "Windows"}, "dataDisks": [1]},
            "networkProfile": {"networkInterfaces": [{"id": "n"}], "networkApiVersion": "2022-07-01"},
        });
        assert_eq!(completed(sent.clone()), sent);
        let windows = completed(json!({"osProfile": {"windowsConfiguration": {}}}));
        assert_eq!(windows["storageProfile"]["osDisk"]["osType"], "Windows");
        // A value that is no object is not corrected: it was sent so.
        assert_eq!(completed(json!({"storageProfile": 1}))["storageProfile"], 1);
    }
}
