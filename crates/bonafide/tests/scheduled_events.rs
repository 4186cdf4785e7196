//! Scheduled events in an attached namespace: curl sees what somebody asks of its machine, and lets it happen.

#![allow(clippy::unwrap_used, reason = "a test may insist")]
#![allow(clippy::disallowed_methods, reason = "whole processes: they have a clock and an environment")]

mod support;

use serde_json::{Value, json};
use std::process::Command;
use support::attached::attached;
use support::namespace::Namespace;
use support::{PATIENCE, Up, eventually, run};

const URL: &str = "http://169.254.169.254/metadata/scheduledevents?api-version=2020-07-01";
const VERSION: &str = "2024-11-01";

/// The answer that curl gets in a namespace. It waits where it is told to: who looks often is throttled.
fn curl(namespace: &Namespace, more: &[&str]) -> String {
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--show-error", "--fail", "--retry", "5", "--max-time", "10", "--header", "Metadata: true"]);
    curl.args(more).arg(URL);
    let output = run(namespace.command(curl));
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn events(namespace: &Namespace) -> Value {
    serde_json::from_str(&curl(namespace, &[])).unwrap()
}

fn approve(namespace: &Namespace, event: &Value) {
    let body = json!({ "StartRequests": [{ "EventId": event["EventId"] }] }).to_string();
    assert_eq!(curl(namespace, &["--data", &body]), "");
}

#[test]
fn an_eviction_is_seen_and_allowed_by_curl_in_a_namespace_and_an_event_outlives_a_crash() {
    let dir = tempfile::tempdir().unwrap();
    let Some(namespace) = Namespace::create("events") else { return };
    let up = Up::start(dir.path(), &[]);
    let vm = up.machine("spot", &json!({ "type": "SystemAssigned" }));
    attached(dir.path(), "spot", &["--netns", &namespace.0]);
    assert_eq!(events(&namespace), json!({ "DocumentIncarnation": 1, "Events": [] }));

    let token = up.operator_token();
    let body = json!({ "properties": { "priority": "Spot", "evictionPolicy": "Deallocate" } }).to_string();
    assert_eq!(up.manage(&token, "PATCH", &vm, VERSION, &body).status, 200);
    // A restart waits, and is there still after the end of both processes.
    let restart = up.manage(&token, "POST", &format!("{vm}/restart"), VERSION, "");
    assert_eq!(restart.status, 202, "{}", restart.body);
    eventually(PATIENCE, "it is told", || events(&namespace)["Events"][0]["EventType"] == "Reboot");
    let told = events(&namespace);
    let server = up.serving();
    up.kill_now();
    drop(up);
    let up = Up::start(dir.path(), &[]);
    assert_ne!(up.serving(), server);
    assert_eq!(events(&namespace), told);
    approve(&namespace, &told["Events"][0]);
    eventually(PATIENCE, "it is over", || events(&namespace)["Events"] == json!([]));

    let token = up.operator_token();
    let evicted = up.manage(&token, "POST", &format!("{vm}/simulateEviction"), VERSION, "");
    assert_eq!(evicted.status, 204, "{}", evicted.body);
    eventually(PATIENCE, "it is told", || events(&namespace)["Events"][0]["EventType"] == "Preempt");
    let event = events(&namespace)["Events"][0].clone();
    assert_eq!((&event["EventStatus"], &event["EventSource"]), (&json!("Scheduled"), &json!("Platform")));
    approve(&namespace, &event);
    let power = || {
        let view = up.manage(&token, "GET", &format!("{vm}/instanceView"), VERSION, "");
        view.json()["statuses"][1]["code"].clone()
    };
    eventually(PATIENCE, "it is evicted", || power() == "PowerState/deallocated");
    assert!(up.stop().success());
}
