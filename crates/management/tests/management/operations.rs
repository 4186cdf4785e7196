//! Polling.

use crate::cloud::{Cloud, Person, VM};
use http::Method;
use serde_json::json;

fn path(url: &str) -> String {
    url.strip_prefix("https://localhost:8443").unwrap().to_owned()
}

#[test]
fn an_operation_is_polled_until_it_has_succeeded() {
    let cloud = Cloud::with_group();
    let body = json!({"location": "westus", "properties": {}});
    for (answer, final_status) in [
        (cloud.put(&cloud.vm("vm1"), VM, body.clone()).expect(201), 200),
        (cloud.put(&cloud.vm("vm1"), VM, body).expect(200), 200),
        (cloud.patch(&cloud.vm("vm1"), VM, json!({})).expect(200), 200),
        (cloud.delete(&cloud.vm("vm1"), VM).expect(202), 200),
    ] {
        assert_eq!(answer.header("retry-after"), "1");
        let poll = cloud.get(&path(answer.header("azure-asyncoperation")), "").expect(final_status);
        assert_eq!(poll.body["status"], "Succeeded");
        assert!(poll.body["startTime"].as_str().unwrap().ends_with("+00:00"));
        assert!(poll.body["endTime"].is_string() && poll.body["name"].is_string());
        assert_eq!(poll.header("retry-after"), "1");
        if answer.status == 202 {
            cloud.get(&path(answer.header("location")), "").expect(200);
        }
    }
}

#[test]
fn an_operation_is_polled_by_who_started_it() {
    let cloud = Cloud::with_group();
    let contributor = cloud.person(cloud.tenant, &[]);
    cloud.grant(&contributor, "Virtual Machine Contributor", &cloud.at("g"));
    let body = json!({"location": "westus", "properties": {}});
    let answer = cloud.call(&contributor, Method::PUT, &cloud.vm("vm1"), VM, Some(body)).expect(201);
    let url = path(answer.header("azure-asyncoperation"));
    let poll = |who: &Person| cloud.call(who, Method::GET, &url, "", None);
    poll(&contributor).expect(200);
    poll(&cloud.owner).expect(200);
    poll(&cloud.person(cloud.tenant, &[])).refused(403, "AuthorizationFailed");
    let other = cloud.person(cloud.tenant, &[]);
    cloud.grant(&other, "Virtual Machine Contributor", &cloud.at("g"));
    poll(&other).refused(403, "AuthorizationFailed");
    poll(&cloud.other_owner).refused(401, "InvalidAuthenticationTokenTenant");
    let unknown = url.replace(
        url.split('/').next_back().unwrap().split('?').next().unwrap(),
        "00000000-0000-0000-0000-000000000001",
    );
    cloud.get(&unknown, "").refused(404, "OperationNotFound");
    cloud.call(&contributor, Method::GET, &unknown, "", None).refused(403, "AuthorizationFailed");
}
