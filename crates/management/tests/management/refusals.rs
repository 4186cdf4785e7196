//! The wording of refusals (docs/wire/management.md).

use crate::cloud::{Cloud, VM};
use http::Method;
use serde_json::{Value, json};

/// The message of a refusal.
#[track_caller]
fn message(cloud: &Cloud, call: (Method, &str, &str, Option<Value>), status: u16, code: &str) -> String {
    let (method, path, version, body) = call;
    let answer = cloud.call(&cloud.owner, method, path, version, body).refused(status, code);
    answer.body["error"]["message"].as_str().unwrap().to_owned()
}

#[test]
fn a_version_that_is_too_old_is_answered_with_those_there_are() {
    let cloud = Cloud::with_group();
    cloud.make_identity("id1");
    let old =
        message(&cloud, (Method::GET, &cloud.identity("id1"), "2014-01-01", None), 400, "NoRegisteredProviderFound");
    let versions = "2025-05-31-preview, 2024-11-30, 2023-01-31, 2022-01-31-preview, 2018-11-30, 2015-08-31-preview";
    let expected = format!(
        "No registered resource provider found for location 'westus' and API version '2014-01-01' for type 'userAssignedIdentities'. The supported api-versions are '{versions}'."
    );
    assert_eq!(old, expected);
    // A resource that is to be made has the location that is sent.
    let put = (Method::PUT, &*cloud.vm("vm1"), "2014-01-01", Some(json!({"location": "East US"})));
    let new = message(&cloud, put, 400, "NoRegisteredProviderFound");
    assert!(new.starts_with("No registered resource provider found for location 'East US' and"), "{new}");
    // If the resource has no location, the type is reported as missing.
    let nowhere =
        message(&cloud, (Method::GET, &cloud.identity("id2"), "2014-01-01", None), 404, "InvalidResourceType");
    let expected = format!(
        "The resource type 'userAssignedIdentities' could not be found in the namespace 'Microsoft.ManagedIdentity' for api version '2014-01-01'. The supported api-versions are '{}'.",
        versions.replace(' ', "")
    );
    assert_eq!(nowhere, expected);
}

#[test]
fn an_unknown_type_and_a_version_that_is_none_are_named() {
    let cloud = Cloud::with_group();
    let nothing = format!("{}/providers/Microsoft.Compute/nothings/x", cloud.at("g"));
    assert_eq!(
        message(&cloud, (Method::GET, &nothing, VM, None), 404, "InvalidResourceType"),
        "The resource type 'nothings' could not be found in the namespace 'Microsoft.Compute' for api version '2024-11-01'."
    );
    for (path, version) in [(cloud.at("g"), "latest"), (cloud.at("g"), "2013-01-01"), (cloud.root(), "latest")] {
        assert_eq!(
            message(&cloud, (Method::GET, &path, version, None), 400, "InvalidApiVersionParameter"),
            format!(
                "The api-version '{version}' is invalid. The supported versions are '2025-04-01,2024-11-01,2022-09-01,2021-04-01,2020-06-01,2019-10-01,2018-05-01'."
            )
        );
    }
    let own = message(&cloud, (Method::GET, &cloud.identity("id1"), "latest", None), 400, "InvalidApiVersionParameter");
    assert!(own.contains("The supported versions are '2025-05-31-preview,2024-11-30,"), "{own}");
}

#[test]
fn a_wrong_identity_block_is_pointed_at() {
    let cloud = Cloud::with_group();
    let id = cloud.make_identity("id1");
    let block = json!({"type": "SystemAssigned", "userAssignedIdentities": {id: {}}});
    let answer = cloud.put(&cloud.vm("vm1"), VM, json!({"location": "westus", "identity": block}));
    assert_eq!(answer.refused(400, "InvalidParameter").body["error"]["target"], "resourceIdentity.identityIds");
    let unsaid = cloud.put(&cloud.vm("vm1"), VM, json!({"location": 1})).refused(400, "InvalidRequestContent");
    assert!(unsaid.body["error"].get("target").is_none());
}

#[test]
fn an_extension_that_nothing_runs_is_refused_and_named() {
    let cloud = Cloud::with_group();
    cloud.put(&cloud.vm("vm1"), VM, json!({"location": "westus"})).expect(201);
    // A type that makes machines out of sight serves none, wherever the body has it.
    let cluster = format!("{}/providers/Microsoft.ServiceFabric/managedClusters/c", cloud.at("g"));
    for system in ["Linux", "Windows"] {
        let type_name = format!("ManagedIdentityExtensionFor{system}");
        let properties = json!({"publisher": "Microsoft.ManagedIdentity", "type": &type_name, "typeHandlerVersion": "1.0",
            "settings": {"port": 50342}});
        let body =
            json!({"location": "westus", "properties": {"vmExtensions": [{"name": "msi", "properties": properties}]}});
        for answer in [cloud.put(&cluster, VM, body.clone()), cloud.put(&format!("{cluster}/nodeTypes/n"), VM, body)] {
            assert!(matches!(answer.status, 404), "{answer:?}");
        }
    }
    cloud.get(&format!("{}/extensions/msi", cloud.vm("vm1")), VM).refused(404, "ResourceNotFound");
    // Nobody learns it who may not write.
    let reader = cloud.in_subscription("Reader");
    let body = json!({"properties": {"publisher": "Microsoft.ManagedIdentity"}});
    let path = format!("{}/extensions/msi", cloud.vm("vm1"));
    cloud.call(&reader, Method::PUT, &path, VM, Some(body)).refused(403, "AuthorizationFailed");
    // An extension cannot become one that serves tokens bit by bit.
    let other = json!({"location": "westus", "properties": {"publisher": "p", "type": "t"}});
    cloud.put(&path, VM, other).expect(201);
    let step = json!({"properties": {"publisher": "Microsoft.ManagedIdentity"}});
    cloud.patch(&path, VM, step).refused(409, "PropertyChangeNotAllowed");
}

#[test]
fn a_command_that_nothing_runs_is_refused() {
    let cloud = Cloud::with_group();
    cloud.put(&cloud.vm("vm1"), VM, json!({"location": "westus"})).expect(201);
    let set = format!("{}/providers/Microsoft.Compute/virtualMachineScaleSets/ss1", cloud.at("g"));
    cloud.put(&set, VM, json!({"location": "westus", "sku": {"name": "Standard_D2s_v5", "capacity": 1}})).expect(201);
    let instance = format!("{set}/virtualMachines/0");
    for machine in [cloud.vm("vm1"), instance] {
        let body = json!({"location": "westus", "properties": {"source": {"script": "true"}}});
        cloud.put(&format!("{machine}/runCommands/c1"), VM, body).refused(404, "InvalidResourceType");
    }
}
