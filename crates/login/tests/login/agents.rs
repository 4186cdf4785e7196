//! Managed identities: keys made on a host, valid over that host's connection only.

use crate::fixture::{Client, Fixture, MANAGEMENT, NOW, body, error_code, request, stranger, text};
use bonafide_core::directory::{PRINCIPALS, add_certificate, add_secret};
use bonafide_core::placement::{HOSTS, Host, PLACEMENTS, Placement};
use bonafide_crypto::secret_hash::Pepper;
use bonafide_crypto::{Certificate, SystemEntropy};
use bonafide_login::Confirm;
use bonafide_store::{Read, StoreError};
use bonafide_types::{CredentialId, HostId, ResourceUuid, World};
use bonafide_wire::{Outcome, Peer, Surface};
use http::Method;
use serde_json::json;

fn code(fixture: &Fixture, assertion: &str) -> u32 {
    error_code(&fixture.ask(&fixture.agent_request(assertion, Peer::Host(fixture.host))).0)
}

#[test]
fn an_agent_gets_a_day_s_token_for_a_workload_of_its_host() {
    let fixture = Fixture::new();
    let asked = fixture.agent_request(&fixture.agent_assertion(|_| ()), Peer::Host(fixture.host));
    let (reply, record) = fixture.ask(&asked);
    let token = body(&reply);
    assert_eq!((token["expires_in"].as_str(), token["token_type"].as_str()), (Some("86399"), Some("Bearer")));
    assert_eq!(token["resource"], MANAGEMENT);
    let caller = fixture.verify(token["access_token"].as_str().unwrap()).unwrap();
    assert_eq!(caller.object_id, fixture.identity.object_id);
    assert_eq!(
        (text(&record, "principal"), text(&record, "uti")),
        (Some(caller.object_id.to_string()), Some(caller.token_id.to_string()))
    );
    let on: u64 = token["expires_on"].as_str().unwrap().parse().unwrap();
    let from: u64 = token["not_before"].as_str().unwrap().parse().unwrap();
    assert_eq!((on - from, on - NOW.unix_seconds()), (86_700, 86_400));
}

#[test]
fn id_12_an_agent_s_key_counts_only_over_its_own_host_s_connection() {
    let mut fixture = Fixture::new();
    let assertion = fixture.agent_assertion(|_| ());
    let other = Peer::Host(HostId::random(&SystemEntropy));
    for peer in [stranger(), other] {
        let reply = fixture.ask(&fixture.agent_request(&assertion, peer)).0;
        assert_eq!(error_code(&reply), 700_027, "{peer:?}");
    }
    let host = fixture.host;
    let mut disabled = Host::new("h", NOW);
    disabled.enabled = false;
    fixture.change(|tx| tx.put(&HOSTS, &host, &disabled));
    assert_eq!(code(&fixture, &assertion), 700_027, "a disabled host");
}

#[test]
fn ca_07_an_agent_s_assertion_counts_once() {
    let mut fixture = Fixture::new();
    let assertion = fixture.agent_assertion(|_| ());
    let request = fixture.agent_request(&assertion, Peer::Host(fixture.host));
    let successes = std::sync::atomic::AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..100 {
            scope.spawn(|| {
                if error_code(&fixture.ask(&request).0) == 0 {
                    successes.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                }
            });
        }
    });
    assert_eq!(successes.into_inner(), 1);
    assert_eq!(code(&fixture, &assertion), 50_027);
    fixture.now = NOW.plus_seconds(60 + 300 - 1);
    assert_eq!(code(&fixture, &assertion), 50_027, "still remembered while its time would allow it");
    fixture.now = NOW.plus_seconds(60 + 300 + 1);
    assert_eq!(code(&fixture, &assertion), 700_024);
}

/// After a restart, and at another replica, nothing is known of what was used.
#[test]
fn ca_07_an_assertion_for_another_process_is_refused_with_the_nonce_to_name() {
    let fixture = Fixture::new();
    let used = fixture.agent_assertion(|_| ());
    assert_eq!(code(&fixture, &used), 0);
    let restarted = Fixture { service: fixture.restarted_service(), ..fixture };
    let request = restarted.agent_request(&used, Peer::Host(restarted.host));
    let reply = body(&restarted.ask(&request).0);
    assert_eq!(reply["error_codes"], json!([50_027]));
    assert_eq!(reply["nonce"], json!(*restarted.service.spent.nonce()));
    assert_eq!(code(&restarted, &restarted.agent_assertion(|claims| drop(claims.remove("nonce")))), 50_027);
    assert_eq!(code(&restarted, &restarted.agent_assertion(|_| ())), 0);
}

#[test]
fn ca_07_an_answer_that_may_be_taken_back_uses_no_assertion_up() {
    let fixture = Fixture::new();
    let mut request = fixture.agent_request(&fixture.agent_assertion(|_| ()), Peer::Host(fixture.host));
    let good = request.body.clone();
    request.body = String::from_utf8(good.to_vec()).unwrap().replace(MANAGEMENT, "api://new").into();
    let unconfirmed = fixture.cx(false).handle(&request);
    assert!(matches!(unconfirmed, Outcome::Need(Confirm)));
    assert_eq!(error_code(&fixture.ask(&request).0), 500_011);
    request.body = good;
    assert_eq!(error_code(&fixture.ask(&request).0), 0);
}

#[test]
fn a_key_or_placement_that_is_not_known_yet_is_looked_for_before_it_is_refused() {
    let mut fixture = Fixture::new();
    let host = Peer::Host(fixture.host);
    let asks = |fixture: &Fixture, assertion: &str, peer| {
        let answer = fixture.cx(false).handle(&fixture.agent_request(assertion, peer));
        matches!(answer, Outcome::Need(Confirm))
    };
    assert!(asks(&fixture, &fixture.agent_assertion(|_| ()), stranger()), "a key that is not there");
    assert!(!asks(&fixture, &fixture.agent_assertion(|claims| drop(claims.remove("aud"))), host), "a claim");
    assert!(!asks(&fixture, &fixture.agent_assertion(|_| ()), host), "nothing is wrong");
    let key = (fixture.host, fixture.workload);
    fixture.change(|tx| tx.delete(&PLACEMENTS, &key));
    assert!(asks(&fixture, &fixture.agent_assertion(|_| ()), host), "a workload that is not there");
}

#[test]
fn an_agent_s_assertion_lives_a_minute_and_names_itself() {
    let fixture = Fixture::new();
    let now = NOW.unix_seconds();
    for (name, value, expected) in [
        ("exp", json!(now + 61), 700_024),
        ("exp", json!(now + 600), 700_024),
        ("iat", json!(now - 1), 700_024),
        ("jti", json!("not a guid"), 90_014),
    ] {
        let assertion = fixture.agent_assertion(|claims| drop(claims.insert(name.to_owned(), value.clone())));
        assert_eq!(code(&fixture, &assertion), expected, "{name} = {value}");
    }
    for name in ["iat", "jti"] {
        assert_eq!(code(&fixture, &fixture.agent_assertion(|claims| drop(claims.remove(name)))), 90_014, "{name}");
    }
    assert_eq!(code(&fixture, &fixture.agent_assertion(|claims| drop(claims.remove("nbf")))), 0);
}

#[test]
fn id_12_an_identity_is_used_only_for_a_workload_that_has_it_on_this_host() {
    let mut fixture = Fixture::new();
    let host = Peer::Host(fixture.host);
    let workload = fixture.workload.to_string();
    for (given, expected) in
        [(ResourceUuid::random(&SystemEntropy).to_string(), 700_030), ("x".to_owned(), 700_030), (workload.clone(), 0)]
    {
        let mut request = fixture.agent_request(&fixture.agent_assertion(|_| ()), host);
        request.body = String::from_utf8(request.body.to_vec()).unwrap().replace(&workload, &given).into();
        assert_eq!(error_code(&fixture.ask(&request).0), expected, "{given}");
    }
    let mut request = fixture.agent_request(&fixture.agent_assertion(|_| ()), host);
    request.body =
        String::from_utf8(request.body.to_vec()).unwrap().replace(&format!("&workload={workload}"), "").into();
    assert_eq!(error_code(&fixture.ask(&request).0), 900_144);
    // The workload stays on the host, but without the identity; then with it, but in another tenant.
    let key = (fixture.host, fixture.workload);
    let placed = fixture.view.placement(key.0, key.1).unwrap().row.clone();
    let bare = Placement { own: Vec::new(), ..placed.clone() };
    let moved = Placement { tenant: fixture.other_app.tenant, ..placed };
    for placement in [bare, moved] {
        fixture.change(|tx| tx.put(&PLACEMENTS, &key, &placement));
        assert_eq!(code(&fixture, &fixture.agent_assertion(|_| ())), 700_030);
    }
    fixture.change(|tx| tx.delete(&PLACEMENTS, &key));
    assert_eq!(code(&fixture, &fixture.agent_assertion(|_| ())), 700_030);
}

#[test]
fn a_managed_identity_signs_in_with_nothing_but_a_host_s_key() {
    let mut fixture = Fixture::new();
    let identity = fixture.identity;
    let world = World { now: NOW, entropy: &SystemEntropy };
    // Rows that nothing of ours writes.
    let pepper = Pepper::new(&Pepper::generate());
    let id = CredentialId::random(&SystemEntropy);
    let hash = pepper.hash(&id.to_string(), "secret");
    let certificate = Certificate::from_der(crate::fixture::client_certificate().der()).unwrap();
    fixture.change(|tx| {
        add_secret(tx, &world, identity.object_id, id, hash, NOW.plus_seconds(100))?;
        add_certificate(tx, &world, identity.object_id, &certificate, None).map(drop)
    });
    fixture.service.pepper = pepper;
    let form = format!(
        "grant_type=client_credentials&scope={MANAGEMENT}/.default&client_id={}&client_secret=secret",
        identity.client_id
    );
    assert_eq!(error_code(&fixture.post(identity.tenant, &form)), 7_000_218);
    let assertion = crate::fixture::sign_with(&crate::fixture::header(), &fixture.claims(identity));
    assert_eq!(fixture.assert(identity, &assertion), 700_027);
}

#[test]
fn tn_02_nothing_signs_in_to_another_tenant() {
    let fixture = Fixture::new();
    for client in [fixture.app, fixture.identity, fixture.other_app] {
        let tenant = if client.tenant == fixture.app.tenant { fixture.other_app.tenant } else { fixture.app.tenant };
        let moved = Client { tenant, ..client };
        let assertion = crate::fixture::sign_with(&crate::fixture::header(), &fixture.claims(moved));
        assert_eq!(fixture.assert(moved, &assertion), 700_016);
        let form = format!(
            "grant_type=client_credentials&resource={MANAGEMENT}&client_id={}&client_secret={}",
            client.client_id,
            fixture.secret.expose()
        );
        let request = request(Method::POST, &format!("/{tenant}/oauth2/token"), "", &form);
        assert_eq!(error_code(&fixture.ask(&request).0), 700_016);
    }
    // The agent's own key, sent to the other tenant's endpoint with an audience there.
    let other = fixture.other_app.tenant;
    let audience = format!("{}/{other}/oauth2/token", crate::fixture::ORIGIN);
    let assertion = fixture.agent_assertion(|claims| drop(claims.insert("aud".to_owned(), json!(audience))));
    let mut request = fixture.agent_request(&assertion, Peer::Host(fixture.host));
    request.path = format!("/{other}/oauth2/token");
    assert_eq!(error_code(&fixture.ask(&request).0), 700_016);
}

#[test]
fn a_deleted_or_disabled_identity_gets_no_token() {
    let mut fixture = Fixture::new();
    let identity = fixture.identity;
    let row = fixture.store.read(|tx| tx.get(&PRINCIPALS, &identity.object_id));
    let mut row = row.map_err(|error: StoreError| error).unwrap().unwrap();
    row.enabled = false;
    fixture.change(|tx| tx.put(&PRINCIPALS, &identity.object_id, &row));
    assert_eq!(code(&fixture, &fixture.agent_assertion(|_| ())), 7_000_112);
    let assertion = fixture.agent_assertion(|_| ());
    fixture.change(|tx| tx.delete(&PRINCIPALS, &identity.object_id));
    assert_eq!(code(&fixture, &assertion), 700_016);
}
