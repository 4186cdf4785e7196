//! User-assigned identities.

use crate::cloud::{ARM, Cloud, MSI, Person, VM};
use bonafide_core::directory::{PRINCIPALS, PrincipalKind};
use bonafide_store::{Read, StoreError};
use bonafide_types::ObjectId;
use http::Method;
use serde_json::json;

#[test]
fn an_identity_is_made_read_changed_and_deleted() {
    let cloud = Cloud::with_group();
    let path = cloud.identity("id1");
    let made = cloud.put(&path, "2018-11-30", json!({"location": "westus", "tags": {"a": "b"}})).expect(201);
    // The recordings of Azure spell the group's segment so.
    let id = path.replace("/resourceGroups/", "/resourcegroups/");
    assert_eq!(made.body["id"], id);
    let properties = made.body["properties"].clone();
    assert_eq!(properties["tenantId"], cloud.tenant.to_string());
    assert_ne!(properties["principalId"], properties["clientId"]);
    assert_eq!(made.body["type"], "Microsoft.ManagedIdentity/userAssignedIdentities");
    let principal: ObjectId = properties["principalId"].as_str().unwrap().parse().unwrap();
    let row = || cloud.store.read(|tx| tx.get(&PRINCIPALS, &principal)).unwrap();
    assert!(matches!(row().unwrap().kind, PrincipalKind::UserAssigned { .. }));

    // Again: the same identity. Nobody can say which principal it is.
    let body = json!({"location": "westus", "properties": {"principalId": "x", "clientId": "y", "isolationScope": "Regional"}});
    let again = cloud.put(&path, MSI, body).expect(200).body;
    assert_eq!(again["properties"]["principalId"], properties["principalId"]);
    assert_eq!(again["properties"]["isolationScope"], "Regional");
    cloud.patch(&path, MSI, json!({"location": "westus", "tags": {"c": "d"}})).expect(200);
    let read = cloud.get(&path, MSI).expect(200).body;
    assert_eq!((&read["tags"], &read["properties"]["isolationScope"]), (&json!({"c": "d"}), &json!("Regional")));
    let list = |above: &str| {
        cloud.get(&format!("{above}/providers/Microsoft.ManagedIdentity/userAssignedIdentities"), MSI).expect(200)
    };
    assert_eq!(list(&cloud.at("g")).names(), ["id1"]);
    assert_eq!(list(&cloud.root()).body["value"][0], read);
    cloud.delete(&path, MSI).expect(200);
    assert!(row().is_none());
    cloud.delete(&path, MSI).expect(204);
    cloud.get(&path, MSI).refused(404, "ResourceNotFound");
    cloud.patch(&path, MSI, json!({})).refused(404, "ResourceNotFound");
}

#[test]
fn an_identity_needs_a_name_a_location_and_has_no_identity() {
    let cloud = Cloud::with_group();
    let put = |name: &str, body| cloud.put(&cloud.identity(name), MSI, body);
    put("ab", json!({"location": "westus"})).refused(400, "InvalidResourceName");
    put("-ab", json!({"location": "westus"})).refused(400, "InvalidResourceName");
    put("abc", json!({"location": "westus", "identity": {"type": "None"}})).expect(201);
    put("abcd", json!({})).refused(400, "LocationRequired");
    put("abc", json!({"location": "westus", "identity": {"type": "SystemAssigned"}}))
        .refused(400, "CannotSetResourceIdentity");
}

#[test]
fn who_has_an_identity_can_be_asked() {
    let cloud = Cloud::with_group();
    let id = cloud.make_identity("id1");
    let ask = |who: &Person, query: &str| {
        let path = format!("{id}/listAssociatedResources{query}");
        cloud.call(who, Method::POST, &path, "2022-01-31-preview", None)
    };
    assert_eq!(ask(&cloud.owner, "").expect(200).body, json!({"totalCount": 0, "value": []}));
    for name in ["vm1", "vm2"] {
        let block = json!({"type": "UserAssigned", "userAssignedIdentities": {&id: {}}});
        cloud.put(&cloud.vm(name), VM, json!({"location": "westus", "identity": block})).expect(201);
    }
    let found = ask(&cloud.owner, "").expect(200).body;
    assert_eq!(found["totalCount"], 2);
    assert_eq!(found["value"][0]["type"], "Microsoft.Compute/virtualMachines");
    assert_eq!(found["value"][0]["resourceGroup"], "g");
    assert_eq!(ask(&cloud.owner, "?$skip=1&$top=5").expect(200).body["value"].as_array().unwrap().len(), 1);
    ask(&cloud.in_subscription("Reader"), "").refused(403, "AuthorizationFailed");
    // An identity that the caller may not read is not named to it.
    let person = cloud.person(cloud.tenant, &[]);
    cloud.grant(&person, "Contributor", &id);
    assert_eq!(ask(&person, "").expect(200).body, json!({"totalCount": 0, "value": []}));
}

#[test]
fn a_role_can_be_assigned_before_the_identity_is_attached() {
    let cloud = Cloud::with_group();
    let id = cloud.make_identity("id1");
    let principal = cloud.get(&id, MSI).body["properties"]["principalId"].as_str().unwrap().parse().unwrap();
    let identity = Person { tenant: cloud.tenant, id: principal };
    cloud.grant(&identity, "Reader", &cloud.at("g"));
    cloud.call(&identity, Method::GET, &cloud.at("g"), ARM, None).expect(200);
    let exists = cloud.store.read(|tx| Ok::<_, StoreError>(tx.get(&PRINCIPALS, &principal)?.is_some())).unwrap();
    assert!(exists);
}
