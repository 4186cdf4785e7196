//! The life cycle of a machine with all four identity types.

use crate::cloud::{Cloud, MSI, VM};
use bonafide_core::directory::PRINCIPALS;
use bonafide_store::{Read, StoreError};
use bonafide_types::ObjectId;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicUsize, Ordering};

fn machine(identity: Value) -> Value {
    let mut body = json!({
        "location": "West US",
        "properties": {
            "hardwareProfile": {"vmSize": "Standard_B1s"},
            "osProfile": {"computerName": "vm1", "adminUsername": "u", "adminPassword": "hunter2", "customData": "c2VjcmV0"},
        },
    });
    if !identity.is_null() {
        body["identity"] = identity;
    }
    body
}

fn principal_exists(cloud: &Cloud, id: &Value) -> bool {
    let id: ObjectId = id.as_str().unwrap().parse().unwrap();
    cloud.store.read(|tx| Ok::<_, StoreError>(tx.get(&PRINCIPALS, &id)?.is_some())).unwrap()
}

#[test]
fn a_machine_is_made_read_changed_and_deleted() {
    let cloud = Cloud::with_group();
    let path = cloud.vm("vm1");
    let made = cloud.put(&path, VM, machine(Value::Null)).expect(201);
    assert_eq!(made.body["properties"]["provisioningState"], "Succeeded");

    let read = cloud.get(&path, VM).expect(200);
    assert_eq!(read.body["id"], path);
    assert_eq!(read.body["type"], "Microsoft.Compute/virtualMachines");
    assert_eq!(read.body["location"], "westus");
    assert_eq!(read.body["tags"], json!({}));
    assert!(read.body.get("identity").is_none());
    assert_eq!(read.body["properties"]["provisioningState"], "Succeeded");
    assert_eq!((&read.body["etag"], read.header("etag")), (&json!(made.header("etag")), made.header("etag")));
    let vm_id = read.body["properties"]["vmId"].clone();

    // az updates a machine by sending back what it read.
    let mut body = read.body.clone();
    body["tags"] = json!({"fixVM": "1"});
    let updated = cloud.put(&path, VM, body).expect(200);
    assert_eq!(updated.body["properties"]["provisioningState"], "Succeeded");
    assert_eq!(cloud.get(&path, VM).body["properties"]["vmId"], vm_id);
    assert_eq!(cloud.get(&path, VM).body["tags"], json!({"fixVM": "1"}));

    cloud.patch(&path, VM, json!({"tags": {"a": "b"}, "properties": {"licenseType": "x"}})).expect(200);
    let patched = cloud.get(&path, VM).body;
    assert_eq!((&patched["tags"], &patched["properties"]["licenseType"]), (&json!({"a": "b"}), &json!("x")));
    assert_eq!(patched["properties"]["hardwareProfile"]["vmSize"], "Standard_B1s");

    cloud.delete(&path, VM).expect(200);
    cloud.get(&path, VM).refused(404, "ResourceNotFound");
    cloud.delete(&path, VM).expect(204);
    cloud.patch(&path, VM, json!({})).refused(404, "ResourceNotFound");
}

#[test]
fn tn_04_write_only_values_are_never_returned_or_stored() {
    let cloud = Cloud::with_group();
    let made = cloud.put(&cloud.vm("vm1"), VM, machine(Value::Null)).expect(201);
    let shown = format!("{}{}", made.body, cloud.get(&cloud.vm("vm1"), VM).body);
    assert!(shown.contains("adminUsername") && !shown.contains("hunter2") && !shown.contains("c2VjcmV0"));
    let row = cloud.store.read(|tx| tx.page(&bonafide_core::directory::RESOURCES, &(), None, 10));
    assert!(
        !serde_json::to_string(&row.unwrap().into_iter().map(|(_, row)| row).collect::<Vec<_>>())
            .unwrap()
            .contains("hunter2")
    );
}

#[test]
fn all_four_identity_types_follow_their_life_cycle() {
    let cloud = Cloud::with_group();
    let (path, id1, id2) = (cloud.vm("vm1"), cloud.make_identity("id1"), cloud.make_identity("id2"));
    let identity = || cloud.get(&cloud.vm("vm1"), VM).expect(200).body["identity"].clone();

    cloud.put(&path, VM, machine(json!({"type": "SystemAssigned"}))).expect(201);
    let system = identity();
    assert_eq!(system["type"], "SystemAssigned");
    assert_eq!(system["tenantId"], cloud.tenant.to_string());
    assert!(principal_exists(&cloud, &system["principalId"]));

    let both = json!({"type": "SystemAssigned,UserAssigned", "userAssignedIdentities": {&id1: {}, &id2: {}}});
    cloud.patch(&path, VM, json!({"identity": both})).expect(200);
    let both = identity();
    assert_eq!(both["type"], "SystemAssigned, UserAssigned");
    assert_eq!(both["principalId"], system["principalId"]);
    let shown = cloud.get(&id1, MSI).body["properties"].clone();
    assert_eq!(
        both["userAssignedIdentities"][&id1],
        json!({"principalId": shown["principalId"], "clientId": shown["clientId"]})
    );

    // The system-assigned identity goes, the others stay: null keeps.
    cloud.patch(&path, VM, json!({"identity": {"userAssignedIdentities": null, "type": "UserAssigned"}})).expect(200);
    assert_eq!(identity()["type"], "UserAssigned");
    assert_eq!(identity()["userAssignedIdentities"].as_object().unwrap().len(), 2);
    assert!(identity().get("principalId").is_none());
    assert!(!principal_exists(&cloud, &system["principalId"]));

    cloud
        .patch(&path, VM, json!({"identity": {"type": "UserAssigned", "userAssignedIdentities": {&id1: null}}}))
        .expect(200);
    assert_eq!(identity()["userAssignedIdentities"].as_object().unwrap().keys().collect::<Vec<_>>(), [&id2]);

    cloud.patch(&path, VM, json!({"identity": {"userAssignedIdentities": null, "type": "None"}})).expect(200);
    assert_eq!(identity(), Value::Null);
    assert!(principal_exists(&cloud, &shown["principalId"]));

    // A new system-assigned identity is another one.
    cloud.patch(&path, VM, json!({"identity": {"type": "SystemAssigned"}})).expect(200);
    let again = identity();
    assert_ne!(again["principalId"], system["principalId"]);
    cloud.delete(&path, VM).expect(200);
    assert!(!principal_exists(&cloud, &again["principalId"]));
}

#[test]
fn a_put_without_identity_keeps_it_and_one_with_a_map_replaces_it() {
    let cloud = Cloud::with_group();
    let (path, id1, id2) = (cloud.vm("vm1"), cloud.make_identity("id1"), cloud.make_identity("id2"));
    let both = json!({"type": "SystemAssigned, UserAssigned", "userAssignedIdentities": {&id1: {}, &id2: {}}});
    cloud.put(&path, VM, machine(both)).expect(201);
    let before = cloud.get(&path, VM).body["identity"].clone();
    cloud.put(&path, VM, machine(Value::Null)).expect(200);
    assert_eq!(cloud.get(&path, VM).body["identity"], before);
    cloud.put(&path, VM, machine(json!({"type": "SystemAssigned, UserAssigned"}))).expect(200);
    assert_eq!(cloud.get(&path, VM).body["identity"], before);
    cloud.put(&path, VM, machine(json!({"type": "UserAssigned", "userAssignedIdentities": {&id2: {}}}))).expect(200);
    let after = cloud.get(&path, VM).body["identity"].clone();
    assert_eq!(after["userAssignedIdentities"].as_object().unwrap().keys().collect::<Vec<_>>(), [&id2]);
    cloud.put(&path, VM, machine(json!({"type": "SystemAssigned"}))).expect(200);
    assert_eq!(cloud.get(&path, VM).body["identity"]["type"], "SystemAssigned");
}

#[test]
fn versions_before_the_map_have_a_list_of_identities() {
    let cloud = Cloud::with_group();
    let (path, id1) = (cloud.vm("vm1"), cloud.make_identity("id1"));
    cloud.put(&path, "2017-12-01", machine(json!({"type": "userAssigned", "identityIds": [&id1]}))).expect(201);
    assert_eq!(cloud.get(&path, "2018-04-01").body["identity"], json!({"type": "UserAssigned", "identityIds": [&id1]}));
    assert!(cloud.get(&path, "2018-06-01").body["identity"]["userAssignedIdentities"][&id1].is_object());
    for version in [
        "2016-03-30",
        "2016-04-30-preview",
        "2017-12-01",
        "2019-07-01",
        "2022-03-01",
        "2026-04-01",
        "2031-01-01-preview",
    ] {
        cloud.get(&path, version).expect(200);
    }
    cloud.get(&path, "2016-03-29").refused(400, "NoRegisteredProviderFound");
}

#[test]
fn tn_05_ids_are_compared_without_case_and_slashes_collapse() {
    let cloud = Cloud::with_group();
    let (path, id1) = (cloud.vm("vm1"), cloud.make_identity("id1"));
    let upper = json!({"type": "UserAssigned", "userAssignedIdentities": {id1.to_uppercase(): {}}});
    cloud.put(&path, VM, machine(upper)).expect(201);
    for spelling in [
        path.to_uppercase().replace("/SUBSCRIPTIONS", "/subscriptions"),
        path.to_lowercase(),
        path.replace("/virtualMachines", "//virtualMachines"),
        format!("{path}/"),
    ] {
        assert_eq!(cloud.get(&spelling, VM).expect(200).body["id"], path, "{spelling}");
    }
    cloud.put(&path.to_uppercase(), VM, machine(Value::Null)).expect(200);
    let add = json!({"identity": {"type": "UserAssigned", "userAssignedIdentities": {id1.to_lowercase(): {}}}});
    cloud.patch(&path, VM, add).expect(200);
    assert_eq!(cloud.get(&path, VM).body["identity"]["userAssignedIdentities"].as_object().unwrap().len(), 1);
    let remove = json!({"identity": {"type": "UserAssigned", "userAssignedIdentities": {id1.to_lowercase(): null}}});
    cloud.patch(&path, VM, remove).expect(200);
    assert!(cloud.get(&path, VM).body.get("identity").is_none());
}

#[test]
fn a_deleted_identity_leaves_an_entry_that_null_removes() {
    let cloud = Cloud::with_group();
    let (path, id1) = (cloud.vm("vm1"), cloud.make_identity("id1"));
    let block = json!({"type": "UserAssigned", "userAssignedIdentities": {&id1: {}}});
    cloud.put(&path, VM, machine(block.clone())).expect(201);
    let old = cloud.get(&path, VM).body["identity"]["userAssignedIdentities"][&id1].clone();
    cloud.delete(&id1, MSI).expect(200);
    assert!(!principal_exists(&cloud, &old["principalId"]));
    // The resource still updates, whether it names the entry or not.
    cloud.patch(&path, VM, json!({"tags": {"a": "b"}})).expect(200);
    cloud.patch(&path, VM, json!({"identity": block})).expect(200);
    assert_eq!(cloud.get(&path, VM).body["identity"]["userAssignedIdentities"][&id1], old);
    // An identity made anew under the same name is another one, and takes the entry when it is assigned.
    cloud.make_identity("id1");
    assert_eq!(cloud.get(&path, VM).body["identity"]["userAssignedIdentities"][&id1], old);
    cloud.patch(&path, VM, json!({"identity": block})).expect(200);
    assert_ne!(cloud.get(&path, VM).body["identity"]["userAssignedIdentities"][&id1], old);
    cloud.delete(&id1, MSI).expect(200);
    let remove = json!({"identity": {"type": "UserAssigned", "userAssignedIdentities": {&id1: null}}});
    cloud.patch(&path, VM, remove).expect(200);
    assert!(cloud.get(&path, VM).body.get("identity").is_none());
}

#[test]
fn a_system_assigned_identity_cannot_be_shared() {
    let cloud = Cloud::with_group();
    cloud.put(&cloud.vm("vm1"), VM, machine(json!({"type": "SystemAssigned"}))).expect(201);
    for named in
        [cloud.vm("vm1"), format!("{}/providers/Microsoft.ManagedIdentity/identities/default", cloud.vm("vm1"))]
    {
        let block = json!({"type": "UserAssigned", "userAssignedIdentities": {&named: {}}});
        cloud.put(&cloud.vm("vm2"), VM, machine(block)).refused(400, "FailedIdentityOperation");
    }
    cloud.get(&cloud.vm("vm2"), VM).refused(404, "ResourceNotFound");
    let missing = json!({"type": "UserAssigned", "userAssignedIdentities": {cloud.identity("none"): {}}});
    cloud.put(&cloud.vm("vm2"), VM, machine(missing)).refused(400, "FailedIdentityOperation");
}

#[test]
fn a_thousand_identities_fit_and_one_more_is_refused() {
    let cloud = Cloud::with_group();
    let ids: Vec<String> = (0..1_001).map(|n| cloud.make_identity(&format!("id{n:04}"))).collect();
    let block = |ids: &[String]| {
        let map: serde_json::Map<String, Value> = ids.iter().map(|id| (id.clone(), json!({}))).collect();
        json!({"type": "UserAssigned", "userAssignedIdentities": map})
    };
    cloud.put(&cloud.vm("vm1"), VM, machine(block(&ids[..1_000]))).expect(201);
    let one_more = json!({"identity": block(&ids[1_000..])});
    cloud.patch(&cloud.vm("vm1"), VM, one_more).refused(400, "FailedIdentityOperation");
    let count =
        || cloud.get(&cloud.vm("vm1"), VM).body["identity"]["userAssignedIdentities"].as_object().unwrap().len();
    assert_eq!(count(), 1_000);
    let swap = json!({"type": "UserAssigned", "userAssignedIdentities": {&ids[0]: null, &ids[1_000]: {}}});
    cloud.patch(&cloud.vm("vm1"), VM, json!({"identity": swap})).expect(200);
    assert_eq!(count(), 1_000);
    cloud.delete(&cloud.vm("vm1"), VM).expect(200);
}

#[test]
fn lists_cover_a_group_or_a_subscription() {
    let cloud = Cloud::with_group();
    cloud.put(&cloud.at("h"), "2021-04-01", json!({"location": "westus"})).expect(201);
    cloud.put(&cloud.vm("vm1"), VM, machine(Value::Null)).expect(201);
    let elsewhere = cloud.vm("vm2").replace("/g/", "/h/");
    cloud.put(&elsewhere, VM, machine(Value::Null)).expect(201);
    let list = |above: &str| cloud.get(&format!("{above}/providers/Microsoft.Compute/virtualMachines"), VM).expect(200);
    assert_eq!(list(&cloud.at("g")).names(), ["vm1"]);
    assert_eq!(list(&cloud.at("h")).names(), ["vm2"]);
    assert_eq!(list(&cloud.root()).names().len(), 2);
    assert_eq!(list(&cloud.root()).body["value"][0]["properties"]["provisioningState"], "Succeeded");
    cloud
        .get(&format!("{}/providers/Microsoft.Compute/virtualMachines", cloud.at("none")), VM)
        .refused(404, "ResourceGroupNotFound");
}

#[test]
fn an_instance_view_is_read_by_itself_and_by_expansion() {
    let cloud = Cloud::with_group();
    cloud.put(&cloud.vm("vm1"), VM, machine(Value::Null)).expect(201);
    let view = cloud.get(&format!("{}/instanceView", cloud.vm("vm1")), VM).expect(200).body;
    assert_eq!(view["statuses"][0]["code"], "ProvisioningState/succeeded");
    let expanded = cloud.get(&format!("{}?$expand=instanceView", cloud.vm("vm1")), VM).expect(200).body;
    assert_eq!(expanded["properties"]["instanceView"], view);
    assert_eq!(
        view["statuses"][1],
        json!({"code": "PowerState/running", "level": "Info", "displayStatus": "VM running"})
    );
    let all = format!("{}/providers/Microsoft.Compute/virtualMachines", cloud.root());
    for query in ["?$expand=instanceView", "?statusOnly=true"] {
        let listed = cloud.get(&format!("{all}{query}"), VM).expect(200).body;
        assert_eq!(listed["value"][0]["properties"]["instanceView"], view);
    }
    assert!(cloud.get(&all, VM).body["value"][0]["properties"].get("instanceView").is_none());
    assert!(cloud.get(&cloud.vm("vm1"), VM).body["properties"].get("instanceView").is_none());
}

#[test]
fn a_machine_needs_a_group_a_location_and_a_name() {
    let cloud = Cloud::with_group();
    cloud
        .put(&cloud.vm("vm1").replace("/g/", "/none/"), VM, machine(Value::Null))
        .refused(404, "ResourceGroupNotFound");
    cloud.put(&cloud.vm("vm1"), VM, json!({"properties": {}})).refused(400, "LocationRequired");
    cloud.put(&cloud.vm("vm(1)"), VM, machine(Value::Null)).refused(400, "InvalidResourceName");
    cloud.put(&cloud.vm("vm1"), VM, machine(Value::Null)).expect(201);
    cloud.put(&cloud.vm("vm1"), VM, json!({"location": "eastus"})).refused(409, "InvalidResourceLocation");
    cloud.put(&cloud.vm("vm1"), VM, json!({"location": "WEST US"})).expect(200);
}

#[test]
fn tn_08_a_stale_etag_is_refused() {
    let cloud = Cloud::with_group();
    let path = format!("{}?api-version={VM}", cloud.vm("vm1"));
    let token = format!("Bearer {}", cloud.token(&cloud.owner));
    let send = |method: http::Method, name: &str, tag: &str| {
        let body =
            if method == http::Method::DELETE { Vec::new() } else { machine(Value::Null).to_string().into_bytes() };
        cloud.raw(method, &path, &[("authorization", &token), (name, tag)], &body)
    };
    use http::Method as M;
    send(M::PUT, "if-match", "*").refused(412, "PreconditionFailed");
    let first = send(M::PUT, "if-none-match", "*").expect(201);
    let first = first.header("etag");
    send(M::PUT, "if-none-match", "*").refused(412, "PreconditionFailed");
    let second = send(M::PUT, "if-match", first).expect(200);
    send(M::PUT, "if-match", first).refused(412, "PreconditionFailed");
    send(M::PATCH, "if-match", "\"7\"").refused(412, "PreconditionFailed");
    send(M::DELETE, "if-match", first).refused(412, "PreconditionFailed");
    send(M::DELETE, "if-match", second.header("etag")).expect(200);
}

#[test]
fn tn_08_a_put_that_is_sent_again_makes_nothing_again() {
    let cloud = Cloud::with_group();
    let body = machine(json!({"type": "SystemAssigned"})).to_string();
    let path = format!("{}?api-version={VM}", cloud.vm("vm1"));
    let token = format!("Bearer {}", cloud.token(&cloud.owner));
    let principals = || cloud.store.read(|tx| tx.page(&PRINCIPALS, &(), None, usize::MAX)).unwrap().len();
    let before = principals();
    let send = || {
        let headers = [("authorization", token.as_str()), ("x-ms-client-request-id", "the-same")];
        cloud.raw(http::Method::PUT, &path, &headers, body.as_bytes())
    };
    let (first, second) = (send().expect(201), send().expect(200));
    assert_eq!(first.body["identity"], second.body["identity"]);
    assert_eq!((&first.body["properties"]["vmId"], principals()), (&second.body["properties"]["vmId"], before + 1));
    // The same at the same time: one makes it, the others find it.
    let path = path.replace("vm1", "vm2");
    let made = AtomicUsize::new(0);
    cloud.in_parallel(8, |send, _| match send(http::Method::PUT, &path, &token, body.as_bytes()) {
        201 => drop(made.fetch_add(1, Ordering::Relaxed)),
        status => assert_eq!(status, 200),
    });
    assert_eq!((made.into_inner(), principals()), (1, before + 2));
}

#[test]
fn tn_08_concurrent_patches_lose_nothing() {
    let cloud = Cloud::with_group();
    cloud.put(&cloud.vm("vm1"), VM, machine(Value::Null)).expect(201);
    let token = format!("Bearer {}", cloud.token(&cloud.owner));
    let path = format!("{}?api-version={VM}", cloud.vm("vm1"));
    // `Cloud` keeps its clock in a cell: each thread has a cloud of its own over the same store.
    cloud.in_parallel(8, |send, n| {
        let body = json!({"properties": {format!("p{n}"): n}}).to_string();
        assert_eq!(send(http::Method::PATCH, &path, &token, body.as_bytes()), 200);
    });
    let properties = cloud.get(&cloud.vm("vm1"), VM).body["properties"].clone();
    assert!((0..8).all(|n| properties[format!("p{n}")] == n), "{properties:#}");
}

#[test]
fn a_machine_shows_its_profiles_and_a_client_can_send_them_back() {
    let cloud = Cloud::with_group();
    let made = cloud.put(&cloud.vm("vm1"), VM, json!({"location": "westus"})).expect(201).body;
    assert_eq!(made["properties"]["networkProfile"], json!({"networkInterfaces": []}));
    assert_eq!(made["properties"]["storageProfile"]["osDisk"]["createOption"], "FromImage");
    assert!(cloud.stored(&cloud.vm("vm1"))["body"].get("properties").is_none());
    let read = cloud.get(&cloud.vm("vm1"), VM).body;
    let listed = cloud.get(&format!("{}/providers/Microsoft.Compute/virtualMachines", cloud.at("g")), VM).body;
    assert_eq!(listed["value"][0], read);
    // The body that Java sends to change anything, and the body that az sends back.
    let properties = json!({"properties": {"storageProfile": read["properties"]["storageProfile"]}});
    cloud.patch(&cloud.vm("vm1"), VM, properties).expect(200);
    let again = cloud.put(&cloud.vm("vm1"), VM, read.clone()).expect(200).body;
    assert_eq!(again["properties"], read["properties"]);
}
