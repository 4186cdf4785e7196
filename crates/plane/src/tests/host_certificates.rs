//! The certificates of a host on the hosts listener.

use super::cloud::{Cloud, request};
use crate::listener::PlaneListener;
use bonafide_core::placement;
use bonafide_crypto::{AgentKey, thumbprint};
use bonafide_http::{Admission, LocalUser, PeerFacts, Service, clock};
use bonafide_types::{HostId, base64url};
use bonafide_wire::{Peer, Request};
use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};
use std::net::Ipv4Addr;
use std::sync::atomic::Ordering;

/// A request of a host to its listener.
async fn of_host(hosts: &PlaneListener, peer: Peer, method: Method, path: &str, body: &Value) -> (u16, Value) {
    let request = Request { peer, body: Bytes::from(body.to_string()), ..request(method, path) };
    let reply = hosts.answered(request).await.reply;
    (reply.status.as_u16(), serde_json::from_slice(&reply.body).unwrap_or_default())
}

/// The other end of a connection on which a certificate was shown.
fn shown(hosts: &PlaneListener, answer: &Value) -> Peer {
    let der = base64url::decode(answer["certificate"].as_str().unwrap()).unwrap();
    let remote = (Ipv4Addr::LOCALHOST, 1).into();
    let facts = PeerFacts { remote, local: None, user: LocalUser::Unknown, passed_on_by: None };
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
