//! The right to tag, and to nothing else.

use crate::cloud::{ARM, Cloud, VM};
use http::Method;
use serde_json::{Value, json};

const TAGS: &str = "2021-04-01";
const LOCKS: &str = "2016-09-01";

fn tags(of: &str) -> String {
    format!("{of}/providers/Microsoft.Resources/tags/default")
}

/// Everything that is stored of a resource but its tags, version and time of change.
fn rest(cloud: &Cloud, path: &str) -> Value {
    let mut stored = cloud.stored(path);
    for name in ["tags", "version", "changed_at"] {
        stored.as_object_mut().unwrap().remove(name);
    }
    stored
}

#[test]
fn tn_25_who_may_tag_changes_tags_alone() {
    let cloud = Cloud::with_group();
    let id = cloud.make_identity("id1");
    let body = json!({"location": "westus", "identity": {"type": "SystemAssigned"}, "tags": {"a": "1"}});
    cloud.put(&cloud.vm("vm1"), VM, body).expect(201);
    let tagger = cloud.in_subscription("Tag Contributor");
    let before = rest(&cloud, &cloud.vm("vm1"));
    // The other members of the body say nothing.
    let sent = json!({
        "location": "eastus", "identity": {"type": "None"},
        "properties": {"tags": {"a": "2", "hidden-title": "y"}, "provisioningState": "Failed", "hardwareProfile": {}},
    });
    for (method, more) in [(Method::PUT, json!({})), (Method::PATCH, json!({"operation": "Replace"}))] {
        let mut body = sent.clone();
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        cloud.call(&tagger, method, &tags(&cloud.vm("vm1")), TAGS, Some(body)).expect(200);
        assert_eq!(rest(&cloud, &cloud.vm("vm1")), before);
    }
    assert_eq!(cloud.get(&cloud.vm("vm1"), VM).expect(200).body["tags"]["a"], "2");
    cloud.call(&tagger, Method::DELETE, &tags(&cloud.vm("vm1")), TAGS, None).expect(200);
    assert_eq!(rest(&cloud, &cloud.vm("vm1")), before);
    // The resource itself takes the right to write it, also for tags alone, and none of them can be made by tagging.
    let patch = |body: Value| cloud.call(&tagger, Method::PATCH, &cloud.vm("vm1"), VM, Some(body));
    patch(json!({"tags": {"a": "3"}})).refused(403, "AuthorizationFailed");
    patch(json!({"identity": {"type": "UserAssigned", "userAssignedIdentities": {id: {}}}}))
        .refused(403, "AuthorizationFailed");
    let new = cloud.call(&tagger, Method::PUT, &tags(&cloud.vm("vm2")), TAGS, Some(sent));
    new.refused(404, "ResourceNotFound");
    assert_eq!(cloud.get(&cloud.vm("vm2"), VM).status, 404);
}

#[test]
fn tn_25_a_lock_holds_for_tags() {
    let cloud = Cloud::with_group();
    cloud.put(&cloud.vm("vm1"), VM, json!({"location": "westus"})).expect(201);
    let tagger = cloud.in_subscription("Tag Contributor");
    let put = |of: &str| {
        let body = json!({"properties": {"tags": {"a": "1"}}});
        cloud.call(&tagger, Method::PUT, &tags(of), TAGS, Some(body))
    };
    let lock = format!("{}/providers/Microsoft.Authorization/locks/l", cloud.at("g"));
    cloud.put(&lock, LOCKS, json!({"properties": {"level": "ReadOnly"}})).expect(201);
    for of in [cloud.vm("vm1"), cloud.at("g")] {
        put(&of).refused(409, "ScopeLocked");
        cloud.call(&tagger, Method::DELETE, &tags(&of), TAGS, None).refused(409, "ScopeLocked");
    }
    // The lock does not reach above its group, and tags there reach nothing below.
    put(&cloud.root()).expect(200);
    assert_eq!(cloud.get(&cloud.at("g"), ARM).expect(200).body["tags"], json!({}));
    // The right to tag takes no lock away.
    cloud.call(&tagger, Method::DELETE, &lock, LOCKS, None).refused(403, "AuthorizationFailed");
}
