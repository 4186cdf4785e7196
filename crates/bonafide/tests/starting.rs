//! Starting `up`: what it refuses, what it says, and what no refusal or kill may lose.

#![allow(clippy::unwrap_used, reason = "a test may insist")]
#![allow(clippy::disallowed_methods, reason = "whole processes: they have a clock and an environment")]

mod support;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use support::{Up, bonafide, claims, eventually, refused, run, up_command};

const ARM: &str = "https://management.azure.com/";
/// Within which what is written reaches who reads it.
const SOON: Duration = Duration::from_secs(10);

#[test]
fn a_lost_or_emptied_database_is_refused_and_no_file_of_the_installation_changes() {
    let dir = tempfile::tempdir().unwrap();
    let up = Up::start(dir.path(), &[]);
    let tenant = up.info["tenantId"].clone();
    // Killed, so that what was committed is still in the log.
    up.kill();
    let data = dir.path().join("data");
    let backup = dir.path().join("backup");
    copy(&data.join("store"), &backup);
    let files = ["key", "ca.pem", "info.json", "operator/secret", "operator/certificate.pem", "agent/state.json"];
    let read = || files.map(|file| fs::read(data.join(file)).unwrap());
    let before = read();
    type Loss = fn(&Path);
    let losses: [Loss; 3] = [
        |store| fs::remove_dir_all(store).unwrap(),
        |store| fs::File::create(store.join("store.db")).map(drop).unwrap(),
        |store| fs::remove_file(store.join("store.db")).unwrap(),
    ];
    for lose in losses {
        lose(&data.join("store"));
        let log = fs::read(data.join("store/store.db-wal")).ok();
        let line = refused(up_command(dir.path(), &[]));
        assert!(line.contains("data/store") && line.contains("backup") && line.contains("--data-dir"), "{line}");
        assert!(read() == before, "a file of the installation was overwritten");
        assert!(fs::read(data.join("store/store.db-wal")).ok() == log, "the log that is left was touched");
        fs::remove_dir_all(data.join("store")).unwrap();
        copy(&backup, &data.join("store"));
    }
    let up = Up::start(dir.path(), &[]);
    assert_eq!(up.info["tenantId"], tenant);
    up.operator_token();
}

#[test]
fn tn_10_a_first_start_that_was_killed_at_any_moment_starts_again() {
    const MOMENTS: u32 = 12;
    let whole = {
        let dir = tempfile::tempdir().unwrap();
        let started = Instant::now();
        drop(Up::start(dir.path(), &[]));
        started.elapsed()
    };
    for moment in 0..MOMENTS {
        let dir = tempfile::tempdir().unwrap();
        let mut command = up_command(dir.path(), &["--quiet"]);
        let mut first = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(whole * moment / MOMENTS);
        first.kill().unwrap();
        first.wait().unwrap();
        let up = Up::start(dir.path(), &[]);
        assert!(up.token(ARM).is_ok(), "killed at {moment} of {MOMENTS}");
        up.operator_token();
    }
}

#[test]
fn ky_04_what_a_crash_left_of_keys_and_secrets_is_removed_at_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    Up::start(dir.path(), &[]).kill();
    let drafts = ["key.new", "agent/key.new", "agent/keys/x.AbCdEf.new", "operator/secret.AbCdEf.new"];
    let drafts = drafts.map(|draft| dir.path().join("data").join(draft));
    fs::hard_link(dir.path().join("data/key"), &drafts[0]).unwrap();
    for draft in &drafts[1..] {
        fs::write(draft, "secret").unwrap();
    }
    let up = Up::start(dir.path(), &[]);
    assert!(up.token(ARM).is_ok());
    for draft in drafts {
        assert!(!draft.exists(), "{}", draft.display());
    }
}

#[test]
fn a_lost_operator_s_file_is_told_of_and_new_credentials_replace_the_old() {
    let dir = tempfile::tempdir().unwrap();
    let up = Up::start(dir.path(), &[]);
    assert!(!up.log().contains("--reset-operator"));
    let tenant = up.info["tenantId"].clone();
    let secret_file = up.info["operator"]["secretFile"].as_str().unwrap().to_owned();
    let old = fs::read_to_string(&secret_file).unwrap();
    assert!(up.stop().success());
    fs::remove_file(&secret_file).unwrap();
    let up = Up::start(dir.path(), &[]);
    let told = |text: &str| text.contains("operator/secret is not there") && text.contains("--reset-operator");
    eventually(SOON, "it is told", || told(&up.log()));
    assert!(!Path::new(&secret_file).exists(), "it is not made anew unasked");
    let info = run(bonafide(dir.path(), "info"));
    assert!(info.status.success() && told(&String::from_utf8(info.stderr).unwrap()));
    assert!(up.stop().success());
    let up = Up::start(dir.path(), &["--reset-operator"]);
    assert_eq!(up.info["tenantId"], tenant);
    assert!(!told(&up.log()), "{}", up.log());
    let is_told = |up: &Up| up.log().contains("new secret and certificate") && up.log().contains("up to an hour");
    eventually(SOON, "what was done and what still counts is told", || is_told(&up));
    up.operator_token();
    fs::write(&secret_file, old).unwrap();
    let form = sign_in(&up, &format!("resource={ARM}"));
    let refused = up.https("POST", &format!("/{}/oauth2/token", tenant.as_str().unwrap()), &FORM, &form);
    assert_eq!(refused.status, 401, "the old secret: {}", refused.body);
}

#[test]
fn damage_inside_the_database_names_the_file_and_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    assert!(Up::start(dir.path(), &[]).stop().success());
    let database = dir.path().join("data/store/store.db");
    let mut bytes = fs::read(&database).unwrap();
    // The parts that are looked at before the store opens stay whole; the rows that the view loads do not.
    for page in bytes.chunks_mut(4096).skip(2).filter(|page| page.windows(9).any(|text| text == b"principal")) {
        page[..64].fill(0xA5);
    }
    fs::write(&database, bytes).unwrap();
    let line = refused(up_command(dir.path(), &[]));
    assert!(line.contains("store.db") && line.contains("restore a backup"), "{line}");
}

#[test]
fn a_damaged_state_of_the_agent_names_the_file_and_without_it_the_agent_joins_anew() {
    let dir = tempfile::tempdir().unwrap();
    assert!(Up::start(dir.path(), &[]).stop().success());
    let state = dir.path().join("data/agent/state.json");
    fs::write(&state, "garbage").unwrap();
    let line = refused(up_command(dir.path(), &[]));
    assert!(line.contains("agent/state.json") && line.contains("delete it"), "{line}");
    fs::remove_file(&state).unwrap();
    let up = Up::start(dir.path(), &[]);
    assert!(up.token(ARM).is_ok());
    assert!(up.stop().success());
    // The same advice works for a lost key, too.
    fs::remove_file(dir.path().join("data/agent/key")).unwrap();
    let line = refused(up_command(dir.path(), &[]));
    assert!(line.contains("agent/key is missing") && line.contains("delete agent/state.json"), "{line}");
    fs::remove_file(&state).unwrap();
    let up = Up::start(dir.path(), &[]);
    assert!(up.token(ARM).is_ok());
    let mut garbled = bonafide(dir.path(), "info");
    fs::write(dir.path().join("data/info.json"), "garbage").unwrap();
    garbled.arg("--json");
    let line = refused(garbled);
    assert!(line.contains("info.json") && line.contains("bonafide up"), "{line}");
}

#[test]
fn a_second_up_with_the_same_ports_hears_of_the_directory() {
    let dir = tempfile::tempdir().unwrap();
    let up = Up::start(dir.path(), &[]);
    let address = up.origin().replace("https://localhost", "127.0.0.1");
    let line = refused(up_command(dir.path(), &["--listen", &address]));
    assert!(line.contains("in use by another process"), "{line}");
}

#[test]
fn a_proxy_that_is_no_address_is_refused_with_one_that_is() {
    let dir = tempfile::tempdir().unwrap();
    for wrong in ["localhost", "10.0.0.0/8"] {
        let output = run(up_command(dir.path(), &["--trusted-proxy", wrong]));
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains("give the proxy's IP address"), "{said}");
    }
}

#[test]
fn an_address_that_cannot_be_certified_is_refused_with_one_that_can() {
    let dir = tempfile::tempdir().unwrap();
    let line = refused(up_command(dir.path(), &["--listen", "192.0.2.2:0"]));
    assert!(line.contains("--listen 192.0.2.2:0") && line.contains("127.0.0.1"), "{line}");
    assert!(!dir.path().join("data").exists(), "nothing was made");
    let mut help = Command::new(env!("CARGO_BIN_EXE_bonafide"));
    help.args(["up", "--help"]);
    let help = String::from_utf8(run(help).stdout).unwrap();
    assert!(help.contains("loopback") && help.contains("issuer"), "{help}");
}

#[test]
fn every_loopback_address_is_served_under_its_own_name() {
    let dir = tempfile::tempdir().unwrap();
    let up = Up::start(dir.path(), &["--listen", "127.0.0.2:0"]);
    assert!(up.origin().starts_with("https://127.0.0.2:"), "{}", up.origin());
    let token = up.operator_token();
    assert_eq!(up.manage(&token, "GET", &up.demo(), "2024-11-01", "").status, 200);
    assert!(claims(&token)["iss"].as_str().unwrap().starts_with(&up.origin()));
}

#[test]
fn tn_10_listening_for_other_machines_is_an_explicit_choice_and_told() {
    let dir = tempfile::tempdir().unwrap();
    let up = Up::start(dir.path(), &["--listen", "0.0.0.0:0", "--hosts-listen", "0.0.0.0:0"]);
    assert!(up.origin().starts_with("https://localhost:"));
    up.operator_token();
    for option in ["--listen 0.0.0.0:0 opens", "--hosts-listen 0.0.0.0:0 opens"] {
        eventually(SOON, option, || up.log().contains(option));
    }
    assert!(up.stop().success());
    assert!(!Up::start(dir.path(), &[]).log().contains("opens"));
}

#[test]
fn an_option_for_the_demo_workload_is_refused_where_there_is_none() {
    let dir = tempfile::tempdir().unwrap();
    for option in [&["--link-local"][..], &["--imds-port", "0"]] {
        let line = refused(up_command(dir.path(), &[&["--empty"][..], option].concat()));
        assert!(line.contains(option[0]) && line.contains("demo"), "{line}");
    }
    // The refusal made no installation without a workload.
    let up = Up::start(dir.path(), &[]);
    let operator = up.operator_token();
    let id = up.demo();
    assert_eq!(up.manage(&operator, "DELETE", &id, "2024-11-01", "").status, 200);
    eventually(SOON, "the machine is gone", || up.manage(&operator, "GET", &id, "2024-11-01", "").status == 404);
    assert!(up.stop().success());
    let line = refused(up_command(dir.path(), &["--imds-port", "0"]));
    assert!(line.contains("--imds-port") && line.contains("demo"), "{line}");
}

#[test]
fn tokens_can_be_asked_for_a_registered_resource_from_then_on() {
    let dir = tempfile::tempdir().unwrap();
    for wrong in ["orders", "https://vault.azure.net", "api://a b", "api://"] {
        let line = refused(up_command(dir.path(), &["--resource", wrong]));
        assert!(line.contains(&format!("--resource {wrong}: ")) && line.contains("api://orders"), "{line}");
    }
    let up = Up::start(dir.path(), &["--resource", "api://orders", "--resource", "https://orders.example"]);
    let check = |up: &Up| {
        for resource in ["api://orders", "https://orders.example"] {
            assert_eq!(claims(&up.token(resource).unwrap())["aud"], resource);
            for (path, asked) in [
                ("oauth2/token", format!("resource={resource}")),
                ("oauth2/v2.0/token", format!("scope={resource}/.default")),
            ] {
                let path = format!("/{}/{path}", up.info["tenantId"].as_str().unwrap());
                let answer = up.https("POST", &path, &FORM, &sign_in(up, &asked));
                assert_eq!(answer.status, 200, "{}", answer.body);
                assert_eq!(claims(answer.json()["access_token"].as_str().unwrap())["aud"], resource);
            }
        }
        assert!(up.token("api://others").is_err());
    };
    check(&up);
    eventually(SOON, "it is told", || up.log().contains("tokens can be asked for api://orders\n"));
    assert!(up.stop().success());
    let up = Up::start(dir.path(), &["--resource", "api://orders"]);
    check(&up);
    assert!(!up.log().contains("tokens can be asked for"), "it was there already");
    assert!(up.stop().success());
    check(&Up::start(dir.path(), &[]));
}

const FORM: [(&str, &str); 1] = [("Content-Type", "application/x-www-form-urlencoded")];

/// The operator's form with its secret; `asked` is what for.
fn sign_in(up: &Up, asked: &str) -> String {
    let client = up.info["operator"]["clientId"].as_str().unwrap();
    let secret = fs::read_to_string(up.info["operator"]["secretFile"].as_str().unwrap()).unwrap();
    format!("grant_type=client_credentials&client_id={client}&client_secret={secret}&{asked}")
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for file in fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
}
