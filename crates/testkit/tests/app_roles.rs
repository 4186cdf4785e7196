//! Roles of applications: who gives them, and with what they end.

#![allow(clippy::unwrap_used, reason = "a test may insist")]

use bonafide_core::directory::{APP_ROLE_ASSIGNMENTS, application_by_client};
use bonafide_store::Read;
use bonafide_testkit::{Answer, Ask, Cloud, GRAPH, Person, claims};
use bonafide_types::ObjectId;
use serde_json::{Value, json};

const READ: &str = "21f75bb3-d92d-4a17-8d02-f857f8451d5d";

fn send(cloud: &Cloud, person: &Person, method: &str, target: &str, body: Option<&Value>) -> Answer {
    let ask = Ask::new(method, target).bearer(&cloud.token(person, GRAPH));
    let ask = body.map_or(ask.clone(), |body| ask.json(body));
    cloud.graph(ask.request()).into()
}

fn application(cloud: &Cloud, person: &Person) -> String {
    let found = cloud.store.read(|tx| application_by_client(tx, person.tenant, person.client)).unwrap();
    format!("/v1.0/applications/{}", found.unwrap().0)
}

/// One role, under the same id.
fn roles(value: &str) -> Value {
    json!({"appRoles": [{"allowedMemberTypes": ["Application"], "id": READ, "isEnabled": true, "value": value}]})
}

/// A service of the tenant with the role.
fn service(cloud: &Cloud, name: &str) -> Person {
    let service = cloud.application(cloud.home.tenant, name);
    let _ = send(cloud, &cloud.home.operator, "PATCH", &application(cloud, &service), Some(&roles("Read"))).expect(204);
    service
}

fn give(cloud: &Cloud, by: &Person, principal: ObjectId, resource: ObjectId) -> Answer {
    let body = json!({"principalId": principal, "resourceId": resource, "appRoleId": READ});
    send(cloud, by, "POST", &format!("/v1.0/servicePrincipals/{principal}/appRoleAssignments"), Some(&body))
}

/// The claim `roles` of a new token of somebody's for a service.
fn held(cloud: &Cloud, who: &Person, service: &Person) -> Value {
    claims(&cloud.token(who, &service.client.to_string()))["roles"].clone()
}

#[test]
fn tn_23_a_role_is_in_the_tokens_of_who_has_it_for_that_service_and_ends_with_it() {
    let cloud = Cloud::unthrottled();
    let operator = cloud.home.operator.clone();
    let [orders, bills] = ["orders", "bills"].map(|name| service(&cloud, name));
    let [worker, other] = ["worker", "other"].map(|name| cloud.application(cloud.home.tenant, name));
    let made = give(&cloud, &operator, worker.principal, orders.principal).expect(201);
    assert_eq!(held(&cloud, &worker, &orders), json!(["Read"]));
    assert_eq!(held(&cloud, &worker, &bills), Value::Null, "of the same id, at another service");
    assert_eq!(held(&cloud, &other, &orders), Value::Null);
    let _ = send(&cloud, &operator, "PATCH", &application(&cloud, &orders), Some(&roles("Renamed"))).expect(204);
    assert_eq!(held(&cloud, &worker, &orders), json!(["Renamed"]));
    let target = format!("/v1.0/servicePrincipals/{}/appRoleAssignedTo/{}", orders.principal, made.text_at("/id"));
    let _ = send(&cloud, &operator, "DELETE", &target, None).expect(204);
    assert_eq!(held(&cloud, &worker, &orders), Value::Null);
}

#[test]
fn tn_23_a_successor_of_a_service_a_role_or_a_principal_inherits_no_role() {
    let cloud = Cloud::unthrottled();
    let operator = cloud.home.operator.clone();
    let orders = service(&cloud, "orders");
    let worker = cloud.application(cloud.home.tenant, "worker");
    let rows = || {
        cloud
            .store
            .read(|tx| Ok::<_, bonafide_store::StoreError>(tx.page(&APP_ROLE_ASSIGNMENTS, &(), None, 9)?.len()))
            .unwrap()
    };
    // A role that is defined again under its id.
    let _ = give(&cloud, &operator, worker.principal, orders.principal).expect(201);
    let path = application(&cloud, &orders);
    let _ = send(&cloud, &operator, "PATCH", &path, Some(&json!({"appRoles": []}))).expect(204);
    let _ = send(&cloud, &operator, "PATCH", &path, Some(&roles("Read"))).expect(204);
    assert_eq!((held(&cloud, &worker, &orders), rows()), (Value::Null, 0));
    // A service principal of the service that is made again.
    let _ = give(&cloud, &operator, worker.principal, orders.principal).expect(201);
    let service = format!("/v1.0/servicePrincipals/{}", orders.principal);
    let _ = send(&cloud, &operator, "DELETE", &service, None).expect(204);
    let again = json!({"appId": orders.client});
    let again = send(&cloud, &operator, "POST", "/v1.0/servicePrincipals", Some(&again)).expect(201);
    let again: ObjectId = again.text_at("/id").parse().unwrap();
    assert_eq!((held(&cloud, &worker, &orders), rows()), (Value::Null, 0));
    // A principal with the role that is made again.
    let _ = give(&cloud, &operator, worker.principal, again).expect(201);
    assert_eq!(held(&cloud, &worker, &orders), json!(["Read"]));
    let target = format!("/v1.0/servicePrincipals/{}", worker.principal);
    let _ = send(&cloud, &operator, "DELETE", &target, None).expect(204);
    let anew = json!({"appId": worker.client});
    let anew = send(&cloud, &operator, "POST", "/v1.0/servicePrincipals", Some(&anew)).expect(201);
    let worker = Person { principal: anew.text_at("/id").parse().unwrap(), ..worker };
    assert_eq!((held(&cloud, &worker, &orders), rows()), (Value::Null, 0));
}

#[test]
fn tn_23_no_tenant_gives_a_role_at_a_service_of_another() {
    let cloud = Cloud::unthrottled();
    let orders = service(&cloud, "orders");
    let worker = cloud.application(cloud.home.tenant, "worker");
    let second = cloud.second_tenant();
    let theirs = cloud.application(second.tenant, "theirs");
    for (by, principal, resource) in [
        (&second.operator, theirs.principal, orders.principal),
        (&second.operator, worker.principal, orders.principal),
        (&cloud.home.operator, theirs.principal, orders.principal),
        (&cloud.home.operator, worker.principal, theirs.principal),
    ] {
        let _ = give(&cloud, by, principal, resource).refused(404, "Request_ResourceNotFound");
        let body = json!({"principalId": principal, "resourceId": resource, "appRoleId": READ});
        let target = format!("/v1.0/servicePrincipals/{resource}/appRoleAssignedTo");
        let _ = send(&cloud, by, "POST", &target, Some(&body)).refused(404, "Request_ResourceNotFound");
    }
}

#[test]
fn the_roles_of_one_principal_at_one_service_are_bounded() {
    let cloud = Cloud::unthrottled();
    let operator = cloud.home.operator.clone();
    let orders = cloud.application(cloud.home.tenant, "orders");
    let worker = cloud.application(cloud.home.tenant, "worker");
    let id = |n: usize| format!("21f75bb3-d92d-4a17-8d02-{n:012}");
    let role =
        |n| json!({"allowedMemberTypes": ["Application"], "id": id(n), "isEnabled": true, "value": format!("r{n}")});
    let roles = json!({"appRoles": (0..41).map(role).collect::<Vec<_>>()});
    let _ = send(&cloud, &operator, "PATCH", &application(&cloud, &orders), Some(&roles)).expect(204);
    let target = format!("/v1.0/servicePrincipals/{}/appRoleAssignedTo", orders.principal);
    let give = |n| {
        let body = json!({"principalId": worker.principal, "resourceId": orders.principal, "appRoleId": id(n)});
        send(&cloud, &operator, "POST", &target, Some(&body))
    };
    (0..40).for_each(|n| drop(give(n).expect(201)));
    let _ = give(40).refused(400, "Directory_QuotaExceeded");
    assert_eq!(held(&cloud, &worker, &orders).as_array().unwrap().len(), 40);
}
