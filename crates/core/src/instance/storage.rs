//! `storageProfile`: the disks and the image.

use super::Machine;
use super::said::{below, flag, property, text, text_below};
use serde_json::{Value, json};

/// The member `storageProfile`.
pub(super) fn profile(machine: &Machine<'_>) -> Value {
    let image = |name: &str| text(machine, &["storageProfile", "imageReference", name]);
    let disks = property(machine, &["storageProfile", "dataDisks"]).and_then(Value::as_array);
    json!({
        "dataDisks": disks.into_iter().flatten().map(data_disk).collect::<Vec<_>>(),
        "imageReference": {
            "communityGalleryImageId": image("communityGalleryImageId"),
            "exactVersion": image("exactVersion"),
            "id": image("id"),
            "offer": image("offer"),
            "publisher": image("publisher"),
            "sharedGalleryImageId": image("sharedGalleryImageId"),
            "sku": image("sku"),
            "version": image("version"),
        },
        "osDisk": os_disk(property(machine, &["storageProfile", "osDisk"]).unwrap_or(&Value::Null)),
        "resourceDisk": { "size": "" },
    })
}

fn data_disk(disk: &Value) -> Value {
    let mut shown = common(disk);
    let size = below(disk, &["diskSizeGB"]).and_then(Value::as_u64);
    shown["bytesPerSecondThrottle"] = "".into();
    shown["diskCapacityBytes"] = size.map_or_else(String::new, |size| (size << 30).to_string()).into();
    shown["isSharedDisk"] = "false".into();
    let is_ultra = text_below(disk, &["managedDisk", "storageAccountType"]).eq_ignore_ascii_case("UltraSSD_LRS");
    shown["isUltraDisk"] = if is_ultra { "true" } else { "false" }.into();
    shown["lun"] = text_below(disk, &["lun"]).into();
    shown["opsPerSecondThrottle"] = "".into();
    shown
}

fn os_disk(disk: &Value) -> Value {
    let mut shown = common(disk);
    let of = |path: &[&str]| text_below(disk, &[&["encryptionSettings"], path].concat());
    shown["diffDiskSettings"] = json!({ "option": text_below(disk, &["diffDiskSettings", "option"]) });
    shown["encryptionSettings"] = json!({
        "enabled": flag(below(disk, &["encryptionSettings", "enabled"])),
        "diskEncryptionKey": {
            "secretUrl": of(&["diskEncryptionKey", "secretUrl"]),
            "sourceVault": { "id": of(&["diskEncryptionKey", "sourceVault", "id"]) },
        },
        "keyEncryptionKey": {
            "keyUrl": of(&["keyEncryptionKey", "keyUrl"]),
            "sourceVault": { "id": of(&["keyEncryptionKey", "sourceVault", "id"]) },
        },
    });
    shown["osType"] = text_below(disk, &["osType"]).into();
    shown
}

fn common(disk: &Value) -> Value {
    json!({
        "caching": text_below(disk, &["caching"]),
        "createOption": text_below(disk, &["createOption"]),
        "diskSizeGB": text_below(disk, &["diskSizeGB"]),
        "image": { "uri": text_below(disk, &["image", "uri"]) },
        "managedDisk": {
            "id": text_below(disk, &["managedDisk", "id"]),
            "storageAccountType": text_below(disk, &["managedDisk", "storageAccountType"]),
        },
        "name": text_below(disk, &["name"]),
        "vhd": { "uri": text_below(disk, &["vhd", "uri"]) },
        "writeAcceleratorEnabled": flag(below(disk, &["writeAcceleratorEnabled"])),
    })
}
