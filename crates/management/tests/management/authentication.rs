//! The caller of a request, by its token.

use crate::cloud::{ARM, Cloud, VM};
use bonafide_core::access::Allowed;
use bonafide_core::directory::PRINCIPALS;
use bonafide_core::lifecycle::delete_service_principal;
use bonafide_store::{Read, StoreError};
use bonafide_types::limits::VIEW_AGE_SECONDS_MAX;
use http::Method;
use serde_json::json;

#[test]
fn a_request_without_a_token_that_counts_is_challenged() {
    let cloud = Cloud::with_group();
    let target = format!("{}?api-version={VM}", cloud.vm("vm1"));
    let token = cloud.token(&cloud.owner);
    let bearer = format!("Bearer {token}");
    let mut changed = token.clone().into_bytes();
    let at = changed.len() - 10;
    changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
    let changed = format!("Bearer {}", String::from_utf8(changed).unwrap());
    let vault = format!("Bearer {}", cloud.token_for(&cloud.owner, "https://vault.azure.net"));
    for (headers, code) in [
        (vec![], "AuthenticationFailed"),
        (vec![("authorization", "")], "AuthenticationFailed"),
        (vec![("authorization", "Bearer ")], "AuthenticationFailed"),
        (vec![("authorization", "Basic eDp5")], "AuthenticationFailed"),
        (vec![("authorization", bearer.as_str()), ("authorization", bearer.as_str())], "AuthenticationFailed"),
        (vec![("authorization", "Bearer x")], "InvalidAuthenticationToken"),
        (vec![("authorization", changed.as_str())], "InvalidAuthenticationToken"),
        (vec![("authorization", vault.as_str())], "InvalidAuthenticationTokenAudience"),
    ] {
        let answer = cloud.raw(Method::GET, &target, &headers, b"").refused(401, code);
        let challenge = answer.header("www-authenticate");
        let authority = format!("Bearer authorization_uri=\"https://localhost:8443/{}\",", cloud.tenant);
        assert!(challenge.starts_with(&authority), "{challenge}");
        assert!(challenge.contains("error=\"invalid_token\""), "{challenge}");
    }
    cloud.raw(Method::GET, &target, &[("authorization", &bearer)], b"").refused(404, "ResourceNotFound");
    let unknown = format!("/subscriptions/{}?api-version={VM}", uuid::Uuid::nil());
    for target in [unknown.as_str(), "/subscriptions?api-version=2022-12-01"] {
        let answer = cloud.raw(Method::GET, target, &[], b"").refused(401, "AuthenticationFailed");
        assert!(answer.header("www-authenticate").contains("\"https://localhost:8443/common\""));
    }
    cloud.now.set(cloud.now.get().plus_seconds(90_000));
    let answer =
        cloud.raw(Method::GET, &target, &[("authorization", &bearer)], b"").refused(401, "ExpiredAuthenticationToken");
    let message = answer.body["error"]["message"].as_str().unwrap();
    assert!(message.contains("11/22/2026 10:30:05 AM"), "{message}");
}

#[test]
fn tn_02_a_token_of_another_tenant_is_refused() {
    let cloud = Cloud::with_group();
    let answer = cloud.call(&cloud.other_owner, Method::GET, &cloud.vm("vm1"), VM, None);
    let answer = answer.refused(401, "InvalidAuthenticationTokenTenant");
    assert!(answer.header("www-authenticate").contains(&cloud.tenant.to_string()));
}

#[test]
fn the_last_token_of_a_principal_that_is_gone_is_refused_at_once() {
    let cloud = Cloud::with_group();
    let person = cloud.in_subscription("Owner");
    let token = format!("Bearer {}", cloud.token(&person));
    let target = format!("{}?api-version=2021-04-01", cloud.at("g"));
    // `send` keeps the view as it was: only the store knows.
    let send = |method: Method| cloud.send(method, &target, &[("authorization", &token)], b"{\"location\":\"westus\"}");
    send(Method::GET).expect(200);
    cloud
        .store
        .write(|tx| {
            let mut row = tx.get(&PRINCIPALS, &person.id)?.unwrap();
            row.enabled = false;
            tx.put(&PRINCIPALS, &person.id, &row)
        })
        .unwrap();
    send(Method::GET).refused(401, "InvalidAuthenticationToken");
    cloud
        .store
        .write(|tx| {
            let mut row = tx.get(&PRINCIPALS, &person.id)?.unwrap();
            row.enabled = true;
            tx.put(&PRINCIPALS, &person.id, &row)
        })
        .unwrap();
    send(Method::PUT).expect(200);
    cloud.store.write(|tx| delete_service_principal(tx, &Allowed::system(person.tenant), person.id)).unwrap();
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        send(method).refused(401, "InvalidAuthenticationToken");
    }
}

#[test]
fn a_machine_reads_itself_and_its_token_dies_with_it() {
    let cloud = Cloud::with_group();
    let body = json!({"location": "westus", "properties": {}, "identity": {"type": "SystemAssigned"}});
    let made = cloud.put(&cloud.vm("vm1"), VM, body).expect(201);
    let id = made.body["identity"]["principalId"].as_str().unwrap().parse().unwrap();
    let machine = crate::cloud::Person { tenant: cloud.tenant, id };
    cloud.grant(&machine, "Reader", &cloud.at("g"));
    let token = format!("Bearer {}", cloud.token(&machine));
    let target = format!("{}?api-version={VM}", cloud.vm("vm1"));
    let headers = [("authorization", token.as_str())];
    cloud.raw(Method::GET, &target, &headers, b"").expect(200);
    cloud.raw(Method::DELETE, &target, &headers, b"").refused(403, "AuthorizationFailed");
    cloud.delete(&cloud.vm("vm1"), VM).expect(200);
    cloud.send(Method::GET, &target, &headers, b"").refused(401, "InvalidAuthenticationToken");
    let left = cloud.store.read(|tx| Ok::<_, StoreError>(tx.get(&PRINCIPALS, &id)?.is_some())).unwrap();
    assert!(!left);
}

/// A principal that was revoked meanwhile could still be honoured: nobody is let in, whatever the store says.
#[test]
fn rv_04_a_view_that_is_too_old_decides_about_no_token() {
    let cloud = Cloud::with_group();
    cloud.view_age_seconds.set(VIEW_AGE_SECONDS_MAX);
    cloud.get(&cloud.at("g"), ARM).expect(200);
    cloud.view_age_seconds.set(VIEW_AGE_SECONDS_MAX + 1);
    let answer = cloud.get(&cloud.at("g"), ARM).refused(503, "ServiceUnavailable");
    assert_eq!(answer.header("retry-after"), "1");
    cloud.put(&cloud.at("new"), ARM, json!({"location": "westus"})).refused(503, "ServiceUnavailable");
    // The place that gives tokens is public, and no secret.
    cloud.raw(Method::GET, "/metadata/endpoints?api-version=2022-09-01", &[], b"").expect(200);
}
