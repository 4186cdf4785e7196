//! `bonafide serve`: its configuration, its names and certificates, and what it reads again.

#![allow(clippy::unwrap_used, reason = "a test may insist")]
#![allow(clippy::disallowed_methods, reason = "whole processes: they have a clock and an environment")]

mod support;

use rcgen::{CertificateParams, KeyPair};
use rustix::process::{Pid, Signal, kill_process};
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Command, Stdio};
use support::{PATIENCE, Up, eventually, free_port, refused, run};

/// A configuration in `dir`, on free ports.
fn configure(dir: &Path, members: &str) {
    let text = format!(
        "data-dir = \"data\"\nlisten = \"127.0.0.1:{}\"\nhosts-listen = \"127.0.0.1:0\"\n{members}\n",
        free_port()
    );
    std::fs::write(dir.join("serve.toml"), text).unwrap();
}

/// Adds a member.
fn add(dir: &Path, member: &str) {
    let text = std::fs::read_to_string(dir.join("serve.toml")).unwrap();
    std::fs::write(dir.join("serve.toml"), format!("{text}{member}\n")).unwrap();
}

fn command(dir: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bonafide"));
    command.args(["serve", "--json", "--config"]).arg(dir.join("serve.toml")).args(arguments).stdin(Stdio::null());
    command
}

fn start(dir: &Path, arguments: &[&str]) -> Up {
    Up::run(command(dir, arguments), dir)
}

fn hang_up(up: &Up) {
    kill_process(Pid::from_raw(up.pid().cast_signed()).unwrap(), Signal::HUP).unwrap();
}

/// Has it read its configuration again, and waits until it has said this.
fn reload(up: &Up, said: &str) {
    let before = up.log().matches(said).count();
    hang_up(up);
    eventually(PATIENCE, said, || up.log().matches(said).count() > before);
}

/// Writes a certificate for these names, signed by itself, and another key's or its own.
fn certificate(dir: &Path, names: &[&str], is_own_key: bool, change: impl FnOnce(&mut CertificateParams)) {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let (key, other) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let mut params = CertificateParams::new(names).unwrap();
    change(&mut params);
    std::fs::write(dir.join("cert.pem"), params.self_signed(&key).unwrap().pem()).unwrap();
    let key = if is_own_key { key } else { other };
    std::fs::write(dir.join("key.pem"), key.serialize_pem()).unwrap();
    std::fs::set_permissions(dir.join("key.pem"), Permissions::from_mode(0o640)).unwrap();
}

#[test]
fn the_first_public_name_is_the_origin_and_the_certificate_is_for_each() {
    let dir = tempfile::tempdir().unwrap();
    configure(dir.path(), "public-names = [\"id.example.org\", \"192.0.2.7\"]");
    let up = start(dir.path(), &[]);
    assert!(up.origin().starts_with("https://id.example.org:"), "{}", up.origin());
    assert!(up.info["endpoints"]["hosts"].as_str().unwrap().starts_with("https://id.example.org:"));
    assert!(up.info["workloads"].as_array().unwrap().is_empty());
    // The client trusts ca.pem alone, and looks for the origin's name.
    assert_eq!(up.https("GET", "/healthz", &[], "").status, 200);
    let token = up.operator_token();
    let issuer = support::claims(&token)["iss"].as_str().unwrap().to_owned();
    assert!(issuer.starts_with(&format!("{}/", up.origin())), "{issuer}");
    assert!(!dir.path().join("data/agent/state.json").exists(), "no agent runs here");
}

/// A container's port that is mapped to another one outside.
#[test]
fn up_takes_a_public_name_with_the_port_under_which_it_is_reached() {
    let dir = tempfile::tempdir().unwrap();
    let up = Up::start(dir.path(), &["--public-name", "localhost:18443"]);
    assert_eq!(up.origin(), "https://localhost:18443");
    let token = up.token("https://management.azure.com/").unwrap();
    assert!(support::claims(&token)["iss"].as_str().unwrap().starts_with("https://localhost:18443/"));
}

#[test]
fn a_name_that_was_added_later_is_refused_until_there_is_a_new_authority() {
    let dir = tempfile::tempdir().unwrap();
    configure(dir.path(), "");
    start(dir.path(), &[]).stop();
    let before = std::fs::read(dir.path().join("data/ca.pem")).unwrap();
    add(dir.path(), "public-names = [\"id.example.org\"]");
    let line = refused(command(dir.path(), &[]));
    assert!(line.contains("id.example.org is outside") && line.contains("--new-authority"), "{line}");
    let up = start(dir.path(), &["--new-authority"]);
    assert_eq!(up.https("GET", "/healthz", &[], "").status, 200);
    assert!(up.log().contains("there is a new authority"), "{}", up.log());
    assert_ne!(std::fs::read(dir.path().join("data/ca.pem")).unwrap(), before);
    up.stop();
    assert_eq!(start(dir.path(), &[]).https("GET", "/healthz", &[], "").status, 200);
}

#[test]
fn np_02_a_new_certificate_is_taken_over_without_a_restart_and_a_bad_one_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    configure(dir, "public-names = [\"id.example.org\"]\ncertificate = \"cert.pem\"\nkey = \"key.pem\"");
    certificate(dir, &["id.example.org"], true, |_| {});
    let mut up = start(dir, &[]);
    // It is trusted itself.
    let trust = |up: &mut Up| {
        std::fs::copy(dir.join("cert.pem"), dir.join("trusted.pem")).unwrap();
        up.info["caFile"] = dir.join("trusted.pem").to_str().unwrap().into();
    };
    trust(&mut up);
    let works = |up: &Up| assert_eq!(up.https("GET", "/healthz", &[], "").status, 200);
    works(&up);
    let kept = "what was in force stays in force";
    for (names, is_own_key, ended, why) in [
        (&["id.example.org"][..], false, false, "does not fit the first certificate"),
        (&["other.example.org"], true, false, "is not for id.example.org"),
        (&["id.example.org"], true, true, "renew it, or set the clock"),
    ] {
        certificate(dir, names, is_own_key, |params| {
            if ended {
                params.not_after = rcgen::date_time_ymd(2020, 1, 1);
            }
        });
        reload(&up, kept);
        works(&up);
        assert!(up.log().contains(why), "{why}: {}", up.log());
        eventually(PATIENCE, "the log says it", || up.log().contains("certificateNotReloaded"));
    }
    certificate(dir, &["id.example.org"], true, |_| {});
    std::fs::set_permissions(dir.join("key.pem"), Permissions::from_mode(0o644)).unwrap();
    reload(&up, kept);
    assert!(up.log().contains("has mode 0644"), "{}", up.log());
    std::fs::write(dir.join("cert.pem"), "no certificate").unwrap();
    reload(&up, kept);
    works(&up);
    let pid = up.serving();
    certificate(dir, &["id.example.org"], true, |_| {});
    let said = up.log().matches(kept).count();
    reload(&up, "the configuration was read again");
    assert_eq!(up.log().matches(kept).count(), said);
    trust(&mut up);
    works(&up);
    assert_eq!(up.serving(), pid);
    up.stop();
    certificate(dir, &["other.example.org"], true, |_| {});
    assert!(refused(command(dir, &[])).contains("is not for id.example.org"));
}

#[test]
fn op_06_a_configuration_that_cannot_be_is_refused_at_a_start_and_changes_nothing_while_it_is_served() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    configure(dir, "");
    let up = start(dir, &[]);
    add(dir, "resources = [\"api://orders\"]\nlog = \"off\"\ntoken-lifetime = \"1h\"");
    reload(&up, "count from the next one: token-lifetime");
    let (tenant, client) = (up.info["tenantId"].as_str().unwrap(), up.info["operator"]["clientId"].as_str().unwrap());
    let secret = std::fs::read_to_string(up.info["operator"]["secretFile"].as_str().unwrap()).unwrap();
    let form =
        format!("grant_type=client_credentials&client_id={client}&client_secret={secret}&resource=api%3A%2F%2Forders");
    let kind = [("Content-Type", "application/x-www-form-urlencoded")];
    let answer = up.https("POST", &format!("/{tenant}/oauth2/token"), &kind, &form);
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert!(!up.log().contains("/oauth2/token"), "requests are not logged any more");
    add(dir, "lissten = \"127.0.0.1:1\"");
    reload(&up, "lissten: unknown field");
    assert_eq!(up.https("GET", "/healthz", &[], "").status, 200);
    up.stop();
    let line = refused(command(dir, &[]));
    assert!(line.contains("serve.toml, line 8, lissten: unknown field") && line.contains("`listen`"), "{line}");
    assert_eq!(refused(command(dir, &["--check"])), line);
    // A check reads what a start reads.
    configure(dir, "public-names = [\"id.example.org\"]\ncertificate = \"cert.pem\"\nkey = \"key.pem\"");
    assert!(refused(command(dir, &["--check"])).contains("cert.pem"));
    certificate(dir, &["other.example.org"], true, |_| {});
    assert!(refused(command(dir, &["--check"])).contains("is not for id.example.org"));
    certificate(dir, &["id.example.org"], true, |_| {});
    assert!(run(command(dir, &["--check"])).status.success());
    configure(dir, "resources = [\"api://orders/.default\"]");
    assert!(refused(command(dir, &["--check"])).contains("without /.default"));
    // A file that others can write to decides nothing.
    configure(dir, "");
    std::fs::set_permissions(dir.join("serve.toml"), Permissions::from_mode(0o666)).unwrap();
    assert!(refused(command(dir, &["--check"])).contains("chmod 644"));
}

/// As systemd hears it (Type=notify).
#[test]
fn op_01_the_supervisor_is_told_of_the_start_a_reload_and_the_stop() {
    let dir = tempfile::tempdir().unwrap();
    configure(dir.path(), "");
    let socket = UnixDatagram::bind(dir.path().join("notify")).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let told = || {
        let mut text = [0; 512];
        let length = socket.recv(&mut text).unwrap();
        String::from_utf8_lossy(&text[..length]).into_owned()
    };
    let mut command = command(dir.path(), &[]);
    command.env("NOTIFY_SOCKET", dir.path().join("notify"));
    let up = Up::run(command, dir.path());
    assert_eq!(told(), "READY=1\n");
    hang_up(&up);
    let reloading = told();
    assert!(reloading.starts_with("RELOADING=1\nMONOTONIC_USEC="), "{reloading}");
    assert_eq!(told(), "READY=1\n");
    assert!(up.stop().success());
    assert_eq!(told(), "STOPPING=1\n");
}
