//! Rows that are not what was stored.

use crate::cloud::{ARM, Cloud, VM};
use serde_json::{Value, json};

const LOCK: &str = "2020-05-01";

fn machine() -> Value {
    json!({"location": "westus", "properties": {}})
}

/// Changes one bit of the row, or the index entries, whose stored key or value contains `text`.
fn damage(cloud: &Cloud, table: &str, text: &str) {
    damage_bytes(cloud, table, text.as_bytes());
}

fn damage_bytes(cloud: &Cloud, table: &str, text: &[u8]) {
    let holds = |bytes: &[u8]| bytes.windows(text.len()).any(|part| part == text);
    let mut found = 0;
    let flip = |key: &[u8], value: &mut Vec<u8>| {
        if holds(key) || holds(value) {
            value[0] ^= 1;
            found += 1;
        }
    };
    cloud.store.tamper(table, flip).unwrap();
    assert!(found > 0, "{table} {}", text.escape_ascii());
}

#[test]
fn du_05_a_damaged_resource_is_missing_and_its_name_is_not_free() {
    let cloud = Cloud::with_group();
    cloud.put(&cloud.vm("vm1"), VM, machine()).expect(201);
    cloud.put(&cloud.vm("vm2"), VM, machine()).expect(201);
    damage(&cloud, "resource", "virtualMachines/vm1\"");
    let machines = format!("{}/providers/Microsoft.Compute/virtualMachines", cloud.at("g"));
    assert_eq!(cloud.get(&machines, VM).expect(200).names(), ["vm2"]);
    cloud.get(&cloud.vm("vm1"), VM).refused(404, "ResourceNotFound");
    cloud.put(&cloud.vm("vm1"), VM, machine()).refused(503, "ServiceUnavailable");
    cloud.delete(&cloud.vm("vm1"), VM).refused(503, "ServiceUnavailable");
    cloud.put(&cloud.vm("vm2"), VM, machine()).expect(200);
    assert_eq!(cloud.store.damaged().count, 1);
}

#[test]
fn du_05_a_damaged_entry_shortens_no_list_and_frees_no_name() {
    let cloud = Cloud::with_group();
    cloud.put(&cloud.vm("vm1"), VM, machine()).expect(201);
    damage(&cloud, "resource-in-group", "virtualmachines");
    damage(&cloud, "resource-by-id", "virtualmachines/vm1");
    let machines = format!("{}/providers/Microsoft.Compute/virtualMachines", cloud.at("g"));
    cloud.get(&machines, VM).refused(503, "ServiceUnavailable");
    cloud.get(&cloud.vm("vm1"), VM).refused(503, "ServiceUnavailable");
    cloud.put(&cloud.vm("vm1"), VM, machine()).refused(503, "ServiceUnavailable");
    // An empty group could be deleted; nobody knows whether this one is.
    cloud.put(&cloud.vm("vm2"), VM, machine()).expect(201);
}

#[test]
fn du_05_a_damaged_lock_refuses_what_it_may_forbid() {
    let cloud = Cloud::with_group();
    let lock = format!("{}/providers/Microsoft.Authorization/locks/keep", cloud.at("g"));
    cloud.put(&lock, LOCK, json!({"properties": {"level": "CanNotDelete"}})).expect(201);
    cloud.put(&cloud.vm("vm1"), VM, machine()).expect(201);
    damage(&cloud, "lock", "keep");
    cloud.delete(&cloud.vm("vm1"), VM).refused(503, "ServiceUnavailable");
    cloud.delete(&lock, LOCK).refused(503, "ServiceUnavailable");
    cloud.get(&cloud.vm("vm1"), VM).expect(200);
}

#[test]
fn du_05_a_damaged_role_assignment_takes_one_role_and_no_other() {
    let cloud = Cloud::with_group();
    let person = cloud.in_subscription("Reader");
    cloud.grant(&person, "Contributor", &cloud.at("g"));
    let path = cloud.vm("vm1");
    let put = || cloud.call(&person, http::Method::PUT, &path, VM, Some(machine()));
    put().expect(201);
    cloud.put(&cloud.at("h"), ARM, json!({"location": "westus"})).expect(201);
    let read = |group: &str| cloud.call(&person, http::Method::GET, &cloud.at(group), ARM, None);
    read("h").expect(200);
    let reader = uuid::uuid!("acdd72a7-3385-48ef-bd42-f606fba81ae7");
    // The entry of the index is what grants: it has its own MAC, and of the row nothing else is asked.
    damage_bytes(&cloud, "role-assignment-by-content", reader.as_bytes());
    put().expect(200);
    read("g").expect(200);
    read("h").refused(403, "AuthorizationFailed");
}
