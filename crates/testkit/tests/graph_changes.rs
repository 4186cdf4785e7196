//! Changes of the directory: who may make them, to what, and what follows at once.

#![allow(clippy::unwrap_used, reason = "a test may insist")]

use bonafide_core::directory::{CREDENTIALS, OWNERS, application_by_client};
use bonafide_store::Read;
use bonafide_testkit::{Answer, Ask, Cloud, GRAPH, MANAGEMENT, Person};
use bonafide_wire::Surface;
use http::Method;
use serde_json::{Value, json};

fn send(cloud: &Cloud, person: &Person, method: &str, target: &str, body: Option<&Value>) -> Answer {
    let ask = Ask::new(method, target).bearer(&cloud.token(person, GRAPH));
    let ask = body.map_or(ask.clone(), |body| ask.json(body));
    cloud.graph(ask.request()).into()
}

/// The object id of somebody's application.
fn application(cloud: &Cloud, person: &Person) -> String {
    let found = cloud.store.read(|tx| application_by_client(tx, person.tenant, person.client)).unwrap();
    found.unwrap().0.to_string()
}

/// Every request that changes something of an application, its service principal or the directory.
fn changes(application: &str, principal: &str, client: &str, other: &str) -> Vec<(Method, String)> {
    let routes = <bonafide_graph::Cx<'_> as Surface>::routes();
    let of = |path: &str| {
        let id = if path.contains("/applications") { application } else { principal };
        path.replace("{id}", id).replace("{appId}", client).replace("{owner}", other).replace("{policy}", other)
    };
    let is_change = |method: &Method, path: &str| *method != Method::GET && !path.ends_with("etByIds");
    let routes = routes.into_iter().filter(|route| is_change(&route.method, route.path));
    routes.map(|route| (route.method.clone(), of(route.path))).collect()
}

/// A body that each of them takes.
fn body(target: &str, other: &str) -> Value {
    if target.ends_with("/$ref") {
        return json!({"@odata.id": format!("https://localhost:8443/v1.0/directoryObjects/{other}")});
    }
    if target.ends_with("addPassword") { json!({}) } else { json!({"displayName": "x", "keyId": other}) }
}

#[test]
fn tn_20_who_only_manages_resources_or_reads_changes_nothing_of_an_application_that_may_do_more() {
    let cloud = Cloud::unthrottled();
    let home = cloud.home.clone();
    let target = application(&cloud, &home.operator);
    let (principal, client) = (home.operator.principal.to_string(), home.operator.client.to_string());
    let holders = [("Contributor", ""), ("Reader", ""), ("Owner", home.root().leak() as &str)].map(|(role, scope)| {
        let person = cloud.application(home.tenant, role);
        cloud.grant(&home, person.principal, role, scope);
        person
    });
    let rows = || cloud.store.read(|tx| Ok::<_, bonafide_store::StoreError>(tx.cursor().revision)).unwrap();
    let before = rows();
    for holder in &holders {
        let own = holder.principal.to_string();
        for (method, path) in changes(&target, &principal, &client, &own) {
            let refused = send(&cloud, holder, method.as_str(), &path, Some(&body(&path, &own)));
            let _ = refused.refused(403, "Authorization_RequestDenied");
        }
    }
    let foreign = cloud.second_tenant().operator;
    let before = (before, rows()).1;
    for (method, path) in changes(&target, &principal, &client, &foreign.principal.to_string()) {
        // An application is made in the caller's own tenant.
        if ["/v1.0/applications", "/beta/applications"].contains(&path.as_str()) {
            continue;
        }
        let refused = send(&cloud, &foreign, method.as_str(), &path, Some(&body(&path, &principal)));
        assert!([400, 404].contains(&refused.status), "{method} {path}: {}", refused.status);
    }
    assert_eq!(before, rows(), "nothing was written");
}

#[test]
fn tn_21_a_managed_identity_gets_nothing_but_its_being_disabled() {
    let cloud = Cloud::unthrottled();
    let home = cloud.home.clone();
    cloud.make_group(&home, "g");
    let identity = cloud.make_identity(&home, "g", "shared");
    let (principal, client) = (identity.principal.to_string(), identity.client.to_string());
    for (method, path) in changes(&principal, &principal, &client, &home.operator.principal.to_string()) {
        if path == "/v1.0/applications" || path == "/beta/applications" {
            continue;
        }
        let other = home.operator.principal.to_string();
        let refused = send(&cloud, &home.operator, method.as_str(), &path, Some(&body(&path, &other)));
        assert!([400, 403, 404].contains(&refused.status), "{method} {path}: {}", refused.status);
    }
    let left = cloud.store.read(|tx| {
        let credentials = tx.page(&CREDENTIALS, &identity.principal, None, 10)?.len();
        Ok::<_, bonafide_store::StoreError>((credentials, tx.page(&OWNERS, &identity.principal, None, 10)?.len()))
    });
    assert_eq!(left.unwrap(), (0, 0));
    let target = format!("/v1.0/servicePrincipals/{principal}");
    let _ = send(&cloud, &home.operator, "PATCH", &target, Some(&json!({"accountEnabled": false}))).expect(204);
}

#[test]
fn rv_01_a_principal_that_is_disabled_has_no_token_that_counts_from_the_next_request_on() {
    let cloud = Cloud::unthrottled();
    let home = cloud.home.clone();
    let person = cloud.application(home.tenant, "worker");
    cloud.grant(&home, person.principal, "Reader", &home.root());
    let token = cloud.token(&person, MANAGEMENT);
    let ask = || -> Answer {
        cloud
            .management(Ask::new("GET", &format!("{}?api-version=2022-12-01", home.root())).bearer(&token).request())
            .into()
    };
    let _ = ask().expect(200);
    let target = format!("/v1.0/servicePrincipals/{}", person.principal);
    let set = |enabled: bool| send(&cloud, &home.operator, "PATCH", &target, Some(&json!({"accountEnabled": enabled})));
    let _ = set(false).expect(204);
    let _ = ask().expect(401);
    let refused = cloud.sign_in(&person, MANAGEMENT).expect(400);
    assert_eq!(refused.body["error_codes"], json!([7_000_112]));
    let _ = set(true).expect(204);
    let _ = ask().expect(200);
    let _ =
        send(&cloud, &home.operator, "DELETE", &format!("/v1.0/applications/{}", application(&cloud, &person)), None)
            .expect(204);
    let _ = ask().expect(401);
    assert_eq!(cloud.sign_in(&person, MANAGEMENT).body["error_codes"], json!([700_016]));
}

#[test]
fn au_01_each_change_of_the_directory_has_one_audit_record_and_no_refusal_has_one() {
    let cloud = Cloud::unthrottled();
    let operator = cloud.home.operator.clone();
    let records = || cloud.store.audit(0, 1_000).unwrap();
    let before = records().len();
    let made = send(&cloud, &operator, "POST", "/v1.0/applications", Some(&json!({"displayName": "a"}))).expect(201);
    let id = made.text_at("/id").to_owned();
    let secret = send(&cloud, &operator, "POST", &format!("/v1.0/applications/{id}/addPassword"), None).expect(200);
    let secret = secret.text_at("/secretText").to_owned();
    let _ = send(&cloud, &operator, "PATCH", &format!("/v1.0/applications/{id}"), Some(&json!({"id": id}))).expect(400);
    let of_ours: Vec<Value> =
        records()[before..].iter().map(|record| serde_json::from_slice(&record.record).unwrap()).collect();
    assert_eq!(of_ours.len(), 2);
    for (record, action) in of_ours.iter().zip(["create", "credentials/update"]) {
        assert_eq!(record["surface"], "graph");
        assert_eq!(record["action"], format!("microsoft.directory/applications/{action}"));
        assert_eq!(record["scope"], format!("/applications/{id}"));
        assert_eq!(record["principal"], operator.principal.to_string());
        assert!(!record.to_string().contains(&secret));
    }
}

#[test]
fn tn_22_the_lifetime_of_a_token_follows_the_nearest_policy_and_no_other_tenant_s() {
    let cloud = Cloud::unthrottled();
    let operator = cloud.home.operator.clone();
    let person = cloud.application(cloud.home.tenant, "worker");
    let policies = "/v1.0/policies/tokenLifetimePolicies";
    let make = |by: &Person, time: &str, is_default: bool| {
        let definition = format!(r#"{{"TokenLifetimePolicy":{{"Version":1,"AccessTokenLifetime":"{time}"}}}}"#);
        let body = json!({"displayName": time, "definition": [definition], "isOrganizationDefault": is_default});
        send(&cloud, by, "POST", policies, Some(&body)).expect(201).text_at("/id").to_owned()
    };
    let lives = || {
        let answer = cloud.sign_in(&person, MANAGEMENT).expect(200);
        answer.text_at("/expires_in").parse::<u64>().unwrap() + 1
    };
    let give = |path: &str, policy: &str| {
        let body = json!({"@odata.id": format!("https://localhost:8443{policies}/{policy}")});
        send(&cloud, &operator, "POST", &format!("{path}/tokenLifetimePolicies/$ref"), Some(&body))
    };
    let application = format!("/v1.0/applications/{}", application(&cloud, &person));
    let principal = format!("/v1.0/servicePrincipals/{}", person.principal);
    assert_eq!(lives(), 3_600);
    let foreign = make(&cloud.second_tenant().operator, "00:05:00", true);
    assert_eq!(lives(), 3_600);
    let _ = give(&principal, &foreign).expect(404);
    let _ = make(&operator, "02:00:00", true);
    assert_eq!(lives(), 7_200);
    let _ = give(&application, &make(&operator, "03:00:00", false)).expect(204);
    assert_eq!(lives(), 10_800);
    let nearest = make(&operator, "00:05:00", false);
    let _ = give(&principal, &nearest).expect(204);
    assert_eq!(lives(), 300);
    let _ = send(&cloud, &operator, "DELETE", &format!("{policies}/{nearest}"), None).expect(400);
    let _ = send(&cloud, &operator, "DELETE", &principal, None).expect(204);
    let _ = send(&cloud, &operator, "DELETE", &format!("{policies}/{nearest}"), None).expect(204);
}
