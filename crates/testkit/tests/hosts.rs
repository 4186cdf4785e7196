//! Hosts that may no longer speak, keys that may not be registered, and an identity on very many machines.

#![allow(clippy::unwrap_used)]

use bonafide_core::access::Allowed;
use bonafide_core::directory::{CREDENTIALS, PRINCIPALS, Resource, find};
use bonafide_core::lifecycle::{self, OnHost};
use bonafide_core::placement::{HOSTS, PLACEMENTS, show};
use bonafide_crypto::ca::host_name;
use bonafide_crypto::{AgentKey, SelfSigned};
use bonafide_login::SHARE_BURST;
use bonafide_metadata::host::rejoin_request;
use bonafide_metadata::{Options, TokenFetch};
use bonafide_store::Read;
use bonafide_testkit::{Answer, Ask, Cloud, Host, MANAGEMENT, Machine};
use bonafide_types::{Audience, HostId, ObjectId, ResourceId, ResourceUuid, base64url};
use bonafide_wire::hosts::{DESIRED_PATH, INSTALLATION_PATH, JOIN_PATH, REJOIN_PATH, RENEW_PATH, credential_path};
use serde_json::json;

fn csr() -> String {
    base64url::encode_standard(&AgentKey::generate().unwrap().certificate_request().unwrap())
}

fn certificate(cloud: &Cloud) -> String {
    let now = cloud.world().now.unix_seconds();
    let spec = SelfSigned { common_name: "k", not_before_seconds: now, not_after_seconds: now + 86_400 };
    base64url::encode_standard(&AgentKey::generate().unwrap().self_signed_certificate(&spec).unwrap())
}

fn registration(cloud: &Cloud, workload: ResourceUuid, principal: ObjectId) -> Ask {
    let body = json!({ "workload": workload, "certificate": certificate(cloud) });
    Ask::new("PUT", &credential_path(principal)).json(&body).over(cloud.local.id)
}

fn fetch(cloud: &Cloud, machine: &Machine) -> TokenFetch {
    let principal = machine.principal.unwrap();
    let client_id = cloud.view().principal(cloud.home.tenant, principal).unwrap().client_id;
    TokenFetch {
        workload: machine.uuid,
        tenant: cloud.home.tenant,
        principal,
        client_id,
        audience: Audience::parse(MANAGEMENT).unwrap(),
        capabilities: None,
    }
}

/// Everything that a host can ask, on a connection that was opened while it could.
fn all(cloud: &Cloud, machine: &Machine) -> Vec<Answer> {
    let over = |ask: Ask| Answer::from(cloud.hosts(ask.over(cloud.local.id).request()));
    vec![
        over(Ask::new("GET", INSTALLATION_PATH)),
        over(Ask::new("GET", DESIRED_PATH)),
        over(Ask::new("POST", RENEW_PATH).json(&json!({ "csr": csr() }))),
        over(registration(cloud, machine.uuid, machine.principal.unwrap())),
    ]
}

#[test]
fn ca_05_a_host_that_is_disabled_or_removed_is_refused_whatever_it_asks() {
    let cloud = Cloud::unthrottled();
    cloud.make_group(&cloud.home, "rg");
    let machine = cloud.make_machine(&cloud.home, "rg", "web1", true, &[]);
    cloud.place(&machine.id);
    let fetch = fetch(&cloud, &machine);
    cloud.local.fetch(&cloud, &fetch).unwrap();
    assert!(all(&cloud, &machine).iter().all(|answer| answer.status == 200));

    let (id, row) = (cloud.local.id, cloud.view().host(cloud.local.id).unwrap().clone());
    let mut disabled = row.clone();
    disabled.enabled = false;
    for gone in [Some(disabled), None] {
        cloud.change(|tx| match &gone {
            Some(disabled) => tx.put(&HOSTS, &id, disabled),
            None => tx.delete(&HOSTS, &id),
        });
        for answer in all(&cloud, &machine) {
            answer.refused(403, if gone.is_some() { "HostDisabled" } else { "UnknownHost" });
        }
        assert!(cloud.local.fetch(&cloud, &fetch).is_err(), "its keys do not count either");
        cloud.change(|tx| tx.put(&HOSTS, &id, &row));
        cloud.local.fetch(&cloud, &fetch).unwrap();
    }
}

#[test]
fn a_key_is_registered_only_for_a_principal_that_is_there() {
    let cloud = Cloud::unthrottled();
    cloud.make_group(&cloud.home, "rg");
    let machine = cloud.make_machine(&cloud.home, "rg", "web1", true, &[]);
    cloud.place(&machine.id);
    let principal = machine.principal.unwrap();
    let register = || Answer::from(cloud.hosts(registration(&cloud, machine.uuid, principal).request()));
    let keys = || cloud.store.read(|tx| tx.page(&CREDENTIALS, &principal, None, 10)).unwrap().len();
    let _ = register().expect(200);
    // As it is between the deletion of an identity and the moment when the last host has been told.
    cloud.change(|tx| tx.delete(&PRINCIPALS, &principal));
    assert!(cloud.view().placement(cloud.local.id, machine.uuid).unwrap().identity(principal).is_some());
    register().refused(403, "NotPlaced");
    assert_eq!(keys(), 1);
}

/// As many machines as `template` says, without the resource manager, which would take its time.
fn make_many(cloud: &Cloud, template: &ResourceId, count: usize) -> Vec<ResourceId> {
    let (_, row): (_, Resource) = cloud.store.read(|tx| find(tx, template)).unwrap().unwrap();
    let (world, system) = (cloud.world(), Allowed::system(row.tenant));
    let ids: Vec<ResourceId> = (0..count).map(|n| ResourceId::parse(&format!("{template}-{n}")).unwrap()).collect();
    for some in ids.chunks(100) {
        cloud.change(|tx| {
            for id in some {
                let uuid = ResourceUuid::random(world.entropy);
                lifecycle::save(tx, &world, &system, uuid, &mut Resource { id: id.clone(), ..row.clone() }, None)
                    .unwrap();
                let on = OnHost::of_all(&system, row.tenant, cloud.local.id).unwrap();
                lifecycle::place(tx, &system, on, uuid, &row).unwrap();
            }
            Ok(())
        });
    }
    ids
}

#[test]
fn an_identity_of_very_many_machines_is_deleted_at_once_and_cleared_away_afterwards() {
    let cloud = Cloud::unthrottled();
    cloud.make_group(&cloud.home, "rg");
    let identity = cloud.make_identity(&cloud.home, "rg", "ida");
    let machine = cloud.make_machine(&cloud.home, "rg", "web", false, &[&identity]);
    cloud.place(&machine.id);
    let others = make_many(&cloud, &machine.id, 4_200);
    let token = cloud.workload_token(&machine, MANAGEMENT, "").expect(200).text_at("/access_token").to_owned();
    let operator = &cloud.home.operator;
    let read = || -> Answer {
        let target = format!("{}?api-version=2024-11-01", machine.id);
        cloud.management(Ask::new("GET", &target).bearer(&token).request()).into()
    };

    let _ = cloud.call(operator, "DELETE", identity.id.as_str(), None).expect(200);
    read().refused(401, "InvalidAuthenticationToken");
    let placed = |host: HostId| {
        let rows = cloud.store.read(|tx| tx.page(&PLACEMENTS, &host, None, usize::MAX)).unwrap();
        rows.iter().filter(|(_, row)| !row.own.is_empty()).count()
    };
    assert!(placed(cloud.local.id) > 0, "a commit cannot hold them all");
    cloud.call(operator, "GET", identity.id.as_str(), None).refused(404, "ResourceNotFound");

    // A machine goes on while its turn has not come, and its leftover can be removed.
    let last = others.last().unwrap();
    let tags = json!({ "tags": { "a": "b" } });
    let updated = cloud.call(operator, "PATCH", last.as_str(), Some(&tags)).expect(200);
    assert!(updated.body["identity"]["userAssignedIdentities"].get(identity.id.as_str()).is_some());
    let removal = json!({ "identity": { "userAssignedIdentities": { identity.id.as_str(): null } } });
    let _ = cloud.call(operator, "PATCH", last.as_str(), Some(&removal)).expect(200);

    lifecycle::clear(&cloud.store).unwrap();
    assert_eq!(placed(cloud.local.id), 0);
    cloud.round();
    let refused = cloud.workload_token(&machine, MANAGEMENT, "");
    assert_eq!(refused.body["error_description"], "Identity not found", "{}", refused.text);
}

/// A host that joined with this key, and its certificate (DER).
fn joined(cloud: &Cloud, key: &AgentKey) -> (HostId, Vec<u8>) {
    let (id, token) = Host::invite(cloud, "edge");
    let csr = base64url::encode_standard(&key.certificate_request().unwrap());
    let reply = cloud.hosts(Ask::new("POST", JOIN_PATH).json(&json!({ "token": token, "csr": csr })).request());
    (id, certificate_of(&Answer::from(reply)))
}

fn certificate_of(answer: &Answer) -> Vec<u8> {
    assert_eq!(answer.status, 200, "{}", answer.text);
    base64url::decode(answer.body["certificate"].as_str().unwrap()).unwrap()
}

#[test]
fn ky_09_the_key_of_the_newest_certificate_brings_the_next_for_thirty_days_after_its_end() {
    const DAY: u64 = 86_400;
    let cloud = Cloud::unthrottled();
    let (key, next) = (AgentKey::generate().unwrap(), AgentKey::generate().unwrap());
    let (id, certificate) = joined(&cloud, &key);
    let rejoin = |key: &AgentKey, certificate: &[u8]| -> Answer {
        let request = serde_json::to_value(rejoin_request(key, certificate, &next).unwrap()).unwrap();
        cloud.hosts(Ask::new("POST", REJOIN_PATH).json(&request).request()).into()
    };
    cloud.advance(31 * DAY);
    let second = certificate_of(&rejoin(&key, &certificate));
    let name = host_name(&second).unwrap();
    assert_eq!((name.host, name.number.generation), (id, 2));
    // The key of another, another's certificate, a certificate of nobody's, and a proof for another request.
    let stranger = AgentKey::generate().unwrap();
    rejoin(&stranger, &certificate).refused(403, "Proof");
    let now = cloud.world().now.unix_seconds();
    let spec = SelfSigned { common_name: "k", not_before_seconds: now, not_after_seconds: now + DAY };
    rejoin(&stranger, &stranger.self_signed_certificate(&spec).unwrap()).refused(403, "Proof");
    let mut other = serde_json::to_value(rejoin_request(&key, &certificate, &next).unwrap()).unwrap();
    other["csr"] = csr().into();
    Answer::from(cloud.hosts(Ask::new("POST", REJOIN_PATH).json(&other).request())).refused(403, "Proof");
    // The next was used: the first is not the newest.
    let world = cloud.world();
    cloud.change(|tx| show(tx, &world, id, name.number));
    rejoin(&key, &certificate).refused(403, "JoinAgain");
    let disabled = |enabled: bool| {
        let mut row = cloud.view().host(id).unwrap().clone();
        row.enabled = enabled;
        cloud.change(|tx| tx.put(&HOSTS, &id, &row));
    };
    disabled(false);
    rejoin(&next, &second).refused(403, "HostDisabled");
    disabled(true);
    cloud.advance(31 * DAY);
    let _ = rejoin(&next, &second).expect(200);
    cloud.advance(1);
    rejoin(&next, &second).refused(403, "Proof");
}

#[test]
fn ha_10_joining_anew_with_a_superseded_certificate_freezes_the_host() {
    let cloud = Cloud::unthrottled();
    let (key, next) = (AgentKey::generate().unwrap(), AgentKey::generate().unwrap());
    let (id, first) = joined(&cloud, &key);
    let rejoin = |key: &AgentKey, certificate: &[u8]| -> Answer {
        let request = serde_json::to_value(rejoin_request(key, certificate, &next).unwrap()).unwrap();
        cloud.hosts(Ask::new("POST", REJOIN_PATH).json(&request).request()).into()
    };
    let second = certificate_of(&rejoin(&key, &first));
    // The second is used, by which the first is superseded. A request that was on its way then is refused and no more.
    let world = cloud.world();
    cloud.change(|tx| show(tx, &world, id, host_name(&second).unwrap().number));
    rejoin(&key, &first).refused(403, "JoinAgain");
    assert!(cloud.view().host(id).unwrap().may_speak());
    cloud.advance(30);
    rejoin(&key, &first).refused(403, "HostFrozen");
    assert!(cloud.view().host(id).unwrap().frozen_at.is_some());
    rejoin(&next, &second).refused(403, "HostFrozen");
}

#[test]
fn ov_02_a_workload_that_asks_login_for_more_than_its_share_is_429_at_its_endpoint_until_there_is_room() {
    let cloud = Cloud::with(Options { throttle: None, refresh_ahead: true });
    cloud.make_group(&cloud.home, "rg");
    let machine = cloud.make_machine(&cloud.home, "rg", "web1", true, &[]);
    cloud.place(&machine.id);
    let forced = || cloud.workload_token(&machine, MANAGEMENT, "&bypass_cache=true");
    let served = (0..SHARE_BURST).take_while(|_| forced().status == 200).count();
    assert_eq!(served, SHARE_BURST as usize);
    let refused = forced();
    assert!(matches!(refused.header("retry-after"), "1" | "2"), "{}", refused.header("retry-after"));
    let _ = refused.refused(429, "invalid_request");
    assert_eq!(cloud.workload_token(&machine, MANAGEMENT, "").status, 200, "the last token is still good");
    cloud.advance(1);
    assert_eq!(forced().status, 200);
}
