//! Data directories of earlier versions: each format is kept as a fixture, and opens.

#![allow(clippy::unwrap_used, reason = "a test may insist")]
#![allow(clippy::disallowed_methods, reason = "whole processes: they have a clock and an environment")]

mod support;

use std::path::Path;
use std::process::Command;
use support::{Up, bonafide, run};

const ARM: &str = "https://management.azure.com/";

/// Made by version 68cc6ce with `up --resource api://orders`: beside the demo resources, group `kept` with machine `web`,
/// its two identities and a storage account; group `gone` was deleted.
const FIXTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/data-68cc6ce.tar.gz");

#[test]
fn a_data_directory_of_68cc6ce_opens_with_everything_in_it() {
    let dir = tempfile::tempdir().unwrap();
    unpack(FIXTURE, dir.path());
    let up = Up::start(dir.path(), &[]);
    assert!(up.token(ARM).is_ok() && up.token("api://orders").is_ok());
    let operator = up.operator_token();
    let group =
        |name: &str| format!("/subscriptions/{}/resourceGroups/{name}", up.info["subscriptionId"].as_str().unwrap());
    let read = |id: &str, version: &str| up.manage(&operator, "GET", id, version, "");
    let machine = read(&format!("{}/providers/Microsoft.Compute/virtualMachines/web", group("kept")), "2024-11-01");
    assert_eq!(machine.status, 200, "{}", machine.body);
    let identity = &machine.json()["identity"];
    assert!(identity["principalId"].is_string(), "{identity}");
    assert_eq!(identity["userAssignedIdentities"].as_object().unwrap().len(), 1, "{identity}");
    let account = format!("{}/providers/Microsoft.Storage/storageAccounts/kept1", group("kept"));
    assert_eq!(read(&account, "2023-01-01").status, 200);
    assert_eq!(read(&group("gone"), "2021-04-01").status, 404);
    let again = up.manage(&operator, "PUT", &group("gone"), "2021-04-01", r#"{"location":"westeurope"}"#);
    assert_eq!(again.status, 201, "{}", again.body);
    let mut token = bonafide(dir.path(), "token");
    token.args(["--workload", "web", "--resource", "api://orders"]);
    assert!(run(token).status.success());
    assert!(up.stop().success());
}

/// Made by version ae2478f: as the one above, with a lock on group `kept`, a custom role that machine `web` holds on itself, and
/// machine `off`, which is deallocated.
const WITH_LOCKS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/data-ae2478f.tar.gz");

#[test]
fn a_data_directory_of_ae2478f_opens_with_its_locks_roles_and_power_states() {
    let dir = tempfile::tempdir().unwrap();
    unpack(WITH_LOCKS, dir.path());
    let up = Up::start(dir.path(), &[]);
    let operator = up.operator_token();
    let group = format!("/subscriptions/{}/resourceGroups/kept", up.info["subscriptionId"].as_str().unwrap());
    let ask = |token: &str, method: &str, rest: &str, version: &str| {
        up.manage(token, method, &format!("{group}{rest}"), version, "")
    };
    let machines = "/providers/Microsoft.Compute/virtualMachines";
    let locked = ask(&operator, "DELETE", &format!("{machines}/web"), "2024-11-01");
    assert_eq!((locked.status, &locked.json()["error"]["code"]), (409, &"ScopeLocked".into()), "{}", locked.body);
    let state = ask(&operator, "GET", &format!("{machines}/off/instanceView"), "2024-11-01");
    assert_eq!(state.json()["statuses"][1]["code"], "PowerState/deallocated", "{}", state.body);
    let mut token = bonafide(dir.path(), "token");
    token.args(["--workload", "web", "--resource", ARM]);
    let token = String::from_utf8(run(token).stdout).unwrap();
    let by_role = ask(token.trim(), "POST", &format!("{machines}/web/start"), "2024-11-01");
    assert_eq!(by_role.status, 200, "{}", by_role.body);
    assert_eq!(ask(token.trim(), "POST", &format!("{machines}/web/powerOff"), "2024-11-01").status, 403);
    assert!(up.stop().success());
}

/// Archived with the rights that the files had.
fn unpack(archive: &str, into: &Path) {
    let mut tar = Command::new("tar");
    tar.args(["--extract", "--gzip", "--same-permissions", "--no-same-owner", "--file", archive, "--directory"])
        .arg(into);
    assert!(tar.status().unwrap().success());
}
