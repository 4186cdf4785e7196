//! Writes that are about hosts, and what the hosts hear of them.

use super::cloud::{Cloud, request};
use crate::listener::PlaneListener;
use bonafide_wire::{Answer, Peer, Reply, Request};
use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderValue, Method};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// The operator's requests to the resource manager, and the polls of a host.
struct Both {
    cloud: Cloud,
    bearer: HeaderValue,
    group: String,
    hosts: PlaneListener,
    host: bonafide_types::HostId,
    _keep: watch::Sender<u64>,
}

impl Both {
    async fn new() -> Self {
        let cloud = Cloud::new();
        let token: Value = serde_json::from_slice(&cloud.sign_in().await.reply.body).unwrap();
        let bearer = format!("Bearer {}", token["access_token"].as_str().unwrap()).parse().unwrap();
        let group = format!("/subscriptions/{}/resourceGroups/rg", cloud.installation.subscription);
        let (_keep, revisions) = watch::channel(0);
        let hosts = PlaneListener { revisions, ..cloud.hosts() };
        let host = cloud.host;
        let mut both = Self { cloud, bearer, group, hosts, host, _keep };
        let place = json!({ "location": "westeurope" });
        assert_eq!(both.send(Method::PUT, "?api-version=2021-04-01", &place).await.status, 201);
        for path in ["/hostGroups/racks", "/hostGroups/racks/hosts/edge", "/virtualMachines/vm"] {
            assert_eq!(both.put(path, &place).await.status, 201, "{path}");
        }
        let token = both.send_to(Method::POST, "/hostGroups/racks/hosts/edge/createJoinToken", &json!({})).await;
        let token: Value = serde_json::from_slice(&token.body).unwrap();
        both.host = token["hostId"].as_str().unwrap().parse().unwrap();
        both.cloud.plane.catch_up().unwrap();
        both
    }

    async fn put(&self, path: &str, body: &Value) -> Reply {
        self.send_to(Method::PUT, path, body).await
    }

    async fn send_to(&self, method: Method, path: &str, body: &Value) -> Reply {
        self.send(method, &format!("/providers/Microsoft.Compute{path}?api-version=2024-11-01"), body).await
    }

    async fn send(&self, method: Method, path: &str, body: &Value) -> Reply {
        self.ask(method, &format!("{}{path}", self.group), body).await
    }

    async fn ask(&self, method: Method, target: &str, body: &Value) -> Reply {
        let (path, query) = target.split_once('?').unwrap();
        let mut asked = Request { query: query.to_owned(), ..request(method, path) };
        asked.headers.insert(AUTHORIZATION, self.bearer.clone());
        asked.body = Bytes::from(body.to_string());
        self.cloud.public().answered(asked).await.reply
    }

    /// A poll that waits for nothing; the cursor that it is answered with.
    async fn poll(&self, after: Option<&str>) -> String {
        let query = after.map(|after| format!("after={after}")).unwrap_or_default();
        let asked = Request { query, peer: Peer::Host(self.host), ..request(Method::GET, "/hosts/v1/desired") };
        let Answer { reply, .. } = self.hosts.answered(asked).await;
        let desired: Value = serde_json::from_slice(&reply.body).unwrap();
        desired["cursor"].as_str().unwrap_or_else(|| panic!("{desired}")).to_owned()
    }

    async fn place(&self, host: Value) -> (Reply, Duration) {
        let began = Instant::now();
        let body = json!({ "properties": { "host": host } });
        (self.send_to(Method::PATCH, "/virtualMachines/vm", &body).await, began.elapsed())
    }

    fn edge(&self) -> Value {
        json!({ "id": format!("{}/providers/Microsoft.Compute/hostGroups/racks/hosts/edge", self.group) })
    }
}

/// Less than a write waits for a host, and more than one takes that waits for none.
const AT_ONCE: Duration = Duration::from_millis(900);

#[tokio::test]
async fn a_write_about_a_connected_host_is_answered_once_the_host_has_heard_of_it() {
    let both = Both::new().await;
    // Nobody is connected.
    let (reply, took) = both.place(both.edge()).await;
    assert!(reply.status == 200 && took < AT_ONCE, "{took:?} {reply:?}");
    let cursor = both.poll(None).await;
    let cursor = both.poll(Some(&cursor)).await;
    let hears = async {
        let mut heard = cursor.clone();
        while heard == cursor {
            heard = both.poll(Some(&cursor)).await;
        }
        // It is told, and has not said so.
        tokio::time::sleep(Duration::from_millis(50)).await;
        let said_at = Instant::now();
        both.poll(Some(&heard)).await;
        said_at
    };
    let writes = async { (both.place(Value::Null).await, Instant::now()) };
    let (((reply, took), answered_at), said_at) = tokio::join!(writes, hears);
    assert!(reply.status == 200 && !reply.headers.contains_key("azure-asyncoperation"), "{reply:?}");
    assert!(took < AT_ONCE && said_at <= answered_at, "{took:?}");
    // A write about no host does not wait for one that is connected.
    let began = Instant::now();
    assert_eq!(both.put("/virtualMachines/other", &json!({ "location": "westeurope" })).await.status, 201);
    assert!(began.elapsed() < AT_ONCE);
}

#[tokio::test]
async fn a_host_that_does_not_hear_is_waited_for_once_and_the_client_sees_when_it_has_heard() {
    let both = Both::new().await;
    let cursor = both.poll(None).await;
    let cursor = both.poll(Some(&cursor)).await;
    let (reply, took) = both.place(both.edge()).await;
    assert_eq!((reply.status.as_u16(), &reply.headers["retry-after"]), (200, &"1".parse().unwrap()));
    assert!(took >= Duration::from_secs(1) && took < Duration::from_secs(5), "{took:?}");
    let status = reply.headers["azure-asyncoperation"].to_str().unwrap().replace("https://localhost:8443", "");
    let state = || async {
        let reply = both.ask(Method::GET, &status, &json!({})).await;
        let body: Value = serde_json::from_slice(&reply.body).unwrap();
        body["status"].as_str().unwrap_or_else(|| panic!("{body}")).to_owned()
    };
    let running = state().await;
    let (reply, took) = both.place(Value::Null).await;
    assert!(reply.status == 200 && took < AT_ONCE, "it is waited for once: {took:?}");
    let heard = both.poll(Some(&cursor)).await;
    both.poll(Some(&heard)).await;
    assert_eq!((running.as_str(), state().await.as_str()), ("InProgress", "Succeeded"));
}
