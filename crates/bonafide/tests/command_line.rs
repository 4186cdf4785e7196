//! The commands beside `up`, from a user's seat.

#![allow(clippy::unwrap_used, reason = "a test may insist")]
#![allow(clippy::disallowed_methods, reason = "whole processes: they have a clock and an environment")]

mod support;

use serde_json::{Value, json};
use std::process::Command;
use support::{Up, bonafide, refused, run};

const ARM: &str = "https://management.azure.com/";
const MACHINES: &str = "2024-11-01";
const IDENTITIES: &str = "2018-11-30";

#[test]
fn a_token_that_cannot_be_had_says_why_and_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let up = Up::start(dir.path(), &[]);
    let line = refused(token(&up, &["--resource", "https://nope"]));
    assert!(line.contains("AADSTS500011") && line.contains("https://nope") && line.contains("--resource"), "{line}");
    assert!(!line.contains("Trace ID"), "{line}");
    machine(&up, "none", &json!({ "type": "None" }));
    let line = refused(token(&up, &["--resource", ARM, "--workload", "none"]));
    assert!(line.contains("/virtualMachines/none has no identity") && line.contains("--workload"), "{line}");
}

#[test]
fn a_single_identity_is_the_default_and_of_several_one_is_chosen() {
    let dir = tempfile::tempdir().unwrap();
    let up = Up::start(dir.path(), &[]);
    let (one, two) = (identity(&up, "one"), identity(&up, "two"));
    machine(&up, "single", &json!({ "type": "UserAssigned", "userAssignedIdentities": { &one.0: {} } }));
    assert_eq!(claims(&up, &["--workload", "single"])["appid"], one.1);
    machine(&up, "several", &json!({ "type": "UserAssigned", "userAssignedIdentities": { &one.0: {}, &two.0: {} } }));
    let line = refused(token(&up, &["--resource", ARM, "--workload", "several"]));
    assert!(line.contains("--client-id") && line.contains(&one.1) && line.contains(&two.1), "{line}");
    assert_eq!(claims(&up, &["--workload", "several", "--client-id", &two.1])["appid"], two.1);
    let line = refused(token(&up, &["--resource", ARM, "--workload", "single", "--client-id", &two.1]));
    assert!(line.contains(&two.1) && line.contains(&one.1), "{line}");
}

fn token(up: &Up, arguments: &[&str]) -> Command {
    let mut command = bonafide(&up.dir, "token");
    command.args(arguments);
    command
}

fn claims(up: &Up, arguments: &[&str]) -> Value {
    let mut command = token(up, &["--resource", ARM, "--decode"]);
    command.args(arguments);
    let output = run(command);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Makes a machine in group demo.
fn machine(up: &Up, name: &str, identity: &Value) -> String {
    let id = up.demo().replace("/virtualMachines/demo", &format!("/virtualMachines/{name}"));
    let body = json!({ "location": "westeurope", "identity": identity, "properties": {} }).to_string();
    let made = up.manage(&up.operator_token(), "PUT", &id, MACHINES, &body);
    assert_eq!(made.status, 201, "{}", made.body);
    id
}

/// Makes a user-assigned identity in group demo: its ARM id and its client id.
fn identity(up: &Up, name: &str) -> (String, String) {
    let type_and_name = format!("Microsoft.ManagedIdentity/userAssignedIdentities/{name}");
    let id = up.demo().replace("Microsoft.Compute/virtualMachines/demo", &type_and_name);
    let made = up.manage(&up.operator_token(), "PUT", &id, IDENTITIES, r#"{"location":"westeurope"}"#);
    assert_eq!(made.status, 201, "{}", made.body);
    (id, made.json()["properties"]["clientId"].as_str().unwrap().to_owned())
}
