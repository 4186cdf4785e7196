//! Control plane and host on two machines: `serve` in one network namespace, `host join` and `host run` in another.

#![allow(clippy::unwrap_used, reason = "a test may insist")]
#![allow(clippy::disallowed_methods, reason = "whole processes: they have a clock and an environment")]

mod support;

use std::path::Path;
use support::machines::{Machines, done, refusal, text};
use support::{PATIENCE, eventually, run};

const MANAGEMENT: &str = "https://management.azure.com/";
const VAULT: &str = "https://vault.azure.net";

fn private(path: &Path, content: &str) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::write(path, content).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

#[test]
fn id_12_a_host_joins_from_another_machine_and_gets_tokens_of_what_is_placed_on_it() {
    let Some(machines) = Machines::create("join") else { return };
    let up = machines.serve();
    let workload = machines.make_workload(&up);
    // Nothing runs before it has joined.
    let said = refusal(&run(machines.bonafide(&machines.host, "host", &["host", "run"])));
    assert!(said.contains("this machine is no host yet by what is in"), "{said}");
    assert!(!machines.path("host").exists(), "nothing is left of it");
    machines.operate(&["host", "token", "create", "--host", "edge", "--resource-group", "rg"]);
    let host = machines.join_anew();
    let agent = machines.start_agent();
    let said = refusal(&machines.workload_token(MANAGEMENT));
    assert!(said.contains("host place --workload ID --host NAME"), "{said}");
    let place = |workload: &str| ["host", "place", "--workload", workload, "--host", "edge"].map(str::to_owned);
    let by_name = |workload: &str| {
        let line = place(workload);
        run(machines.bonafide(&machines.control, "control", &line.iter().map(String::as_str).collect::<Vec<_>>()))
    };
    let said = refusal(&by_name("nope"));
    assert!(said.contains("there is no workload 'nope'"), "{said}");
    assert!(done(by_name("VM")).contains(&workload), "{workload}");
    machines.operate(&["host", "place", "--workload", &workload, "--host", "edge"]);
    eventually(PATIENCE, "the workload has a token", || machines.workload_token(MANAGEMENT).status.success());
    let listed = done(run(machines.bonafide(&machines.host, "host", &["host", "list"])));
    assert!(listed.contains(&host), "{listed}");
    let listed = machines.operate(&["host", "list"]);
    assert!(listed.contains(&format!("edge  {host}  enabled")), "{listed}");
    // One agent at a time, and nobody joins beside it.
    let said = refusal(&run(machines.bonafide(&machines.host, "host", &["host", "run"])));
    assert!(said.contains("runs already"), "{said}");
    // The control plane goes: what is cached is served, also by a new process; it comes back, and all goes on.
    up.stop();
    done(machines.workload_token(MANAGEMENT));
    agent.stop();
    let agent = machines.start_agent();
    eventually(PATIENCE, "the cached token is there", || machines.workload_token(MANAGEMENT).status.success());
    assert!(!machines.workload_token(VAULT).status.success());
    let up = machines.serve();
    eventually(PATIENCE, "new tokens again", || machines.workload_token(VAULT).status.success());
    machines.operate(&["host", "displace", "--workload", &workload, "--host", "edge"]);
    eventually(PATIENCE, "it is gone", || !machines.workload_token(MANAGEMENT).status.success());
    agent.stop();
    up.stop();
}

#[test]
fn id_13_a_token_joins_once_and_in_time_and_only_to_the_control_plane_that_is_meant() {
    let Some(machines) = Machines::create("token") else { return };
    let up = machines.serve();
    machines.make_workload(&up);
    let listed = run(machines.bonafide(&machines.control, "control", &["host", "list"]));
    assert!(listed.status.success() && listed.stdout.is_empty(), "{listed:?}");
    assert!(String::from_utf8_lossy(&listed.stderr).contains("there is no host"), "{listed:?}");
    machines.operate(&["host", "token", "create", "--host", "edge", "--resource-group", "rg"]);
    let token = machines.token();
    private(&machines.path("token"), text(&token["token"]));
    let file = machines.path("token");
    let file = ["--token-file", file.to_str().unwrap()];
    let join = |arguments: &[&str]| machines.join(&[arguments, &file[..]].concat());
    // A server that cannot show the authority is told nothing: the token is still good afterwards.
    let other = "ab".repeat(32);
    let said = refusal(&join(&["--ca-sha256", &other]));
    assert!(said.contains(": its authority has not the SHA-256 that was given"), "{said}");
    assert!(!said.contains("unexpected error"), "{said}");
    let said = refusal(&join(&[]));
    assert!(said.contains("invalid peer certificate: UnknownIssuer") && said.contains("--ca-sha256"), "{said}");
    let foreign = rcgen::generate_simple_self_signed(vec!["x".to_owned()]).unwrap();
    std::fs::write(machines.path("foreign.pem"), foreign.cert.pem()).unwrap();
    let said = refusal(&join(&["--ca", machines.path("foreign.pem").to_str().unwrap()]));
    assert!(said.contains("invalid peer certificate"), "{said}");
    let ca = text(&up.info["caFile"]).to_owned();
    assert!(!machines.path("host").exists(), "nothing is left of a machine that did not join");
    let said = machines.join(&["--ca", &ca]);
    assert_eq!(said.status.code(), Some(2));
    let said = String::from_utf8_lossy(&said.stderr).into_owned();
    assert!(said.contains("--token <TOKEN>") && said.contains("--token-file <FILE>"), "{said}");
    let host = done(join(&["--ca", &ca]));
    let said = refusal(&join(&["--ca", &ca]));
    assert!(said.contains("the control plane refused this host"), "{said}");
    // Its certificate is as it was.
    assert!(machines.path("host/agent/state.json").exists());
    let late = machines.token();
    machines.clock.set(11 * 60);
    let said = refusal(&machines.join(&["--ca", &ca, "--token", text(&late["token"])]));
    assert!(said.contains("the control plane refused this host"), "{said}");
    // Joining anew ends the certificate of before, and the host is the same.
    assert_eq!(machines.join_anew(), host.trim());
    assert!(
        !machines
            .path("host")
            .read_dir()
            .unwrap()
            .flatten()
            .any(|entry| { entry.file_name().to_string_lossy().starts_with("agent.before") })
    );
    let started = machines.start_agent();
    started.stop();
    up.stop();
}

#[test]
fn av_08_a_host_whose_certificate_ended_while_its_control_plane_was_away_comes_back() {
    let Some(machines) = Machines::create("away") else { return };
    let up = machines.serve();
    let workload = machines.make_workload(&up);
    machines.operate(&["host", "token", "create", "--host", "edge", "--resource-group", "rg"]);
    machines.join_anew();
    machines.operate(&["host", "place", "--workload", &workload, "--host", "edge"]);
    up.stop();
    machines.clock.set(3 * 86_400);
    let agent = machines.start_agent();
    assert!(!machines.workload_token(MANAGEMENT).status.success());
    let _up = machines.serve();
    eventually(PATIENCE, "it has joined anew", || machines.workload_token(MANAGEMENT).status.success());
    agent.stop();
}
