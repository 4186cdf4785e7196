//! The conditions that built-in roles carry: what is granted under one is decided by what the call says.

use crate::cloud::{AUTHZ, Cloud, Person, VM};
use bonafide_core::access::roles;
use http::Method;
use serde_json::{Value, json};
use uuid::Uuid;

const ADMINISTRATOR: &str = "Key Vault Data Access Administrator";
const NAMED: &str = "Key Vault Secrets User";

fn path(scope: &str, n: u128) -> String {
    format!("{scope}/providers/Microsoft.Authorization/roleAssignments/{}", Uuid::from_u128(n))
}

fn body(who: &Person, role: &str) -> Value {
    let role = roles::by_name(role).unwrap().id;
    let id = format!("/providers/Microsoft.Authorization/roleDefinitions/{role}");
    json!({"properties": {"principalId": who.id.to_string(), "roleDefinitionId": id}})
}

#[test]
fn tn_13_roles_are_given_and_taken_as_far_as_a_condition_says() {
    let cloud = Cloud::with_group();
    let (giver, other) = (cloud.in_subscription(ADMINISTRATOR), cloud.person(cloud.tenant, &[]));
    let scope = cloud.at("g");
    let call = |method: Method, n: u128, body: Option<Value>| cloud.call(&giver, method, &path(&scope, n), AUTHZ, body);
    let put = |n: u128, role: &str| call(Method::PUT, n, Some(body(&other, role)));
    put(1, NAMED).expect(201);
    // Again, and under another name: the answer of who may.
    put(1, NAMED).expect(201);
    put(2, NAMED).refused(409, "RoleAssignmentExists");
    for role in ["Owner", "Reader", ADMINISTRATOR, "User Access Administrator", "Key Vault Contributor"] {
        put(3, role).refused(403, "AuthorizationFailed");
    }
    // An assignment of another role cannot be taken away, and the same is said of one that is not there.
    cloud.put(&path(&scope, 4), AUTHZ, body(&other, "Reader")).expect(201);
    call(Method::DELETE, 4, None).refused(403, "AuthorizationFailed");
    call(Method::DELETE, 5, None).refused(403, "AuthorizationFailed");
    call(Method::DELETE, 1, None).expect(200);
    // Elsewhere the right is not even a conditional one.
    let above = cloud.call(&giver, Method::PUT, &path("", 6), AUTHZ, Some(body(&other, NAMED)));
    above.refused(403, "AuthorizationFailed");
}

#[test]
fn tn_13_what_a_condition_asks_is_read_as_what_is_made_is_read() {
    let cloud = Cloud::with_group();
    let (giver, other) = (cloud.in_subscription(ADMINISTRATOR), cloud.person(cloud.tenant, &[]));
    let put = |body: Value| cloud.call(&giver, Method::PUT, &path(&cloud.root(), 1), AUTHZ, Some(body));
    let id = |role: &str| body(&other, role)["properties"]["roleDefinitionId"].clone();
    let mut two = body(&other, NAMED);
    two["properties"]["RoleDefinitionId"] = id("Owner");
    put(two).refused(400, "InvalidRequestContent");
    let mut beside = body(&other, NAMED);
    beside["roleDefinitionId"] = id("Owner");
    put(beside).refused(400, "InvalidRequestContent");
    put(json!({"properties": {}})).refused(400, "InvalidPrincipalId");
    let mut condition = body(&other, NAMED);
    condition["properties"]["condition"] = json!("true");
    let refused = put(condition);
    assert!(refused.status == 400, "{}", refused.body);
    // At the top, as older clients send it.
    let top = body(&other, NAMED)["properties"].clone();
    put(top).expect(201);
}

#[test]
fn what_a_condition_does_not_limit_is_granted_and_nothing_else_is() {
    let cloud = Cloud::with_group();
    cloud.put(&cloud.vm("vm1"), VM, json!({"location": "westus"})).expect(201);
    let giver = cloud.in_subscription(ADMINISTRATOR);
    let list = format!("{}/providers/Microsoft.Authorization/roleAssignments", cloud.root());
    cloud.call(&giver, Method::GET, &list, AUTHZ, None).expect(200);
    cloud.call(&giver, Method::DELETE, &cloud.vm("vm1"), VM, None).refused(403, "AuthorizationFailed");
    // All that this role grants depends on whom the caller acts for, and nobody acts for somebody here.
    let never = cloud.in_subscription("Azure Resilience Management Goals Administrator");
    let other = cloud.person(cloud.tenant, &[]);
    let put = |who: &Person| cloud.call(who, Method::PUT, &path(&cloud.root(), 7), AUTHZ, Some(body(&other, "Reader")));
    put(&never).refused(403, "AuthorizationFailed");
}
