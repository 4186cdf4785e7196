//! Types without a provider of their own.

use crate::cloud::{ARM, Cloud, VM};
use bonafide_core::directory::RESOURCES;
use bonafide_store::Read;
use bonafide_types::ResourceId;
use http::Method;
use serde_json::{Value, json};

const NETWORK: &str = "2022-01-01";

fn network(cloud: &Cloud, name: &str) -> String {
    format!("{}/providers/Microsoft.Network/virtualNetworks/{name}", cloud.at("g"))
}

#[test]
fn a_generic_resource_is_stored_as_sent() {
    let cloud = Cloud::with_group();
    let path = format!("{}/providers/Microsoft.Network/ipGroups/net", cloud.at("g"));
    let body = json!({
        "location": "westus", "sku": {"name": "Basic", "tier": 1.5}, "kind": "x", "zones": ["1"], "tags": {"a": "b"},
        "properties": {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}, "nothing": null, "provisioningState": "Nonsense"},
    });
    cloud.put(&path, NETWORK, body).expect(201);
    let read = cloud.get(&path, NETWORK).expect(200).body;
    assert_eq!(
        read["properties"],
        json!({"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}, "nothing": null, "provisioningState": "Succeeded"})
    );
    assert_eq!(
        (&read["sku"], &read["kind"], &read["zones"]),
        (&json!({"name": "Basic", "tier": 1.5}), &json!("x"), &json!(["1"]))
    );
    // A body that was read can be sent back.
    cloud.put(&path, NETWORK, read.clone()).expect(200);
    assert_eq!(cloud.get(&path, NETWORK).body, read);
    cloud.patch(&path, NETWORK, json!({"kind": null, "properties": {"dhcpOptions": {}}})).expect(200);
    let patched = cloud.get(&path, NETWORK).body;
    assert!(patched.get("kind").is_none() && patched["properties"]["dhcpOptions"].is_object());
    assert_eq!(cloud.call(&cloud.owner, Method::HEAD, &path, NETWORK, None).status, 204);
    cloud.delete(&path, NETWORK).expect(200);
    cloud.delete(&path, NETWORK).expect(204);
    assert_eq!(cloud.call(&cloud.owner, Method::HEAD, &path, NETWORK, None).status, 404);
}

#[test]
fn a_generic_resource_has_identities_like_any_other() {
    let cloud = Cloud::with_group();
    let id = cloud.make_identity("id1");
    let path = format!("{}/providers/Microsoft.Web/sites/app", cloud.at("g"));
    let block = json!({"type": "SystemAssigned, UserAssigned", "userAssignedIdentities": {&id: {}}});
    cloud.put(&path, "2021-02-01", json!({"location": "westus", "identity": block})).expect(200);
    let identity = cloud.get(&path, "2021-02-01").body["identity"].clone();
    assert_eq!(identity["type"], "SystemAssigned, UserAssigned");
    assert!(identity["userAssignedIdentities"][&id]["clientId"].is_string());
    let shown = cloud
        .get(&format!("{path}/providers/Microsoft.ManagedIdentity/identities/default"), "2024-11-30")
        .expect(200)
        .body;
    assert_eq!(shown["properties"]["principalId"], identity["principalId"]);
    cloud
        .get(&format!("{}/providers/Microsoft.ManagedIdentity/identities/default", cloud.at("g")), "2024-11-30")
        .refused(404, "ResourceNotFound");
}

#[test]
fn children_and_extensions_live_and_die_with_their_parent() {
    let cloud = Cloud::with_group();
    let (net, subnet) = (network(&cloud, "net"), format!("{}/subnets/s1", network(&cloud, "net")));
    cloud.put(&subnet, NETWORK, json!({"properties": {}})).refused(404, "ParentResourceNotFound");
    cloud.put(&net, NETWORK, json!({"location": "westus"})).expect(201);
    let made = cloud
        .put(&subnet.to_uppercase().replace("/SUBNETS/", "/subnets/"), NETWORK, json!({"properties": {"a": 1}}))
        .expect(201);
    assert_eq!(
        (&made.body["name"], &made.body["type"]),
        (&json!("S1"), &json!("Microsoft.Network/virtualNetworks/subnets"))
    );
    assert_eq!(made.body["id"], format!("{net}/subnets/S1"));
    assert_eq!(cloud.get(&format!("{net}/subnets"), NETWORK).expect(200).names(), ["S1"]);
    let settings = format!("{net}/providers/Microsoft.Insights/diagnosticSettings/d1");
    cloud.put(&settings, "2021-05-01-preview", json!({"properties": {}})).expect(201);
    let list =
        cloud.get(&format!("{net}/providers/Microsoft.Insights/diagnosticSettings"), "2021-05-01-preview").expect(200);
    assert_eq!(list.names(), ["d1"]);
    let extension = format!("{}/extensions/e1", cloud.vm("vm1"));
    let body = json!({"location": "westus", "properties": {"settings": {"port": 50342}, "protectedSettings": {"secret": "hunter2"}}});
    cloud.put(&cloud.vm("vm1"), VM, json!({"location": "westus", "identity": {"type": "SystemAssigned"}})).expect(201);
    let made = cloud.put(&extension, VM, body).expect(201);
    assert_eq!(made.body["properties"]["settings"]["port"], 50342);
    assert!(!made.body.to_string().contains("hunter2"));
    cloud.delete(&net, NETWORK).expect(200);
    cloud.delete(&cloud.vm("vm1"), VM).expect(200);
    for path in [&subnet, &settings, &extension] {
        assert_eq!(cloud.get(path, NETWORK).status, 404, "{path}");
    }
    let left = cloud.get(&format!("{}/resources", cloud.root()), ARM).expect(200);
    assert_eq!(left.names(), [""; 0]);
}

#[test]
fn a_new_storage_account_answers_200() {
    let cloud = Cloud::with_group();
    let path = format!("{}/providers/Microsoft.Storage/storageAccounts/acc", cloud.at("g"));
    cloud.put(&path, "2025-08-01", json!({"location": "westus"})).expect(200);
}

#[test]
fn resources_are_listed_with_the_filters_that_clients_send() {
    let cloud = Cloud::with_group();
    cloud.put(&cloud.at("h"), ARM, json!({"location": "westus"})).expect(201);
    let body = json!({"location": "westus", "tags": {"Team": "blue"}, "identity": {"type": "SystemAssigned"}, "properties": {"a": 1}});
    cloud.put(&cloud.vm("vm1"), VM, body).expect(201);
    cloud.put(&network(&cloud, "net"), NETWORK, json!({"location": "eastus"})).expect(201);
    cloud.put(&network(&cloud, "vm1").replace("/g/", "/h/"), NETWORK, json!({"location": "eastus"})).expect(201);
    let list = |above: &str, filter: &str| {
        let filter = filter.replace(' ', "%20").replace('\'', "%27");
        let answer = cloud
            .get(&format!("{above}/resources?$filter={filter}&$expand=createdTime,provisioningState"), ARM)
            .expect(200);
        answer.body["value"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["id"].as_str().unwrap().rsplit('/').take(2).collect::<Vec<_>>().join("<"))
            .collect::<Vec<_>>()
    };
    let root = cloud.root();
    assert_eq!(list(&root, "").len(), 3);
    assert_eq!(list(&cloud.at("g"), ""), ["vm1<virtualMachines", "net<virtualNetworks"]);
    assert_eq!(list(&root, "name eq 'VM1'").len(), 2);
    assert_eq!(list(&root, "resourceType eq 'microsoft.compute/virtualmachines'"), ["vm1<virtualMachines"]);
    assert_eq!(
        list(&root, "resourceGroup eq 'G' and resourceType eq 'Microsoft.Network/virtualNetworks'"),
        ["net<virtualNetworks"]
    );
    assert_eq!(list(&root, "tagName eq 'team'"), ["vm1<virtualMachines"]);
    assert_eq!(list(&root, "tagName eq 'team' and tagValue eq 'blue'"), ["vm1<virtualMachines"]);
    assert_eq!(list(&root, "tagName eq 'team' and tagValue eq 'red'"), [""; 0]);
    assert_eq!(list(&root, "substringof('et', name)"), ["net<virtualNetworks"]);
    assert_eq!(list(&root, "location ne 'eastus'"), ["vm1<virtualMachines"]);
    let item = cloud.get(&format!("{root}/resources?$filter=tagName%20eq%20%27team%27&$expand=createdTime"), ARM).body
        ["value"][0]
        .clone();
    assert!(item["identity"]["principalId"].is_string() && item["createdTime"].is_string());
    assert!(item.get("properties").is_none() && item.get("changedTime").is_none());
}

#[test]
fn a_long_list_comes_in_pages_whose_links_begin_with_our_own_endpoint() {
    let cloud = Cloud::with_group();
    for n in 0..25 {
        cloud.put(&network(&cloud, &format!("net{n}")), NETWORK, json!({"location": "westus"})).expect(201);
    }
    for above in [cloud.root(), cloud.at("g")] {
        for what in ["resources", "providers/Microsoft.Network/virtualNetworks"] {
            let mut seen = std::collections::BTreeSet::new();
            let mut next = Some(format!("{above}/{what}?$top=10&api-version={ARM}"));
            let mut pages = 0;
            while let Some(target) = next {
                let token = format!("Bearer {}", cloud.token(&cloud.owner));
                let headers = [("authorization", token.as_str()), ("host", "evil.example")];
                let page = cloud.raw(Method::GET, &target, &headers, b"").expect(200);
                assert!(page.names().len() <= 10);
                seen.extend(page.names().into_iter().map(str::to_owned));
                next = page
                    .body
                    .get("nextLink")
                    .map(|link| link.as_str().unwrap().strip_prefix("https://localhost:8443").unwrap().to_owned());
                pages += 1;
            }
            assert_eq!((seen.len(), pages), (25, 3), "{above}/{what}");
        }
    }
    let exact = cloud.get(&format!("{}/resources?$top=25", cloud.root()), ARM).body;
    assert!(exact.get("nextLink").is_none());
    assert_eq!(exact["value"].as_array().map(Vec::len), Some(25));
    let _: Value = exact;
}

#[test]
fn a_type_without_identities_says_so_and_is_stored_without_one() {
    let cloud = Cloud::with_group();
    let id = cloud.make_identity("id1");
    let service = format!("{}/providers/Microsoft.Compute/cloudServices/cs1", cloud.at("g"));
    let put = |path: &str, identity: Value| cloud.put(path, VM, json!({"location": "westus", "identity": identity}));
    let users = json!({&id: {}});
    for (block, asked) in [
        (json!({"type": "SystemAssigned"}), "SystemAssigned"),
        (json!({"type": "userassigned", "userAssignedIdentities": users}), "UserAssigned"),
        (
            json!({"type": "SystemAssigned,UserAssigned", "userAssignedIdentities": users}),
            "SystemAssigned, UserAssigned",
        ),
        (json!({"userAssignedIdentities": users}), "UserAssigned"),
    ] {
        for path in [service.clone(), service.replace("cloudServices", "CLOUDSERVICES")] {
            let answer = put(&path, block.clone()).refused(400, "CannotSetResourceIdentity");
            assert_eq!(
                answer.body["error"]["message"],
                format!(
                    "Resource type 'Microsoft.Compute/cloudServices' does not support creation of '{asked}' resource identity. The supported types are 'None'."
                )
            );
        }
    }
    cloud.get(&service, VM).refused(404, "ResourceNotFound");
    put(&service, json!({"type": "None"})).expect(201);
    put(&service, Value::Null).expect(200);
    let patch = json!({"identity": {"type": "SystemAssigned"}});
    cloud.patch(&service, VM, patch).refused(400, "CannotSetResourceIdentity");
    assert!(cloud.get(&service, VM).expect(200).body.get("identity").is_none());
    put(&format!("{service}/roleInstances/i"), json!({"type": "SystemAssigned"}))
        .refused(400, "CannotSetResourceIdentity");
    // One that was made when the type had identities loses it.
    let block = json!({"type": "SystemAssigned"});
    let machine = cloud.vm("vm1");
    put(&machine, block).expect(201);
    let identity = cloud.row(&machine).1.identity;
    cloud.change_row(&service, |row| row.identity = identity.clone());
    assert_eq!(cloud.get(&service, VM).body["identity"]["type"], "SystemAssigned");
    cloud.patch(&service, VM, json!({"tags": {"a": "b"}})).expect(200);
    cloud.patch(&service, VM, json!({"identity": {"type": "None"}})).expect(200);
    assert!(cloud.get(&service, VM).expect(200).body.get("identity").is_none());
    // Others whose names begin alike have identities.
    put(
        &format!("{}/providers/Microsoft.Compute/virtualMachineScaleSets/s", cloud.at("g")),
        json!({"type": "SystemAssigned"}),
    )
    .expect(201);
}

#[test]
fn tn_04_a_type_that_is_nothing_but_a_secret_is_neither_stored_nor_read() {
    let cloud = Cloud::with_group();
    let vault = format!("{}/providers/Microsoft.KeyVault/vaults/vault1", cloud.at("g"));
    let body = json!({"location": "westus", "properties": {"value": "hunter2"}});
    cloud.put(&vault, "2023-07-01", json!({"location": "westus"})).expect(201);
    for path in [
        format!("{vault}/secrets/s1"),
        format!("{vault}/SECRETS/s1"),
        format!("{vault}/%73ecrets/s1"),
        format!("{vault}/secrets/s1/versions/1"),
        format!("{vault}/secrets"),
        format!("{}/providers/microsoft.keyvault/VAULTS/v1/secrets/s1", cloud.at("g")),
    ] {
        for method in [Method::PUT, Method::PATCH, Method::GET, Method::HEAD, Method::POST] {
            let answer = cloud.call(&cloud.owner, method.clone(), &path, "2023-07-01", Some(body.clone()));
            assert!([404, 405].contains(&answer.status), "{method} {path}: {}", answer.status);
        }
        cloud.get(&path, "2023-07-01").refused(404, "InvalidResourceType");
    }
    cloud.put(&format!("{vault}/keys/k1"), "2023-07-01", json!({"properties": {"kty": "RSA"}})).expect(201);
    let all = cloud.get(&format!("{}/resources", cloud.root()), ARM).expect(200).body.to_string();
    assert!(!all.contains("hunter2") && all.contains("/keys/k1"), "{all}");
    let listed = cloud.get(&format!("{}/providers/Microsoft.KeyVault", cloud.root()), ARM).expect(200).body;
    assert!(!listed.to_string().contains("vaults/secrets"));
    // One that an earlier version stored is read by nobody, and can go.
    let (key, secret) = (cloud.key(&format!("{vault}/keys/k1")), format!("{vault}/secrets/s1"));
    let renamed = cloud.store.write(|tx| {
        let mut row = tx.get(&RESOURCES, &key)?.unwrap();
        row.id = ResourceId::parse(&secret).unwrap();
        tx.put(&RESOURCES, &key, &row)
    });
    renamed.unwrap();
    cloud.get(&secret, "2023-07-01").refused(404, "InvalidResourceType");
    cloud.delete(&secret, "2023-07-01").expect(200);
    cloud.delete(&secret, "2023-07-01").expect(204);
}

#[test]
fn null_for_an_identity_is_refused_in_a_put_of_every_type_and_removes_in_a_patch() {
    let cloud = Cloud::with_group();
    let (id, other) = (cloud.make_identity("id1"), cloud.make_identity("id2"));
    let group = cloud.at("g");
    for path in [
        cloud.vm("vm1"),
        format!("{group}/providers/Microsoft.Compute/virtualMachineScaleSets/s"),
        format!("{group}/providers/Microsoft.Web/sites/app"),
        format!("{group}/providers/Microsoft.Storage/storageAccounts/account"),
    ] {
        let block = |users: Value| json!({"location": "westus", "identity": {"type": "UserAssigned", "userAssignedIdentities": users}});
        let put = |users: Value| cloud.put(&path, VM, block(users));
        put(json!({&id: null})).refused(400, "InvalidIdentityValues");
        cloud.get(&path, VM).refused(404, "ResourceNotFound");
        assert!([200, 201].contains(&put(json!({&id: {}, &other: {}})).status), "{path}");
        let answer = put(json!({&id: {}, &other: null})).refused(400, "InvalidIdentityValues");
        assert_eq!(
            answer.body["error"]["message"],
            format!(
                "Invalid value for the identities '{other}'. The 'UserAssignedIdentities' property keys should only be empty json objects, null or the resource exisiting property."
            )
        );
        put(json!({&id: 1})).refused(400, "InvalidIdentityValues");
        let kept = cloud.get(&path, VM).expect(200).body;
        assert_eq!(kept["identity"]["userAssignedIdentities"].as_object().unwrap().len(), 2, "{path}");
        cloud.patch(&path, VM, block(json!({&other: null}))).expect(200);
        let left = cloud.get(&path, VM).expect(200).body;
        assert_eq!(left["identity"]["userAssignedIdentities"].as_object().unwrap().len(), 1, "{path}");
    }
}
