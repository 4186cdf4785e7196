//! Scale sets over the surfaces: their instances as workloads, and many of them.

#![allow(clippy::unwrap_used, reason = "a test may insist")]

use bonafide_testkit::Cloud;
use serde_json::{Value, json};

fn set_of(cloud: &Cloud, body: &Value) -> String {
    let id = cloud.home.id("rg", "Microsoft.Compute/virtualMachineScaleSets", "set");
    let _ = cloud.call(&cloud.home.operator, "PUT", id.as_str(), Some(body)).expect(201);
    id.to_string()
}

#[test]
fn a_thousand_instances_come_and_go_in_bounded_commits() {
    let cloud = Cloud::new();
    let operator = &cloud.home.operator;
    cloud.make_group(&cloud.home, "rg");
    let body =
        json!({"location": "here", "sku": {"name": "s", "capacity": 1_000}, "identity": {"type": "SystemAssigned"}});
    let id = set_of(&cloud, &body);
    let shown = |path: &str| cloud.call(operator, "GET", path, None).expect(200).body;
    assert_eq!(shown(&id)["sku"]["capacity"], 1_000);
    let view = shown(&format!("{id}/instanceView"));
    assert_eq!(view["virtualMachine"]["statusesSummary"][0]["count"], 1_000);
    let _ = cloud.call(operator, "POST", &format!("{id}/deallocate"), None).expect(200);
    let view = shown(&format!("{id}/instanceView"));
    assert_eq!(view["virtualMachine"]["statusesSummary"][1], json!({"code": "PowerState/deallocated", "count": 1_000}));
    let _ = cloud.call(operator, "PATCH", &id, Some(&json!({"sku": {"capacity": 3}}))).expect(200);
    let page = shown(&format!("{id}/virtualMachines"));
    let ids: Vec<&str> =
        page["value"].as_array().unwrap().iter().map(|one| one["instanceId"].as_str().unwrap()).collect();
    assert_eq!(ids, ["0", "1", "2"]);
    let _ = cloud.call(operator, "DELETE", &id, None);
}

#[test]
fn a_caller_who_may_not_write_a_set_changes_none_of_its_instances() {
    let cloud = Cloud::new();
    cloud.make_group(&cloud.home, "rg");
    let id = set_of(&cloud, &json!({"location": "here", "sku": {"name": "s", "capacity": 2}}));
    let stranger = cloud.application(cloud.home.tenant, "stranger");
    for (method, path) in
        [("POST", "deallocate"), ("POST", "delete"), ("POST", "manualupgrade"), ("DELETE", "virtualMachines/0")]
    {
        let path = format!("{id}/{path}");
        let refused = cloud.call(&stranger, method, &path, Some(&json!({"instanceIds": ["0"]})));
        refused.refused(403, "AuthorizationFailed");
    }
}
