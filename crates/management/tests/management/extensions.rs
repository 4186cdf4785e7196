//! The extension for managed identities, and the number of identities that it serves.

use crate::cloud::{Answer, Cloud, VM};
use serde_json::{Value, json};

fn extension(name: &str) -> Value {
    json!({"location": "westus", "properties": {"publisher": "Microsoft.ManagedIdentity", "type": name, "typeHandlerVersion": "1.0"}})
}

fn linux() -> Value {
    extension("ManagedIdentityExtensionForLinux")
}

fn with(ids: &[String]) -> Value {
    let map = ids.iter().map(|id| (id.clone(), json!({}))).collect();
    json!({"location": "westus", "identity": {"type": "UserAssigned", "userAssignedIdentities": Value::Object(map)}})
}

fn count(machine: &Answer) -> usize {
    machine.body["identity"]["userAssignedIdentities"].as_object().map_or(0, |map| map.len())
}

/// The limit and the number are both in the refusal.
fn refused_for(answer: Answer, number: usize) {
    let answer = answer.refused(400, "FailedIdentityOperation");
    let message = answer.body["error"]["message"].as_str().unwrap();
    assert!(message.contains("at most 32 ") && message.contains(&format!("have {number}:")), "{message}");
}

#[test]
fn the_extension_and_a_thirty_third_identity_keep_each_other_away() {
    let cloud = Cloud::with_group();
    let ids: Vec<String> = (0..34).map(|n| cloud.make_identity(&format!("id{n}"))).collect();
    let (vm, other) = (cloud.vm("vm1"), cloud.vm("vm2"));
    let path = |vm: &str| format!("{vm}/extensions/msi");

    // From the side of the extension.
    cloud.put(&vm, VM, with(&ids[..33])).expect(201);
    refused_for(cloud.put(&path(&vm), VM, linux()), 33);
    assert_eq!(cloud.get(&path(&vm), VM).status, 404);
    let take = json!({"identity": {"type": "UserAssigned", "userAssignedIdentities": {&ids[0]: null}}});
    assert_eq!(count(&cloud.patch(&vm, VM, take).expect(200)), 32);
    cloud.put(&path(&vm), VM, linux()).expect(201);

    // From the side of the identities, by PATCH, by PUT, and by both at once; nothing is changed.
    let before = cloud.get(&vm, VM).body;
    let more = |ids: &[&String]| {
        let map = ids.iter().map(|id| ((*id).clone(), json!({}))).collect();
        json!({"tags": {"a": "b"}, "identity": {"type": "UserAssigned", "userAssignedIdentities": Value::Object(map)}})
    };
    refused_for(cloud.patch(&vm, VM, more(&[&ids[0]])), 33);
    refused_for(cloud.patch(&vm, VM, more(&[&ids[0], &ids[33]])), 34);
    refused_for(cloud.put(&vm, VM, with(&ids[..33])), 33);
    assert_eq!(cloud.get(&vm, VM).body, before);
    // One for another, and all that is no identity, goes on.
    let swap = json!({"identity": {"type": "UserAssigned", "userAssignedIdentities": {&ids[0]: {}, &ids[1]: null}}});
    assert_eq!(count(&cloud.patch(&vm, VM, swap).expect(200)), 32);
    cloud.patch(&vm, VM, json!({"tags": {"a": "b"}, "identity": {"type": "SystemAssigned, UserAssigned"}})).expect(200);
    // Without the extension there is no such limit, and another publisher's sets none.
    cloud.delete(&path(&vm), VM).expect(200);
    assert_eq!(count(&cloud.patch(&vm, VM, more(&[&ids[1], &ids[33]])).expect(200)), 34);
    cloud.put(&other, VM, with(&ids[..33])).expect(201);
    let script = json!({"location": "westus", "properties": {"publisher": "Microsoft.Azure.Extensions", "type": "CustomScript"}});
    cloud.put(&format!("{other}/extensions/script"), VM, script).expect(201);
}

#[test]
fn an_extension_for_the_other_operating_system_is_told_by_all_that_names_one() {
    let cloud = Cloud::with_group();
    for (at, (properties, linux, windows)) in [
        (json!({}), true, true),
        (json!({"storageProfile": {"osDisk": {"osType": "Linux"}}}), true, false),
        (json!({"STORAGEPROFILE": {"OsDisk": {"OSTYPE": "windows"}}}), false, true),
        (json!({"osProfile": {"linuxConfiguration": {}}}), true, false),
        (json!({"osProfile": {"WindowsConfiguration": {"a": 1}, "linuxConfiguration": null}}), false, true),
    ]
    .into_iter()
    .enumerate()
    {
        for (name, fits) in
            [("ManagedIdentityExtensionForLinux", linux), ("ManagedIdentityExtensionForWindows", windows)]
        {
            let vm = cloud.vm(&format!("vm{at}{fits}{}", name.len()));
            let machine =
                json!({"location": "westus", "identity": {"type": "SystemAssigned"}, "properties": properties});
            cloud.put(&vm, VM, machine).expect(201);
            let path = format!("{vm}/extensions/msi");
            cloud.put(&path, VM, extension(name)).expect(201);
            let shown = cloud.get(&format!("{path}?$expand=instanceView"), VM).expect(200).body.to_string();
            assert_eq!(shown.contains("is on no host"), fits, "{name}: {properties}: {shown}");
            assert_eq!(shown.contains("another operating system"), !fits, "{name}: {properties}: {shown}");
        }
    }
}

#[test]
fn tn_04_protected_settings_are_nowhere_whatever_their_spelling() {
    let cloud = Cloud::with_group();
    let vm = cloud.vm("vm1");
    cloud.put(&vm, VM, json!({"location": "westus", "identity": {"type": "SystemAssigned"}})).expect(201);
    let path = format!("{vm}/extensions/msi");
    for spelled in ["protectedSettings", "ProtectedSettings", "PROTECTEDSETTINGS"] {
        let mut body = linux();
        body["properties"][spelled] = json!({"key": "hunter2"});
        let made = cloud.put(&path, VM, body.clone());
        assert!(made.status < 300 && !made.body.to_string().contains("hunter2"), "{made:?}");
        let patched = cloud.patch(&path, VM, json!({"properties": {spelled: {"key": "hunter2"}}}));
        assert!(!patched.body.to_string().contains("hunter2"), "{patched:?}");
        assert!(!cloud.get(&path, VM).body.to_string().contains("hunter2"));
    }
}
