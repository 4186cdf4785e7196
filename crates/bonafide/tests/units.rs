//! The units of systemd, as far as it can tell of units that it does not run.

#![allow(clippy::unwrap_used, reason = "a test may insist")]
#![allow(clippy::disallowed_methods, reason = "whole processes: they have a clock and an environment")]

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;
use support::{run, skip};

/// The most exposed that a service may be, in tenths of systemd's own measure. Source: security.md, HA-07.
const EXPOSURE: [(&str, &str); 3] =
    [("bonafide-host.service", "15"), ("bonafide-opener.service", "30"), ("bonafide-serve.service", "15")];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packaging/systemd")
}

fn names(end: &str) -> Vec<String> {
    let names = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.ends_with(end)).collect()
}

fn analyze(arguments: &[&str], in_folder: &Path) -> Option<std::process::Output> {
    if Command::new("systemd-analyze").arg("--version").output().is_err() {
        skip("systemd-analyze is not installed");
        return None;
    }
    let mut command = Command::new("systemd-analyze");
    command.args(arguments).current_dir(in_folder).env("SYSTEMD_LOG_LEVEL", "warning");
    Some(run(command))
}

#[test]
fn systemd_understands_every_unit() {
    let dir = tempfile::tempdir().unwrap();
    let units = [names(".service"), names(".socket")].concat();
    for unit in &units {
        let text = std::fs::read_to_string(folder().join(unit)).unwrap();
        // It looks for the program.
        let text = text.replace("/usr/bin/bonafide", env!("CARGO_BIN_EXE_bonafide"));
        std::fs::write(dir.path().join(unit), text).unwrap();
    }
    let arguments: Vec<&str> = std::iter::once("verify").chain(units.iter().map(String::as_str)).collect();
    let Some(output) = analyze(&arguments, dir.path()) else { return };
    let said = String::from_utf8_lossy(&output.stderr);
    let ours: Vec<&str> = said.lines().filter(|line| units.iter().any(|unit| line.contains(unit.as_str()))).collect();
    assert!(output.status.success() && ours.is_empty(), "{said}");
}

#[test]
fn ha_07_every_service_is_as_little_exposed_as_it_can_be() {
    for service in names(".service") {
        let limit =
            EXPOSURE.iter().find(|(name, _)| *name == service).unwrap_or_else(|| panic!("{service} has no limit"));
        let threshold = format!("--threshold={}", limit.1);
        let arguments = ["security", "--offline=true", &threshold, &service];
        let Some(output) = analyze(&arguments, &folder()) else { return };
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }
}

/// A host that was taken over must not read the keys of a control plane on the same machine.
#[test]
fn ha_02_every_service_has_a_user_of_its_own_and_the_opener_hears_the_agent_alone() {
    let text = |unit: &str| std::fs::read_to_string(folder().join(unit)).unwrap();
    let user = |unit: &str| text(unit).lines().find_map(|line| line.strip_prefix("User=").map(str::to_owned)).unwrap();
    let mut users: Vec<String> = names(".service").iter().map(|service| user(service)).collect();
    let services = users.len();
    users.sort();
    users.dedup();
    assert_eq!(users.len(), services, "{users:?}");
    let agent = user("bonafide-host.service");
    assert!(text("bonafide-opener.socket").lines().any(|line| line == format!("SocketUser={agent}")));
    assert!(text("bonafide-opener.service").contains(&format!("ExecStart=/usr/bin/bonafide opener --user {agent}\n")));
}

/// HA-03: nothing that runs can be changed by the user as whom it runs.
#[test]
fn ha_03_no_service_can_write_to_its_program_or_its_configuration() {
    for service in names(".service") {
        let text = std::fs::read_to_string(folder().join(&service)).unwrap();
        let has = |line: &str| text.lines().any(|found| found == line);
        let is_privileged = has("User=bonafide-opener");
        assert!(is_privileged || has("ProtectSystem=strict") && has("NoNewPrivileges=yes"), "{service}");
        assert!(text.lines().any(|line| line.starts_with("ExecStart=/usr/bin/bonafide ")), "{service}");
        assert!(!text.contains("ReadWritePaths=/etc") && !text.contains("ReadWritePaths=/usr"), "{service}");
    }
}
