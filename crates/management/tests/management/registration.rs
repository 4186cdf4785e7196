//! Providers that are not registered in a subscription.

use crate::cloud::{ARM, Cloud, MSI, VM};
use http::Method;
use serde_json::{Value, json};

fn at(root: &str, namespace: &str, verb: &str) -> String {
    format!("{root}/providers/{namespace}/{verb}")
}

fn machine() -> Value {
    json!({"location": "westus"})
}

#[test]
fn tn_24_an_unregistered_provider_takes_nothing_new_whichever_way_leads_to_it() {
    let cloud = Cloud::with_group();
    let post = |path: &str| cloud.call(&cloud.owner, Method::POST, path, ARM, None);
    post(&at(&cloud.root(), "microsoft.compute", "unregister")).expect(200);
    let refused = |path: &str| cloud.put(path, VM, machine()).refused(409, "MissingSubscriptionRegistration");
    refused(&cloud.vm("vm1"));
    refused(&cloud.vm("vm1").replace("Microsoft.Compute", "MICROSOFT.COMPUTE"));
    refused(&cloud.vm("vm1").replace("/providers/", "//providers//"));
    let sets = cloud.vm("set").replace("virtualMachines", "virtualMachineScaleSets");
    refused(&sets);
    // A template's resource is the caller's own request.
    let template = json!({
        "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
        "contentVersion": "1.0.0.0",
        "resources": [{"type": "Microsoft.Compute/virtualMachines", "apiVersion": "2022-03-01", "name": "vm1", "location": "westus"}],
    });
    let deployment = format!("{}/providers/Microsoft.Resources/deployments/d", cloud.at("g"));
    let body = json!({"properties": {"mode": "Incremental", "template": template}});
    let shown = cloud.put(&deployment, ARM, body).expect(201).body;
    assert_eq!(shown["properties"]["provisioningState"], "Failed", "{shown}");
    assert!(shown.to_string().contains("MissingSubscriptionRegistration"), "{shown}");
    assert_eq!(cloud.get(&cloud.vm("vm1"), VM).status, 404);
    // Other providers, and other subscriptions of the tenant, are as they were.
    cloud.put(&cloud.identity("id1"), MSI, machine()).expect(201);
    let elsewhere = format!("/subscriptions/{}", cloud.second_subscription);
    cloud.put(&format!("{elsewhere}/resourceGroups/g"), ARM, machine()).expect(201);
    let there = cloud.vm("vm1").replace(&cloud.root(), &elsewhere);
    cloud.put(&there, VM, machine()).expect(201);
    post(&at(&cloud.root(), "Microsoft.Compute", "register")).expect(200);
    cloud.put(&cloud.vm("vm1"), VM, machine()).expect(201);
}

#[test]
fn tn_24_what_is_there_keeps_its_provider_and_registering_gives_no_right() {
    let cloud = Cloud::with_group();
    cloud.put(&cloud.vm("vm1"), VM, machine()).expect(201);
    let unregister = at(&cloud.root(), "Microsoft.Compute", "unregister");
    cloud.call(&cloud.owner, Method::POST, &unregister, ARM, None).refused(409, "ResourceProviderInUse");
    cloud.delete(&cloud.vm("vm1"), VM).expect(200);
    cloud.call(&cloud.owner, Method::POST, &unregister, ARM, None).expect(200);
    let register = at(&cloud.root(), "Microsoft.Compute", "register");
    for role in ["Reader", "Tag Contributor", "Managed Identity Operator"] {
        let person = cloud.in_subscription(role);
        cloud.call(&person, Method::POST, &register, ARM, None).refused(403, "AuthorizationFailed");
    }
    let person = cloud.in_subscription("Virtual Machine Contributor");
    cloud.call(&cloud.owner, Method::POST, &register, ARM, None).expect(200);
    let stranger = cloud.person(cloud.tenant, &[]);
    cloud.call(&stranger, Method::PUT, &cloud.vm("vm1"), VM, Some(machine())).refused(403, "AuthorizationFailed");
    cloud.call(&person, Method::PUT, &cloud.vm("vm1"), VM, Some(machine())).expect(201);
}
