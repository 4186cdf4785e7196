//! A mistake of the person at the command line is answered with what to do instead.

#![allow(clippy::unwrap_used, reason = "a test may insist")]
#![allow(clippy::disallowed_methods, reason = "whole processes: they have a clock and an environment")]

mod support;

use serde_json::{Value, json};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Command, Stdio};
use support::{MACHINES, PATIENCE, Up, bonafide, eventually, refused, run, up_command};

const VAULT: &str = "https://vault.azure.net";

/// Every command that reads a data directory, in `folder`: the one that is named, or that of the default.
fn readers(folder: &Path, named: Option<&Path>) -> [Command; 4] {
    let lines: [&[&str]; 4] = [&["token", "--resource", VAULT], &["env"], &["info"], &["exec", "--", "true"]];
    lines.map(|line| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bonafide"));
        command.current_dir(folder).stdin(Stdio::null()).arg(line[0]);
        named.map(|named| command.arg("--data-dir").arg(named));
        command.args(&line[1..]);
        command
    })
}

#[test]
fn what_is_no_data_directory_is_said_to_be_none_and_the_likely_one_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_bonafide"));
    command.args(["up", "--json", "--listen", "127.0.0.1:0", "--hosts-listen", "127.0.0.1:0"]).current_dir(dir.path());
    let up = Up::run(command, dir.path());
    let real = dir.path().join(".bonafide").display().to_string();
    let below = dir.path().join("project/sources");
    std::fs::create_dir_all(&below).unwrap();
    std::fs::write(dir.path().join("a-file"), "").unwrap();
    for (given, said) in [
        (dir.path().to_owned(), "is not a data directory"),
        (dir.path().join("a-file"), "is not a data directory"),
        (dir.path().join(".bonafide/agent"), "is not a data directory"),
        (dir.path().join("project"), "is not a data directory"),
        (dir.path().join("typo"), "is not there"),
    ] {
        for command in readers(dir.path(), Some(&given)) {
            let line = refused(command);
            assert!(line.contains(&format!("{} {said}", given.display())), "{line}");
            assert!(line.contains(&format!("add --data-dir '{real}'")), "{line}");
        }
    }
    for command in readers(&below, None) {
        let line = refused(command);
        assert!(line.contains(".bonafide is not there") && line.contains(&real), "{line}");
    }
    assert!(up.stop().success());
    let elsewhere = tempfile::tempdir().unwrap();
    for command in readers(dir.path(), Some(elsewhere.path())) {
        let line = refused(command);
        assert!(line.contains("is not a data directory: ") && !line.contains(&real), "{line}");
    }
}

#[test]
fn a_scope_in_the_place_of_a_resource_is_answered_with_the_resource() {
    let dir = tempfile::tempdir().unwrap();
    let line = refused(up_command(dir.path(), &["--resource", "api://orders/.default"]));
    assert!(line.contains("without /.default (api://orders)"), "{line}");
    let up = Up::start(dir.path(), &[]);
    for resource in [VAULT, "https://vault.azure.net/", "api://orders"] {
        let line = refused(up.token_command(&["--resource", &format!("{resource}/.default")]));
        assert!(line.ends_with(&format!("without /.default: give --resource {resource}")), "{line}");
    }
}

#[test]
fn an_identity_in_the_place_of_a_workload_is_answered_with_the_machines_that_have_it() {
    let dir = tempfile::tempdir().unwrap();
    let up = Up::start(dir.path(), &[]);
    let operator = up.operator_token();
    let demo = up.manage(&operator, "GET", &up.demo(), MACHINES, "").json();
    let (id, user) = demo["identity"]["userAssignedIdentities"].as_object().unwrap().iter().next().unwrap();
    up.machine("second", &json!({ "type": "UserAssigned", "userAssignedIdentities": { id: {} } }));
    let client = user["clientId"].as_str().unwrap();
    let exec = |workload: &str| {
        let mut command = bonafide(&up.dir, "exec");
        command.args(["--workload", workload, "--", "true"]);
        command
    };
    for workload in ["demo-user", "DEMO-USER", id] {
        for command in [up.token_command(&["--resource", VAULT, "--workload", workload]), exec(workload)] {
            let line = refused(command);
            for said in ["is an identity", "demo, second", client, "--workload", "--client-id", "AZURE_CLIENT_ID"] {
                assert!(line.contains(said), "{said}: {line}");
            }
        }
    }
    let (unused, _) = up.identity("unused");
    for workload in ["unused", &unused] {
        let line = refused(exec(workload));
        assert!(line.contains("is an identity, and no workload has it yet: assign it to one"), "{line}");
    }
    let group = up.demo().split("/providers").next().unwrap().to_owned();
    let line = refused(exec(&group));
    assert!(line.contains("resourceGroups, and no workload; those with an identity are: demo, second"), "{line}");
    // A machine that has the name of an identity is the one that is meant.
    up.machine("unused", &json!({ "type": "SystemAssigned" }));
    assert!(run(exec("unused")).status.success());
}

#[test]
fn where_there_is_no_workload_the_refusal_says_how_to_get_one() {
    let dir = tempfile::tempdir().unwrap();
    let up = Up::start(dir.path(), &["--empty"]);
    let mut exec = bonafide(&up.dir, "exec");
    exec.args(["--", "true"]);
    for command in [up.token_command(&["--resource", VAULT]), exec] {
        let line = refused(command);
        for said in ["no workload demo", "no resource has an identity yet", "docs/guide/enabling.md", "--workload"] {
            assert!(line.contains(said), "{said}: {line}");
        }
    }
    let guide = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/guide/enabling.md");
    assert!(Path::new(guide).exists(), "the page is there");
}

#[test]
fn a_command_of_a_machine_that_is_switched_off_starts_with_a_warning() {
    let dir = tempfile::tempdir().unwrap();
    let up = Up::start(dir.path(), &[]);
    let (operator, demo) = (up.operator_token(), up.demo());
    let said = |dialect: &str| {
        let mut exec = bonafide(&up.dir, "exec");
        exec.args(["--dialect", dialect, "--", "sh", "-c", "echo started >&2"]);
        let output = run(exec);
        assert!(output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    assert_eq!(said("app-service"), "started\n");
    assert_eq!(up.manage(&operator, "POST", &format!("{demo}/powerOff"), MACHINES, "").status, 200);
    eventually(PATIENCE, "the host has heard of it", || said("app-service") != "started\n");
    for dialect in ["app-service", "imds", "cloud-shell"] {
        let said = said(dialect);
        assert!(said.contains("demo has no identity on this host") && said.ends_with("\nstarted\n"), "{said}");
    }
    assert_eq!(up.manage(&operator, "POST", &format!("{demo}/start"), MACHINES, "").status, 200);
    eventually(PATIENCE, "the host has heard of it", || said("app-service") == "started\n");
}

#[test]
fn a_machine_that_was_deleted_is_described_no_more() {
    let dir = tempfile::tempdir().unwrap();
    let up = Up::start(dir.path(), &[]);
    let described = || {
        let mut info = bonafide(&up.dir, "info");
        info.arg("--json");
        serde_json::from_slice::<Value>(&run(info).stdout).unwrap()
    };
    assert_eq!(described(), up.info);
    assert_eq!(up.manage(&up.operator_token(), "DELETE", &up.demo(), MACHINES, "").status, 200);
    eventually(PATIENCE, "it is described no more", || described()["workloads"] == json!([]));
    let mut without = up.info.clone();
    without["workloads"] = json!([]);
    assert_eq!(described(), without, "the rest is as it was");
    assert!(up.stop().success());
    assert_eq!(Up::start(dir.path(), &[]).info["workloads"], json!([]));
}

#[test]
fn a_first_start_takes_no_folder_that_has_files_of_others() {
    let dir = tempfile::tempdir().unwrap();
    let (data, up) = (dir.path().join("data"), || up_command(dir.path(), &[]));
    std::fs::create_dir(&data).unwrap();
    std::fs::write(data.join("main.py"), "").unwrap();
    let line = refused(up());
    assert!(line.contains("has files of others in it, such as main.py"), "{line}");
    assert_eq!(std::fs::read_dir(&data).unwrap().count(), 1);
    std::fs::create_dir(data.join("store")).unwrap();
    assert!(refused(up()).contains("such as main.py"), "a folder store is no database");
    std::fs::remove_dir(data.join("store")).unwrap();
    let unreadable = data.join(OsStr::from_bytes(b"main\xff.py"));
    std::fs::rename(data.join("main.py"), &unreadable).unwrap();
    assert!(refused(up()).contains("such as main\u{fffd}.py"));
    std::fs::rename(unreadable, data.join("lost+found")).unwrap();
    std::fs::write(data.join(".gitignore.AbC123.new"), "").unwrap();
    assert!(Up::run(up(), dir.path()).stop().success());
    std::fs::write(data.join("backup.txt"), "").unwrap();
    assert!(Up::run(up(), dir.path()).stop().success());
}

#[test]
fn a_first_start_that_fails_leaves_nothing_that_is_taken_for_a_data_directory() {
    let dir = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let up = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bonafide"));
        command.args(["up", "--hosts-listen", "127.0.0.1:0", "--listen", &address]);
        command.arg("--data-dir").arg(dir.path().join("data"));
        command
    };
    assert!(refused(up()).contains("Address already in use"));
    assert!(!dir.path().join("data").exists());
    // A folder that was made for it is as it was.
    std::fs::create_dir(dir.path().join("data")).unwrap();
    refused(up());
    assert_eq!(std::fs::read_dir(dir.path().join("data")).unwrap().count(), 0);
    // A directory that was started once stays, whatever fails later.
    assert!(Up::start(dir.path(), &[]).stop().success());
    refused(up());
    assert!(Up::start(dir.path(), &[]).token(VAULT).is_ok());
}

#[test]
fn a_first_start_beside_a_data_directory_names_it() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("data")).unwrap();
    let mut inner = Command::new(env!("CARGO_BIN_EXE_bonafide"));
    inner.args(["up", "--json", "--listen", "127.0.0.1:0", "--hosts-listen", "127.0.0.1:0"]);
    inner.current_dir(dir.path().join("data"));
    assert!(Up::run(inner, dir.path()).stop().success());
    let line = refused(up_command(dir.path(), &[]));
    assert!(line.contains("such as .bonafide: add --data-dir ") && line.contains("/data/.bonafide'"), "{line}");
}

#[test]
fn a_command_that_cannot_be_run_has_the_exit_code_that_shells_have_for_it() {
    let dir = tempfile::tempdir().unwrap();
    let _up = Up::start(dir.path(), &[]);
    let text = dir.path().join("text");
    std::fs::write(&text, "").unwrap();
    for (program, code) in [("no-such-program", 127), (text.to_str().unwrap(), 126)] {
        let mut command = bonafide(dir.path(), "exec");
        command.args(["--", program]);
        let output = run(command);
        assert_eq!(output.status.code(), Some(code), "{program}");
        assert!(String::from_utf8_lossy(&output.stderr).contains(&format!("cannot run {program}: ")), "{program}");
    }
}

#[test]
fn a_start_at_another_address_says_that_the_issuer_is_another() {
    let dir = tempfile::tempdir().unwrap();
    let start = || {
        let up = Up::start(dir.path(), &[]);
        let login = up.info["endpoints"]["login"].as_str().unwrap().to_owned();
        assert!(up.stop().success());
        (login, std::fs::read_to_string(dir.path().join("test-stderr.log")).unwrap())
    };
    let (first, said) = start();
    assert!(!said.contains("the address was"), "{said}");
    let (second, said) = start();
    assert_ne!(first, second);
    assert!(said.contains(&format!("the address was {first} at the last start and is {second} now")), "{said}");
}
