//! The first requests of clients, before all others.

use crate::cloud::{ARM, Cloud, VM};
use bonafide_core::access::ScopeKey;
use http::Method;
use serde_json::{Value, json};
use std::collections::BTreeMap;

#[test]
fn metadata_endpoints_have_three_shapes_and_need_no_token() {
    let cloud = Cloud::new();
    let ask = |version: &str| {
        cloud.raw(Method::GET, &format!("/metadata/endpoints?api-version={version}"), &[], b"").expect(200).body
    };
    let object = ask("2022-09-01");
    assert_eq!(object["name"], "bonafide");
    assert_eq!(object["resourceManager"], "https://localhost:8443/");
    assert_eq!(object["authentication"]["loginEndpoint"], "https://localhost:8443");
    assert_eq!(
        object["authentication"]["audiences"],
        json!(["https://localhost:8443/", "https://management.azure.com/"])
    );
    // Nothing but what is served, and what a client stops without.
    assert_eq!(
        object["suffixes"],
        json!({"keyVaultDns": "vault.localhost:8443", "acrLoginServer": "azurecr.localhost:8443"})
    );
    assert_eq!(object["microsoftGraphResourceId"], "https://localhost:8443/");
    assert_eq!(object["vmImageAliasDoc"], "https://localhost:8443/metadata/vmImageAliases?api-version=2022-09-01");
    assert_eq!(object.as_object().unwrap().len(), 6);
    assert_eq!(ask("2019-05-01"), json!([object]));
    let oldest = ask("2015-01-01");
    assert_eq!(ask("1.0"), oldest);
    for name in ["galleryEndpoint", "graphEndpoint", "portalEndpoint"] {
        assert!(oldest[name].as_str().is_some_and(|text| text.starts_with("https://localhost:8443/")), "{name}");
    }
    assert_eq!(
        oldest["authentication"],
        json!({"loginEndpoint": "https://localhost:8443/", "audiences": object["authentication"]["audiences"]})
    );
    for wrong in ["", "?api-version=", "?api-version=1", "?api-version=1.0.0", "?api-version=2015"] {
        let answer = cloud.raw(Method::GET, &format!("/metadata/endpoints{wrong}"), &[], b"");
        assert_eq!(answer.status, 400, "{wrong}");
    }
    // Nothing that a request says about its host gets into an answer.
    let answer = cloud.raw(Method::GET, "/metadata/endpoints?api-version=2022-09-01", &[("host", "evil.example")], b"");
    assert_eq!(answer.body, object);
}

#[test]
fn a_role_at_any_scope_inside_a_subscription_lists_it() {
    let cloud = Cloud::with_group();
    let listed = |who| {
        let body = cloud.call(who, Method::GET, "/subscriptions", ARM, None).expect(200).body;
        body["value"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["subscriptionId"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let person = cloud.person(cloud.tenant, &[]);
    assert!(listed(&person).is_empty());
    cloud.call(&person, Method::GET, &cloud.root(), ARM, None).refused(403, "AuthorizationFailed");
    cloud
        .call(&person, Method::GET, &format!("{}/locations", cloud.root()), ARM, None)
        .refused(403, "AuthorizationFailed");
    cloud.grant(&person, "Key Vault Secrets User", &cloud.at("g"));
    assert_eq!(listed(&person), [cloud.subscription.to_string()]);
    let one = cloud.call(&person, Method::GET, &cloud.root(), ARM, None).expect(200).body;
    assert_eq!(
        (&one["id"], &one["state"], &one["tenantId"]),
        (&cloud.root().into(), &"Enabled".into(), &cloud.tenant.to_string().into())
    );
    let second = cloud.person(cloud.tenant, &[("Reader", ScopeKey::Subscription(cloud.second_subscription))]);
    assert_eq!(listed(&second), [cloud.second_subscription.to_string()]);
    assert_eq!(listed(&cloud.owner).len(), 2);
    let tenants = cloud.call(&person, Method::GET, "/tenants", ARM, None).expect(200).body;
    assert_eq!(tenants["value"].as_array().unwrap().len(), 1);
    assert_eq!(tenants["value"][0]["tenantId"], cloud.tenant.to_string());
}

#[test]
fn locations_and_providers_are_listed() {
    let cloud = Cloud::new();
    let locations = cloud.get(&format!("{}/locations", cloud.root()), ARM).expect(200).body;
    assert_eq!(locations["value"][0]["displayName"], "East US");
    let compute = cloud.get(&format!("{}/providers/microsoft.compute", cloud.root()), ARM).expect(200).body;
    assert_eq!(
        (&compute["namespace"], &compute["registrationState"]),
        (&"Microsoft.Compute".into(), &"Registered".into())
    );
    let types = compute["resourceTypes"].as_array().unwrap();
    let machines = types.iter().find(|entry| entry["resourceType"] == "virtualMachines").unwrap();
    assert_eq!(machines["apiVersions"][0], "2026-04-01");
    cloud.get(&format!("{}/providers/Microsoft.Nope", cloud.root()), ARM).refused(404, "InvalidResourceNamespace");
    let register = format!("{}/providers/Microsoft.Storage/register", cloud.root());
    assert_eq!(
        cloud.call(&cloud.owner, Method::POST, &register, "2016-02-01", None).expect(200).body["registrationState"],
        "Registered"
    );
    cloud
        .call(&cloud.in_subscription("Reader"), Method::POST, &register, ARM, None)
        .refused(403, "AuthorizationFailed");
    assert!(cloud.get("/providers", ARM).expect(200).body["value"].as_array().unwrap().len() > 150);
    let operations = cloud.get("/providers/Microsoft.ManagedIdentity/operations", ARM).expect(200);
    assert!(operations.names().contains(&"Microsoft.ManagedIdentity/userAssignedIdentities/assign/action"));
}

/// The path at which a type of Resource Manager itself is read; other types are put.
fn own_path(cloud: &Cloud, name: &str) -> Option<String> {
    let (root, machine) = (cloud.root(), cloud.vm("vm1"));
    Some(match name {
        "Microsoft.Authorization/roleAssignments" | "Microsoft.Authorization/roleDefinitions" => {
            format!("{root}/providers/{name}")
        }
        "Microsoft.Authorization/locks" | "Microsoft.Authorization/permissions" => format!("{root}/providers/{name}"),
        "Microsoft.Features/features" => format!("{root}/providers/{name}"),
        "Microsoft.Features/providers" => format!("{root}/providers/{name}/Microsoft.Compute/features"),
        "Microsoft.Resources/deployments" => format!("{}/providers/{name}", cloud.at("g")),
        "Microsoft.Resources/tags" => format!("{machine}/providers/{name}/default"),
        "Microsoft.ManagedIdentity/identities" => format!("{machine}/providers/{name}/default"),
        "Microsoft.Resources/providers" => format!("{root}/providers"),
        "Microsoft.Resources/resourceGroups" => format!("{root}/resourcegroups"),
        "Microsoft.Resources/resources" => format!("{root}/resources"),
        // Instances come with the capacity of their set.
        "Microsoft.Compute/virtualMachineScaleSets/virtualMachines" => {
            format!("{}/providers/Microsoft.Compute/virtualMachineScaleSets/ss1/virtualMachines", cloud.at("g"))
        }
        "Microsoft.Management/managementGroups" => "/providers/Microsoft.Management/managementGroups".to_owned(),
        "Microsoft.Resources/subscriptions" => "/subscriptions".to_owned(),
        "Microsoft.Resources/tenants" => "/tenants".to_owned(),
        _ => return None,
    })
}

#[test]
fn every_type_that_is_listed_is_served_in_every_version_that_is_listed() {
    let cloud = Cloud::with_group();
    let body = json!({"location": "westus", "identity": {"type": "SystemAssigned"}});
    cloud.put(&cloud.vm("vm1"), VM, body).expect(201);
    let set = format!("{}/providers/Microsoft.Compute/virtualMachineScaleSets/ss1", cloud.at("g"));
    cloud.put(&set, VM, json!({"location": "westus", "sku": {"name": "Standard_D2s_v5", "capacity": 1}})).expect(201);
    let providers = cloud.get(&format!("{}/providers", cloud.root()), ARM).expect(200).body;
    let mut listed = BTreeMap::new();
    for provider in providers["value"].as_array().unwrap() {
        for entry in provider["resourceTypes"].as_array().unwrap() {
            let name =
                format!("{}/{}", provider["namespace"].as_str().unwrap(), entry["resourceType"].as_str().unwrap());
            let versions: Vec<&str> = entry["apiVersions"].as_array().unwrap().iter().flat_map(Value::as_str).collect();
            assert!(!versions.is_empty(), "{name}");
            listed.insert(name, versions);
        }
    }
    let body = || json!({"location": "westus"});
    for (name, versions) in &listed {
        if let Some(path) = own_path(&cloud, name) {
            versions.iter().for_each(|version| drop(cloud.get(&path, version).expect(200)));
            continue;
        }
        let (namespace, types) = name.split_once('/').unwrap();
        let segments: Vec<&str> = types.split('/').collect();
        let mut above = format!("{}/providers/{namespace}", cloud.at("g"));
        for depth in 1..segments.len() {
            if segments[..depth] == ["virtualMachineScaleSets", "virtualMachines"] {
                above = format!("{set}/virtualMachines/0");
                continue;
            }
            above = format!("{above}/{}/abcdefg", segments[depth - 1]);
            let parent = listed.get(&format!("{namespace}/{}", segments[..depth].join("/"))).unwrap_or(versions);
            assert!(cloud.put(&above, parent[0], body()).status < 300, "{above}");
        }
        let list = format!("{above}/{}", segments[segments.len() - 1]);
        for version in versions {
            let made = cloud.put(&format!("{list}/abcdefg"), version, body());
            assert!(made.status < 300, "{name} in {version}: {:#}", made.body);
            assert!(cloud.get(&list, version).expect(200).names().contains(&"abcdefg"), "{name} in {version}");
        }
    }
}

#[test]
fn types_list_the_display_names_of_their_locations() {
    let cloud = Cloud::new();
    let locations = |namespace: &str, name: &str| {
        let body = cloud.get(&format!("/providers/{namespace}"), "2016-07-01").expect(200).body;
        let types = body["resourceTypes"].as_array().unwrap().clone();
        types.iter().find(|entry| entry["resourceType"] == name).unwrap()["locations"].clone()
    };
    let regions = locations("Microsoft.Compute", "virtualMachines");
    assert!(regions.as_array().unwrap().contains(&json!("West Europe")));
    // `Get-AzLocation` joins on the display name.
    let named = cloud.get(&format!("{}/locations", cloud.root()), ARM).expect(200).body;
    let named: Vec<&Value> = named["value"].as_array().unwrap().iter().map(|one| &one["displayName"]).collect();
    assert!(regions.as_array().unwrap().iter().all(|region| named.contains(&region)));
    assert_eq!(locations("Microsoft.Network", "dnszones"), json!(["global"]));
    assert_eq!(locations("Microsoft.Authorization", "roleAssignments"), json!([]));
}

#[test]
fn what_is_not_served_is_not_listed() {
    let cloud = Cloud::new();
    let body = cloud.get("/providers/Microsoft.Resources", ARM).expect(200).body;
    let types: Vec<&str> =
        body["resourceTypes"].as_array().unwrap().iter().flat_map(|entry| entry["resourceType"].as_str()).collect();
    for missing in ["templateSpecs", "deploymentScripts", "moveResources"] {
        assert!(!types.contains(&missing), "{missing}");
    }
    // .NET asks for `tags` before it writes any; without it, it would patch the resource.
    assert!(types.contains(&"tags"));
}
