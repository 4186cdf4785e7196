//! Scale sets over the surfaces: their instances as workloads, and many of them.

#![allow(clippy::unwrap_used, reason = "a test may insist")]

use bonafide_core::directory::find;
use bonafide_testkit::{Cloud, MANAGEMENT, Machine, claims};
use bonafide_types::ResourceId;
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
        json!({"location": "westus", "sku": {"name": "s", "capacity": 1_000}, "identity": {"type": "SystemAssigned"}});
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
    let id = set_of(&cloud, &json!({"location": "westus", "sku": {"name": "s", "capacity": 2}}));
    let stranger = cloud.application(cloud.home.tenant, "stranger");
    for (method, path) in
        [("POST", "deallocate"), ("POST", "delete"), ("POST", "manualupgrade"), ("DELETE", "virtualMachines/0")]
    {
        let path = format!("{id}/{path}");
        let refused = cloud.call(&stranger, method, &path, Some(&json!({"instanceIds": ["0"]})));
        refused.refused(403, "AuthorizationFailed");
    }
}

/// A stored instance, placed on the host.
fn placed(cloud: &Cloud, id: &str) -> Machine {
    let id = ResourceId::parse(id).unwrap();
    let (uuid, _) = cloud.store.read(|tx| find(tx, &id)).unwrap().unwrap();
    cloud.place(&id);
    Machine { id, uuid, principal: None }
}

fn in_tokens(id: &str) -> Value {
    id.replacen("/resourceGroups/", "/resourcegroups/", 1).into()
}

#[test]
fn an_instance_is_a_workload_with_the_identities_of_its_set_for_as_long_as_it_is_there_and_runs() {
    let group = |cloud: &Cloud| format!("{}/resourceGroups/rg/providers/Microsoft.Compute", cloud.home.root());
    for (mode, name) in
        [("Uniform", "virtualMachineScaleSets/set/virtualMachines/0"), ("Flexible", "virtualMachines/set_0")]
    {
        let cloud = Cloud::unthrottled();
        let operator = cloud.home.operator.clone();
        cloud.make_group(&cloud.home, "rg");
        let identity = cloud.make_identity(&cloud.home, "rg", "ida");
        let users = json!({identity.id.as_str(): {}});
        let set = set_of(
            &cloud,
            &json!({
                "location": "westus", "sku": {"name": "s", "capacity": 1}, "properties": {"orchestrationMode": mode},
                "identity": {"type": "SystemAssigned, UserAssigned", "userAssignedIdentities": users},
            }),
        );
        let shown = cloud.call(&operator, "GET", &set, None).expect(200).body;
        let id = format!("{}/{name}", group(&cloud));
        let instance = placed(&cloud, &id);
        let token = |more: &str| cloud.workload_token(&instance, MANAGEMENT, more);
        let system = claims(token("").expect(200).text_at("/access_token"));
        assert_eq!(system["oid"], shown["identity"]["principalId"], "{mode}");
        assert_eq!((&system["xms_mirid"], &system["xms_az_rid"]), (&in_tokens(&set), &in_tokens(&id)), "{mode}");
        let user = claims(token(&format!("&client_id={}", identity.client)).expect(200).text_at("/access_token"));
        assert_eq!(user["xms_az_rid"], in_tokens(&id), "{mode}");

        // Off and on again, then gone with the capacity.
        let _ = cloud.call(&operator, "POST", &format!("{set}/deallocate"), None).expect(200);
        cloud.round();
        assert_eq!(token("").status, 400, "{mode}");
        let _ = cloud.call(&operator, "POST", &format!("{set}/start"), None).expect(200);
        cloud.round();
        let _ = token("").expect(200);
        let _ = cloud.call(&operator, "PATCH", &set, Some(&json!({"sku": {"capacity": 0}}))).expect(200);
        cloud.round();
        assert_ne!(token("").status, 200, "{mode}");
        let shown = cloud.call(&operator, "GET", &set, None).expect(200).body;
        assert_eq!(shown["identity"]["type"], "SystemAssigned, UserAssigned", "the set keeps them");
    }
}
