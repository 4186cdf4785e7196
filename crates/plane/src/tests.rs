//! The listeners' services on a control plane whose store can be stopped.

mod cloud;
mod damage;
mod heard;
mod host_certificates;
mod lanes;
mod old_secrets;
mod operator;
mod polls;
mod refusals;

use bonafide_http::clock;
use bonafide_types::limits::VIEW_AGE_SECONDS_MAX;
use bonafide_wire::Answer;
use cloud::{Cloud, request};
use http::Method;
use http::header::AUTHORIZATION;
use serde_json::{Value, json};
use std::sync::atomic::Ordering;
use std::time::Duration;

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
