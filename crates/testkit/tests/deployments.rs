//! Deployments by a workload.

#![allow(clippy::unwrap_used)]

use bonafide_core::directory::find;
use bonafide_testkit::{Answer, Ask, Cloud, MANAGEMENT};
use serde_json::json;

#[test]
fn tn_14_a_workload_that_loses_its_identity_deploys_nothing_more() {
    let cloud = Cloud::unthrottled();
    let home = cloud.home.clone();
    cloud.make_group(&home, "rg");
    let user = cloud.make_identity(&home, "rg", "ida");
    let machine = cloud.make_machine(&home, "rg", "web1", false, &[&user]);
    cloud.place(&machine.id);
    let token = cloud.workload_token(&machine, MANAGEMENT, "").expect(200).text_at("/access_token").to_owned();
    cloud.grant(&home, user.principal, "Contributor", &format!("{}/resourceGroups/rg", home.root()));
    // More than a request deploys by itself.
    let resources: Vec<_> = (0..20)
        .map(|n| json!({"type": "Microsoft.Network/networkSecurityGroups", "apiVersion": "2022-01-01", "name": format!("n{n}"), "location": "westeurope"}))
        .collect();
    let schema = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#";
    let template = json!({"$schema": schema, "contentVersion": "1.0.0.0", "resources": resources});
    let body = json!({"properties": {"mode": "Incremental", "template": template}});
    let path =
        format!("{}/resourceGroups/rg/providers/Microsoft.Resources/deployments/d?api-version=2024-11-01", home.root());
    let put = Ask::new("PUT", &path).json(&body).bearer(&token);
    let reply = cloud.management(put.request());
    let status = reply.headers["azure-asyncoperation"]
        .to_str()
        .unwrap()
        .strip_prefix("https://localhost:8443")
        .unwrap()
        .to_owned();
    let _ = Answer::from(reply).expect(201);
    let poll = || cloud.manage(&home.operator, Ask::new("GET", &status)).expect(200);
    assert_eq!(poll().body["status"], "InProgress");
    let target = format!("{}?api-version=2024-11-01", machine.id);
    let taken = Ask::new("PATCH", &target).json(&json!({"identity": {"type": "None"}}));
    let _ = cloud.manage(&home.operator, taken).expect(200);
    let ended = poll();
    assert_eq!(ended.body["status"], "Failed");
    assert_eq!(ended.body["error"]["details"][0]["code"], "InvalidAuthenticationToken", "{}", ended.text);
    let made = (0..20).filter(|n| {
        let id = home.id("rg", "Microsoft.Network/networkSecurityGroups", &format!("n{n}"));
        cloud.store.read(|tx| find(tx, &id)).unwrap().is_some()
    });
    assert_eq!(made.count(), 17);
}
