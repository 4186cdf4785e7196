//! What clients ask before anything else.

use crate::cloud::{ARM, Cloud};
use bonafide_core::access::ScopeKey;
use http::Method;
use serde_json::json;

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
    assert_eq!(object["suffixes"], json!({}));
    assert_eq!(object["microsoftGraphResourceId"], "https://localhost:8443/");
    assert_eq!(object.as_object().unwrap().len(), 5);
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
