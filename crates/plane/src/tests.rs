//! The listeners' services on a control plane whose store can be stopped.

mod cloud;
mod damage;
mod lanes;
mod old_secrets;
mod polls;

use crate::files::PlaneFiles;
use crate::installation::Installation;
use crate::listener::PlaneListener;
use crate::operator::reset_operator;
use bonafide_core::access::{ROLE_ASSIGNMENTS, assignments};
use bonafide_core::directory::PRINCIPALS;
use bonafide_core::placement;
use bonafide_crypto::{AgentKey, thumbprint};
use bonafide_files::{Chosen, Root};
use bonafide_http::{Admission, LocalUser, PeerFacts, Service, clock};
use bonafide_store::{Read, Tx};
use bonafide_types::limits::VIEW_AGE_SECONDS_MAX;
use bonafide_types::{HostId, base64url};
use bonafide_wire::{Answer, Peer, Request, Unserved};
use bytes::Bytes;
use cloud::{Cloud, request};
use http::Method;
use http::header::{AUTHORIZATION, HOST};
use serde_json::{Value, json};
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::watch;

#[tokio::test]
async fn tn_11_a_reset_gives_the_operator_back_what_was_taken_from_it() {
    let cloud = Cloud::new();
    let Installation { tenant, operator, subscription, .. } = cloud.installation;
    let files = PlaneFiles::create(&Root::create(&cloud.folder.path().join("data"), Chosen::Named).unwrap()).unwrap();
    for is_gone in [false, true] {
        let take_everything = |tx: &mut Tx<'_>| {
            for (key, _) in assignments::of_principal(tx, tenant, operator)? {
                tx.delete(&ROLE_ASSIGNMENTS, &key)?;
            }
            let mut row = tx.get(&PRINCIPALS, &operator)?.unwrap();
            row.enabled = false;
            if is_gone { tx.delete(&PRINCIPALS, &operator) } else { tx.put(&PRINCIPALS, &operator, &row) }
        };
        cloud.plane.store.write(take_everything).unwrap();
        cloud.plane.catch_up().unwrap();
        assert_ne!(cloud.sign_in().await.reply.status, 200);
        reset_operator(&cloud.plane, &files, &cloud.installation).unwrap();
        let owners = || cloud.plane.store.read(|tx| assignments::is_last_owner(tx, tenant, operator)).unwrap();
        assert!(owners());
        let secret = std::fs::read_to_string(files.operator_secret()).unwrap();
        let form = cloud.secret.1.split('&').map(|pair| match pair.split_once('=') {
            Some(("client_secret", _)) => format!("client_secret={secret}"),
            _ => pair.to_owned(),
        });
        let form = form.collect::<Vec<_>>().join("&");
        let asked = Request { body: Bytes::from(form), ..request(Method::POST, &format!("/{tenant}/oauth2/token")) };
        let answer = cloud.public().answered(asked).await;
        let token: Value = serde_json::from_slice(&answer.reply.body).unwrap();
        let mut put = request(Method::PUT, &format!("/subscriptions/{subscription}/resourceGroups/rg"));
        put.query = "api-version=2021-04-01".to_owned();
        put.body = Bytes::from(r#"{"location":"westeurope"}"#);
        put.headers
            .insert(AUTHORIZATION, format!("Bearer {}", token["access_token"].as_str().unwrap()).parse().unwrap());
        let status = cloud.public().answered(put).await.reply.status;
        assert!(status.is_success(), "{status}");
        // Once more changes nothing.
        reset_operator(&cloud.plane, &files, &cloud.installation).unwrap();
        assert!(owners());
    }
}

#[tokio::test]
async fn au_01_a_reset_of_the_operator_has_one_record_in_its_commit() {
    let cloud = Cloud::new();
    let files = PlaneFiles::create(&Root::create(&cloud.folder.path().join("data"), Chosen::Named).unwrap()).unwrap();
    let (tenant, operator) = (cloud.installation.tenant, cloud.installation.operator);
    let store = &cloud.plane.store;
    let before = store.audit(0, usize::MAX).unwrap().len();
    reset_operator(&cloud.plane, &files, &cloud.installation).unwrap();
    let records = store.audit(0, usize::MAX).unwrap().split_off(before);
    let [record] = &records[..] else { panic!("{records:?}") };
    let record: Value = serde_json::from_slice(&record.record).unwrap();
    assert_eq!((&record["surface"], &record["action"]), (&"start".into(), &"operator/reset".into()));
    assert_eq!(record["scope"], format!("/tenants/{tenant}/servicePrincipals/{operator}"));
    assert!(record.get("principal").is_none(), "nobody signed in");
}

#[test]
fn every_refusal_is_in_the_words_of_its_surface() {
    let cloud = Cloud::new();
    let (public, hosts) = (cloud.public(), cloud.hosts());
    for why in Unserved::ALL {
        let said = |service: &dyn Fn(&Request) -> Answer, path: &str| {
            let Answer { reply, .. } = service(&request(Method::PUT, path));
            assert_eq!(reply.status, why.status(), "{path} {why:?}");
            let is_later = why.is_for_now();
            assert_eq!(reply.headers.contains_key("retry-after"), is_later, "{path} {why:?}");
            let body: Value = serde_json::from_slice(&reply.body).unwrap();
            (reply.headers, body)
        };
        let public = |head: &Request| public.refusal(head, why);
        let (headers, body) = said(&public, "/subscriptions/x");
        assert!(headers.contains_key("x-ms-request-id") && headers.contains_key("x-ms-correlation-request-id"));
        assert!(body["error"]["code"].is_string() && body["error"]["message"].is_string(), "{body}");
        let hosts = |head: &Request| hosts.refusal(head, why);
        for (headers, body) in [said(&public, "/common/oauth2/token"), said(&hosts, "/common/oauth2/token")] {
            assert_eq!(headers["x-ms-request-id"], body["trace_id"].as_str().unwrap());
            assert!(body["error_codes"][0].is_number() && body["error"].is_string(), "{body}");
        }
        for path in ["/v1.0/users", "/beta/users"] {
            let (headers, body) = said(&public, path);
            assert_eq!(headers["request-id"], body["error"]["innerError"]["request-id"].as_str().unwrap());
            assert!(body["error"]["code"].is_string() && body["error"]["message"].is_string(), "{body}");
        }
        let vault = |head: &Request| public(&of_vault(head.clone()));
        let (_, body) = said(&vault, "/secrets/s");
        assert!(body["error"]["code"].is_string() && body["error"]["message"].is_string(), "{body}");
        let (_, body) = said(&hosts, "/%68osts/v1/join");
        assert!(body["code"].is_string() && body["message"].is_string(), "{body}");
        let (_, body) = said(&hosts, "/hosts/v1/join");
        assert!(body["code"].is_string() && body["message"].is_string(), "{body}");
    }
}

/// The same request to the host of a vault.
fn of_vault(mut request: Request) -> Request {
    request.headers.insert(HOST, "demo.vault.localhost:8443".parse().unwrap());
    request
}

#[tokio::test]
async fn a_path_that_no_surface_serves_is_answered_in_the_form_that_its_clients_read() {
    let cloud = Cloud::new();
    let id = "00000000-0000-4000-8000-000000000001";
    let (status, body) = cloud.get(&format!("/v1.0/devices/{id}")).await;
    assert_eq!((status, body["error"]["code"].as_str()), (404, Some("Request_ResourceNotFound")));
    let message = body["error"]["message"].as_str().unwrap();
    assert!(message.starts_with(&format!("Resource 'devices/{id}' does not exist or one of its queried")), "{message}");
    let (status, body) = cloud.get("/beta/servicePrincipals").await;
    assert_eq!((status, body["error"]["code"].as_str()), (401, Some("InvalidAuthenticationToken")));
    for path in ["/secrets/s", "/subscriptions", "/v1.0/users", "/common/oauth2/token"] {
        let asked = of_vault(request(Method::GET, path));
        let Answer { reply, .. } = cloud.public().answered(asked).await;
        let body: Value = serde_json::from_slice(&reply.body).unwrap();
        assert_eq!((reply.status.as_u16(), body["error"]["code"].as_str()), (404, Some("VaultNotFound")), "{path}");
        assert!(body["error"]["message"].as_str().unwrap().contains("'demo'"), "{body}");
    }
    for path in ["/", "/nothing/here", "/favicon.ico", "/%zz", "/common/../x"] {
        let (status, body) = cloud.get(path).await;
        assert_eq!((status, body["error"].as_str()), (404, Some("invalid_request")), "{path}");
        assert!(body["error_description"].as_str().unwrap().starts_with("AADSTS"), "{path}");
    }
    for (path, status) in [("/providers/x/../y", 400), ("/%73ubscriptions/%2573", 400), ("/tenants/x", 404)] {
        let (answered, body) = cloud.get(path).await;
        assert_eq!(answered, status, "{path}");
        assert!(body["error"]["code"].is_string(), "{path} {body}");
    }
}

#[tokio::test]
async fn health_is_told_however_its_path_is_encoded() {
    let cloud = Cloud::new();
    for path in ["/healthz", "/HEALTHZ", "/%68ealthz"] {
        assert_eq!(cloud.get(path).await, (200, json!({ "status": "ok" })), "{path}");
    }
    assert_eq!(cloud.get("/%72eadyz").await.1["tokens"], "ok");
    let Answer { reply, .. } = cloud.public().answered(request(Method::POST, "/healthz")).await;
    assert_eq!((reply.status.as_u16(), &reply.headers["allow"]), (405, &"GET".parse().unwrap()));
}

#[test]
fn a_failure_names_the_file_and_the_id_under_which_its_cause_is_logged() {
    let cloud = Cloud::new();
    let public = cloud.public();
    let file = cloud.folder.path().join("data/log/bonafide.log").display().to_string();
    for (path, member) in [("/subscriptions", "/error/message"), ("/common/oauth2/token", "/error_description")] {
        let reply = public.refusal(&request(Method::POST, path), Unserved::Failed).reply;
        let body: Value = serde_json::from_slice(&reply.body).unwrap();
        let (text, id) = (body.pointer(member).unwrap().as_str().unwrap(), reply.headers["x-ms-request-id"].to_str());
        assert!(text.contains(&format!("For details see logs in {file}")), "{text}");
        assert!(text.contains(id.unwrap()), "{text}");
        let refused = public.refusal(&request(Method::POST, path), Unserved::BodyTooSlow).reply;
        assert!(!String::from_utf8_lossy(&refused.body).contains(&file), "a refusal is no failure");
    }
}

#[tokio::test]
async fn av_02_readiness_says_which_part_fails_and_login_goes_on_without_the_store() {
    let cloud = Cloud::new();
    let stopped = "stopped until the next start: a write or sync failed";
    let parts = |status, view, store| {
        let writes = if store == "ok" { "ok" } else { stopped };
        json!({
            "status": status, "tokens": "ok", "view": view, "store": store, "rows": "ok", "writes": writes, "mark": "ok",
            "clock": "ok", "agents": [], "frozenHosts": [],
        })
    };
    assert_eq!(cloud.get("/readyz").await, (200, parts("ok", "ok", "ok")));
    cloud.stop_store();
    cloud.plane.readable.forget().await;
    assert_eq!(cloud.get("/readyz").await, (200, parts("degraded", "ok", "unavailable")));
    assert!(cloud.plane.follow(Duration::ZERO).is_err());
    let stale = clock::since_boot().checked_sub(Duration::from_secs(VIEW_AGE_SECONDS_MAX + 1)).unwrap();
    cloud.plane.followed.set(stale);
    assert_eq!(cloud.get("/readyz").await, (200, parts("degraded", "too old", "unavailable")));
    assert_eq!(cloud.get("/healthz").await.0, 200);
    assert_eq!(cloud.sign_in().await.reply.status, 200, "tokens need no store");
    // The store is back, the view is not up yet: a token that was revoked meanwhile could pass for valid.
    cloud.stopped.store(false, Ordering::Relaxed);
    let token: Value = serde_json::from_slice(&cloud.sign_in().await.reply.body).unwrap();
    let bearer = format!("Bearer {}", token["access_token"].as_str().unwrap()).parse().unwrap();
    let mut list = request(Method::GET, "/subscriptions");
    list.query = "api-version=2022-12-01".to_owned();
    list.headers.insert(AUTHORIZATION, bearer);
    let Answer { reply, .. } = cloud.public().answered(list.clone()).await;
    assert_eq!((reply.status.as_u16(), reply.why.as_deref()), (503, Some("the view is 31 s old")));
    cloud.plane.follow(Duration::ZERO).unwrap();
    cloud.plane.readable.forget().await;
    assert_eq!(cloud.public().answered(list).await.reply.status, 200);
    assert_eq!(cloud.get("/readyz").await, (200, parts("ok", "ok", "ok")));
}

#[tokio::test]
async fn a_poll_is_logged_when_it_brings_news_and_not_when_its_time_is_up() {
    let cloud = Cloud::new();
    let (keep, revisions) = watch::channel(0);
    let hosts = PlaneListener { revisions, ..cloud.hosts() };
    let poll = |query: &str| Request {
        query: query.to_owned(),
        peer: Peer::Host(cloud.host),
        ..request(Method::GET, "/hosts/v1/desired")
    };
    let Answer { reply, record } = hosts.answered(poll("")).await;
    assert!(reply.status == 200 && !record.is_quiet());
    let desired: Value = serde_json::from_slice(&reply.body).unwrap();
    let after = desired["cursor"].as_str().unwrap();
    let Answer { reply, record } = hosts.answered(poll(&format!("after={after}&wait=1"))).await;
    assert!(reply.status == 200 && record.is_quiet(), "{reply:?}");
    let Answer { reply, record } = hosts.answered(poll("after=nonsense&wait=1")).await;
    assert!(reply.status == 400 && !record.is_quiet());
    // The end of the process ends the poll, which is no failure.
    drop(keep);
    let Answer { reply, record } = hosts.answered(poll(&format!("after={after}&wait=60"))).await;
    assert!(reply.status == 503 && record.is_quiet(), "{reply:?}");
}

/// A request of a host to its listener.
async fn of_host(hosts: &PlaneListener, peer: Peer, method: Method, path: &str, body: &Value) -> (u16, Value) {
    let request = Request { peer, body: Bytes::from(body.to_string()), ..request(method, path) };
    let reply = hosts.answered(request).await.reply;
    (reply.status.as_u16(), serde_json::from_slice(&reply.body).unwrap_or_default())
}

/// The other end of a connection on which a certificate was shown.
fn shown(hosts: &PlaneListener, answer: &Value) -> Peer {
    let der = base64url::decode(answer["certificate"].as_str().unwrap()).unwrap();
    let facts = PeerFacts { remote: (Ipv4Addr::LOCALHOST, 1).into(), local: None, user: LocalUser::Unknown };
    match hosts.admit(&facts, Some(&der)) {
        Admission::Serve { peer, until: Some(_) } => peer,
        Admission::Serve { .. } | Admission::Refuse(_) | Admission::Decline(_) => panic!("a host's certificate"),
    }
}

fn csr() -> String {
    base64url::encode_standard(&AgentKey::generate().unwrap().certificate_request().unwrap())
}

#[tokio::test]
async fn ha_10_the_newest_certificate_of_a_host_counts_and_no_other() {
    let cloud = Cloud::new();
    let (hosts, host) = (cloud.hosts(), HostId::random(clock::world().entropy));
    let hash = thumbprint::sha256_hex(b"token");
    cloud.plane.store.write(|tx| placement::invite(tx, &clock::world(), host, "edge", hash.clone())).unwrap();
    let join = json!({ "token": "token", "csr": csr() });
    let anybody = Peer::Anonymous((Ipv4Addr::LOCALHOST, 1).into());
    let (status, joined) = of_host(&hosts, anybody, Method::POST, "/hosts/v1/join", &join).await;
    assert_eq!(status, 200);
    let get = async |peer| {
        let (status, body) = of_host(&hosts, peer, Method::GET, "/hosts/v1/deployment", &json!({})).await;
        (status, body["code"].as_str().map(str::to_owned))
    };
    let refused = |code: &str| (403, Some(code.to_owned()));
    let first = shown(&hosts, &joined);
    // Its first use is taken down; while that cannot be, it is no reason to join anew.
    cloud.stop_store();
    assert_eq!(get(first).await, (503, Some("Busy".to_owned())));
    cloud.stopped.store(false, Ordering::Relaxed);
    assert_eq!(get(first).await, (200, None));
    cloud.stop_store();
    assert_eq!(get(first).await, (200, None), "later uses need no store");
    cloud.stopped.store(false, Ordering::Relaxed);

    let (status, renewed) = of_host(&hosts, first, Method::POST, "/hosts/v1/renew", &json!({ "csr": csr() })).await;
    assert_eq!((status, get(first).await), (200, (200, None)), "until the next is used");
    assert_eq!(get(shown(&hosts, &renewed)).await, (200, None));
    assert_eq!(get(first).await, refused("JoinAgain"), "it was on its way");
    assert!(cloud.plane.views.current().host(host).unwrap().may_speak());
    assert_eq!(get(Peer::Certified(cloud.host, number_of(first))).await, refused("JoinAgain"), "another host's");
}

fn number_of(peer: Peer) -> bonafide_types::CertificateNumber {
    match peer {
        Peer::Certified(_, number) => number,
        Peer::Anonymous(_) | Peer::Host(_) => panic!("no certificate"),
    }
}
