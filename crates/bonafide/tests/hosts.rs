//! Hosts that were copied, and what an operator decides about hosts.

#![allow(clippy::unwrap_used, reason = "a test may insist")]
#![allow(clippy::disallowed_methods, reason = "whole processes: they have a clock and an environment")]

mod support;

use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use support::clock::Clock;
use support::{Up, bonafide, eventually, refused, run};

const MANAGEMENT: &str = "https://management.azure.com/";
const VAULT: &str = "https://vault.azure.net";
/// Longest time that a decision takes to be in force at the agent.
const SOON: Duration = Duration::from_secs(20);

fn host(dir: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bonafide"));
    command.arg("host").arg("--data-dir").arg(dir.join("data")).args(arguments);
    command
}

fn decided(dir: &Path, arguments: &[&str]) -> String {
    let output = run(host(dir, arguments));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn listed(dir: &Path) -> Value {
    let all: Value = serde_json::from_str(&decided(dir, &["list", "--json"])).unwrap();
    all["hosts"].clone()
}

fn copy(from: &Path, to: &Path) {
    let _ = std::fs::remove_dir_all(to);
    assert!(Command::new("cp").arg("-a").args([from, to]).status().unwrap().success());
}

fn details(up: &Up) -> Value {
    up.https("GET", "/readyz", &[], "").json()
}

#[test]
fn ha_10_a_copied_agent_folder_freezes_its_host_until_an_operator_decides() {
    let dir = tempfile::tempdir().unwrap();
    let (agent, stolen) = (dir.path().join("data/agent"), dir.path().join("stolen"));
    let clock = Clock::ahead(dir.path(), 0);
    clock.start(dir.path()).token(MANAGEMENT).unwrap();
    copy(&agent, &stolen);
    std::fs::remove_file(agent.join("state.json")).unwrap();
    // Joined anew: the copy is no host any more.
    clock.start(dir.path()).token(MANAGEMENT).unwrap();
    copy(&stolen, &agent);
    clock.set(60);
    let up = clock.start(dir.path());
    assert_eq!(up.token(MANAGEMENT).unwrap_err().0 / 100, 4, "nothing is to run on a frozen host");
    assert_eq!(up.readiness(), "degraded");
    let said = details(&up);
    assert_eq!((&said["agents"][0]["status"], &said["frozenHosts"]), (&json!("frozen"), &json!(["local"])));
    eventually(SOON, "the log says it", || up.log().contains(r#""event":"hostFrozen""#));
    assert_eq!(listed(dir.path())[0]["state"], "frozen");
    // Joining with an invitation does not decide it.
    std::fs::remove_file(agent.join("state.json")).unwrap();
    drop(up);
    let up = clock.start(dir.path());
    assert_eq!(details(&up)["agents"][0]["status"], "frozen");

    let said = decided(dir.path(), &["enable", "local"]);
    assert!(said.starts_with("local  ") && said.contains("enabled"), "{said}");
    eventually(SOON, "the host joins anew", || up.token(VAULT).is_ok());
    eventually(SOON, "all is well", || up.readiness() == "ok");
    drop(up);
    // The copy says nothing any more, not even that there are two.
    copy(&stolen, &agent);
    clock.set(120);
    let up = clock.start(dir.path());
    up.token(MANAGEMENT).unwrap();
    assert_eq!(listed(dir.path())[0]["state"], "enabled");
}

#[test]
fn ky_10_a_host_that_is_disabled_forgets_its_tokens_and_keys_and_comes_back_when_it_is_enabled() {
    let dir = tempfile::tempdir().unwrap();
    let up = Up::start(dir.path(), &[]);
    up.token(MANAGEMENT).unwrap();
    let keys = || std::fs::read_dir(dir.path().join("data/agent/keys")).unwrap().count();
    let state = dir.path().join("data/agent/state.json");
    assert!(keys() > 0 && state.exists());
    assert!(decided(dir.path(), &["disable", "local"]).contains("disabled"));
    eventually(SOON, "its keys are gone", || keys() == 0 && !state.exists());
    assert!(up.token(MANAGEMENT).is_err(), "a cached token");
    assert_eq!(up.readiness(), "degraded");
    let mut exec = bonafide(dir.path(), "exec");
    exec.args(["--", "true"]);
    for command in [up.token_command(&["--resource", VAULT]), exec] {
        let line = refused(command);
        assert!(line.contains("this host is disabled: `bonafide host enable NAME`"), "{line}");
    }
    let enabled = run(host(dir.path(), &["enable", "local"]));
    assert!(String::from_utf8_lossy(&enabled.stderr).contains("joins again within 10 seconds"), "{enabled:?}");
    eventually(SOON, "it is back", || up.token(MANAGEMENT).is_ok() && up.readiness() == "ok");
    let unknown = run(host(dir.path(), &["disable", "remote"]));
    assert_eq!(unknown.status.code(), Some(1));
    assert_eq!(String::from_utf8_lossy(&unknown.stderr), "bonafide: there is no host 'remote'; there are: local\n");
    assert!(run(bonafide(dir.path(), "info")).status.success());
    // Like every command it takes the data directory at its end, too.
    let mut list = Command::new(env!("CARGO_BIN_EXE_bonafide"));
    list.args(["host", "list", "--data-dir"]).arg(dir.path().join("data"));
    assert!(run(list).status.success());
}
