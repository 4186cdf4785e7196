//! Requests that touch the store: who waits with whom.

use super::cloud::{Cloud, request};
use crate::listener::PlaneListener;
use bonafide_wire::hosts::{JOIN_PATH, RENEW_PATH};
use bonafide_wire::{Lane, Peer, Request};
use http::Method;
use http::header::AUTHORIZATION;
use serde_json::Value;
use std::net::Ipv4Addr;
use std::sync::{Arc, mpsc};
use std::time::Duration;

/// Longest time that an answer takes that waits for nothing.
const AT_ONCE: Duration = Duration::from_secs(5);
/// Places in the queue of a narrow lane, whose thread is taken besides.
const PLACES: usize = 8;

impl Cloud {
    /// A request of the operator to the resource manager.
    async fn of_operator(&self, method: Method, path: &str) -> Request {
        let token: Value = serde_json::from_slice(&self.sign_in().await.reply.body).unwrap();
        let mut request = request(method, path);
        request.query = "api-version=2021-04-01".to_owned();
        let bearer = format!("Bearer {}", token["access_token"].as_str().unwrap());
        request.headers.insert(AUTHORIZATION, bearer.parse().unwrap());
        request
    }

    /// Keeps the thread of a lane and every place in its queue until the sender is dropped.
    async fn fill(&self, lane: Lane) -> mpsc::Sender<()> {
        let ((sender, receiver), (begun, begins)) = (mpsc::channel::<()>(), mpsc::channel());
        let wait = move || (begun.send(()), receiver.recv());
        let lanes = Arc::clone(&self.lanes);
        tokio::spawn(async move { drop(lanes.of(lane).run(wait).await) });
        tokio::task::spawn_blocking(move || begins.recv()).await.unwrap().unwrap();
        for _ in 0..PLACES {
            let lanes = Arc::clone(&self.lanes);
            tokio::spawn(async move { drop(lanes.of(lane).run(|| ()).await) });
            tokio::task::yield_now().await;
        }
        sender
    }

    /// Gives back what [`Cloud::fill`] keeps, and returns when the lane has done all that was queued.
    async fn empty(&self, lane: Lane, filled: mpsc::Sender<()>) {
        drop(filled);
        let done = async {
            while self.lanes.of(lane).run(|| ()).await.is_err() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(AT_ONCE, done).await.expect("the lane has room again");
    }

    /// The status of an answer that waits for nothing.
    async fn status(&self, listener: PlaneListener, request: Request) -> u16 {
        let answer = tokio::time::timeout(AT_ONCE, listener.answered(request));
        answer.await.expect("it waits").reply.status.as_u16()
    }

    async fn public_status(&self, request: Request) -> u16 {
        self.status(self.public(), request).await
    }

    async fn hosts_status(&self, method: Method, path: &str, peer: Peer) -> u16 {
        self.status(self.hosts(), Request { peer, ..request(method, path) }).await
    }
}

#[tokio::test]
async fn ov_04_who_shows_no_valid_token_is_refused_at_once_while_every_lane_is_full() {
    let cloud = Cloud::new();
    let subscription = cloud.installation.subscription;
    let mut filled = Vec::new();
    for lane in Lane::ALL {
        filled.push(cloud.fill(lane).await);
    }
    let group = format!("/subscriptions/{subscription}/resourceGroups/rg");
    for (method, path) in [
        (Method::GET, "/subscriptions"),
        (Method::PUT, &group),
        (Method::DELETE, &group),
        (Method::GET, "/v1.0/servicePrincipals"),
    ] {
        for bearer in [None, Some("Bearer nonsense")] {
            let mut asked = request(method.clone(), path);
            asked.query = "api-version=2021-04-01".to_owned();
            asked.headers.extend(bearer.map(|bearer| (AUTHORIZATION, bearer.parse().unwrap())));
            assert_eq!(cloud.public_status(asked).await, 401, "{method} {path} {bearer:?}");
        }
    }
    // The challenge names the tenant to sign in to, as clients need it, and takes it from memory.
    let mut asked = request(Method::GET, &group);
    asked.query = "api-version=2021-04-01".to_owned();
    let challenge = cloud.public().answered(asked).await.reply.headers["www-authenticate"].clone();
    assert!(challenge.to_str().unwrap().contains(&format!("/{}\"", cloud.installation.tenant)), "{challenge:?}");
    let stranger = Peer::Anonymous((Ipv4Addr::LOCALHOST, 1).into());
    assert_eq!(cloud.hosts_status(Method::POST, RENEW_PATH, stranger).await, 401);
    assert_eq!(cloud.hosts_status(Method::POST, "/hosts/v1/nothing", stranger).await, 404);
    assert_eq!(cloud.hosts_status(Method::POST, JOIN_PATH, stranger).await, 503, "who joins is a stranger still");
    let operator = cloud.of_operator(Method::GET, "/subscriptions").await;
    assert_eq!(cloud.public_status(operator).await, 503);
    drop(filled);
}

#[tokio::test]
async fn ov_04_no_lane_waits_for_another() {
    let cloud = Cloud::new();
    let group = format!("/subscriptions/{}/resourceGroups/rg", cloud.installation.subscription);
    let deployment = format!("{group}/providers/Microsoft.Resources/deployments/d");
    let (stranger, host) = (Peer::Anonymous((Ipv4Addr::LOCALHOST, 1).into()), Peer::Host(cloud.host));
    for full in Lane::ALL {
        let filled = cloud.fill(full).await;
        let ready = cloud.get("/readyz").await.1["store"] == "ok";
        assert_eq!(ready, full != Lane::System, "while {full:?} is full");
        cloud.plane.readable.forget().await;
        for (lane, method, path) in [
            (Lane::Write, Method::PUT, group.as_str()),
            (Lane::Template, Method::PUT, &deployment),
            (Lane::Template, Method::POST, &format!("{deployment}/validate")),
            (
                Lane::Template,
                Method::GET,
                &format!("{deployment}/operationStatuses/00000000-0000-0000-0000-000000000001"),
            ),
            (Lane::List, Method::GET, &format!("{deployment}/operations")),
            (Lane::Write, Method::POST, &format!("{deployment}/cancel")),
            (Lane::Read, Method::GET, &deployment),
            (Lane::Read, Method::GET, &group),
            (Lane::List, Method::GET, "/subscriptions"),
            (Lane::Removal, Method::DELETE, &group),
        ] {
            let status = cloud.public_status(cloud.of_operator(method, path).await).await;
            assert_eq!(status == 503, lane == full, "{lane:?} while {full:?} is full: {status}");
        }
        for (lane, path, peer) in [(Lane::System, RENEW_PATH, host), (Lane::Stranger, JOIN_PATH, stranger)] {
            let status = cloud.hosts_status(Method::POST, path, peer).await;
            assert_eq!(status == 503, lane == full, "{lane:?} while {full:?} is full: {status}");
        }
        cloud.empty(full, filled).await;
    }
}
