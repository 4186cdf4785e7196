//! A machine whose control plane is elsewhere, as its operator finds it: what it is told, what it reads again, and what
//! becomes of it when it was disabled.

#![allow(clippy::unwrap_used, reason = "a test may insist")]
#![allow(clippy::disallowed_methods, reason = "whole processes: they have a clock and an environment")]

mod support;

use rustix::process::Signal;
use serde_json::Value;
use std::path::Path;
use std::process::Output;
use support::machines::{Agent, Machines, done, refusal};
use support::{PATIENCE, Up, eventually, run};

const ARM: &str = "https://management.azure.com/";

/// A control plane, and a host that has joined and runs machine `vm`: its ARM id.
fn begin(machines: &Machines) -> (Up, String) {
    let up = machines.serve();
    let workload = machines.make_workload(&up);
    machines.operate(&["host", "token", "create", "--host", "edge", "--resource-group", "rg"]);
    machines.join_anew();
    machines.operate(&["host", "place", "--workload", &workload, "--host", "edge"]);
    (up, workload)
}

/// A command on the host.
fn on_host(machines: &Machines, arguments: &[&str]) -> Output {
    run(machines.bonafide(&machines.host, "host", arguments))
}

#[test]
fn ky_10_a_host_elsewhere_that_was_disabled_keeps_its_placements_and_comes_back_with_a_new_token() {
    let Some(machines) = Machines::create("disabled") else { return };
    let (up, workload) = begin(&machines);
    let agent = machines.start_agent();
    let has_token = || machines.workload_token(ARM).status.success();
    eventually(PATIENCE, "a token", has_token);
    machines.operate(&["host", "disable", "edge"]);
    eventually(PATIENCE, "it has forgotten its certificate", || !machines.path("host/agent/state.json").exists());
    assert!(!has_token());
    // It says so for as long as nothing else was decided, and goes on to say what is attached.
    let words = "stop its agent and join with a new token";
    std::thread::sleep(std::time::Duration::from_secs(2));
    for said in [refusal(&machines.workload_token(ARM)), list_of(&machines)["notes"][0].to_string()] {
        assert!(said.contains("this host is disabled") && said.contains(words), "{said}");
    }
    let enabled = run(machines.bonafide(&machines.control, "control", &["host", "enable", "edge"]));
    let said = String::from_utf8(enabled.stderr).unwrap();
    assert!(
        enabled.status.success() && said.contains("any other joins with a new token: `bonafide host token create"),
        "{said}"
    );
    // A copy of its old key is worth nothing: only a token lets it join.
    let token = machines.token();
    let join = ["--ca-sha256", token["caSha256"].as_str().unwrap(), "--token", token["token"].as_str().unwrap()];
    assert!(refusal(&machines.join(&join)).contains("stop that first"));
    agent.stop();
    let said = refusal(&on_host(&machines, &["host", "run"]));
    assert!(said.contains("`bonafide host token create` makes a token"), "{said}");
    done(machines.join(&join));
    let agent = machines.start_agent();
    eventually(PATIENCE, "what was placed on it runs again", has_token);
    assert!(list_of(&machines)["notes"].as_array().unwrap().is_empty());
    machines.operate(&["host", "displace", "--workload", &workload, "--host", "edge"]);
    agent.stop();
    up.stop();
}

fn list_of(machines: &Machines) -> Value {
    serde_json::from_str(&done(on_host(machines, &["host", "list", "--json"]))).unwrap()
}

#[test]
fn commands_on_a_host_without_a_control_plane_work_or_say_where_they_do() {
    let Some(machines) = Machines::create("without") else { return };
    let (up, _) = begin(&machines);
    let said = refusal(&on_host(&machines, &["token", "--resource", ARM]));
    assert!(said.contains("`bonafide host run`, running on this data directory?"), "{said}");
    let agent = machines.start_agent();
    eventually(PATIENCE, "a token", || machines.workload_token(ARM).status.success());
    let said = refusal(&on_host(&machines, &["token", "--resource", ARM]));
    assert!(said.contains("name one with --workload; placed here are: vm"), "{said}");
    // A program finds the endpoint, and nothing of a control plane that is not here.
    let script = "test -z \"${AZURE_AUTHORITY_HOST-}\" && curl -sS --noproxy '*' -H \"X-IDENTITY-HEADER: $IDENTITY_HEADER\" \
                  \"$IDENTITY_ENDPOINT?api-version=2019-08-01&resource=https://management.azure.com/\"";
    let mut exec = machines.bonafide(&machines.host, "host", &["exec", "--workload", "vm"]);
    exec.args(["--", "sh", "-c", script]).env_remove("AZURE_AUTHORITY_HOST");
    let answer: Value = serde_json::from_str(&done(run(exec))).unwrap();
    assert!(answer["access_token"].is_string(), "{answer}");
    let backup = machines.path("backup.db");
    for command in [&["env"][..], &["info"], &["backup", backup.to_str().unwrap()]] {
        let said = refusal(&on_host(&machines, command));
        assert!(said.contains("is of a host, whose control plane is elsewhere"), "{command:?}: {said}");
    }
    agent.stop();
    up.stop();
}

/// Writes the file of bindings, and has it read: until `said` is in the log once more.
fn reload(agent: &Agent, file: &Path, text: &[u8], said: &str) {
    std::fs::write(file, text).unwrap();
    let before = agent.log().matches(said).count();
    agent.signal(Signal::HUP);
    eventually(PATIENCE, said, || agent.log().matches(said).count() > before);
}

#[test]
fn op_06_a_file_of_bindings_is_followed_when_it_changes_and_one_that_cannot_be_changes_nothing_and_is_told_of() {
    let Some(machines) = Machines::create("reload") else { return };
    let (up, _) = begin(&machines);
    let file = machines.path("bindings.toml");
    let socket = |name: &str| machines.path(name).display().to_string();
    let binding = |name: &str| format!("[[binding]]\nworkload = \"vm\"\nunix = \"{}\"\n", socket(name));
    std::fs::write(machines.path("host.toml"), "bindings = \"bindings.toml\"\n").unwrap();
    std::fs::write(&file, binding("a")).unwrap();
    let config = socket("host.toml");
    let agent = machines.start(machines.bonafide(&machines.host, "host", &["host", "run", "--config", &config]));
    let state = || {
        let listed = list_of(&machines);
        let of = |name: &str| listed[name].as_array().unwrap().clone();
        let mut places: Vec<String> = of("bindings")
            .iter()
            .map(|binding| binding["place"].as_str().unwrap().rsplit('/').next().unwrap().to_owned())
            .collect();
        places.sort();
        (places, of("notes").iter().map(|note| note.as_str().unwrap().to_owned()).collect::<Vec<_>>())
    };
    let here = |names: &[&str]| (names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>(), Vec::<String>::new());
    eventually(PATIENCE, "a is attached", || state() == here(&["a"]));
    let again = "the configuration was read again";
    reload(&agent, &file, (binding("a") + &binding("b")).as_bytes(), again);
    assert_eq!(state(), here(&["a", "b"]));
    reload(&agent, &file, binding("b").as_bytes(), again);
    assert_eq!(state(), here(&["b"]));
    assert!(!machines.path("a").exists());
    let kept = "what was in force stays in force";
    let twice = binding("c") + &binding("c");
    for (text, why) in [
        (binding("c").replace("unix", "unyx").into_bytes(), "line 3: unknown field `unyx`"),
        (twice.into_bytes(), "bindings 1 and 2 are for the same place"),
        (b"\xff".to_vec(), "invalid utf-8"),
    ] {
        let done = agent.log().matches(again).count();
        reload(&agent, &file, &text, kept);
        assert_eq!(agent.log().matches(again).count(), done, "one outcome: {}", agent.log());
        let checked = on_host(&machines, &["host", "run", "--config", &config, "--check"]);
        assert!(refusal(&checked).contains(why), "{checked:?}");
        let (places, notes) = state();
        assert_eq!((places, notes.len()), (vec!["b".to_owned()], 1));
        assert!(notes[0].contains("bindings.toml: ") && notes[0].contains(why) && notes[0].contains(kept), "{notes:?}");
        eventually(PATIENCE, "the log has it", || {
            agent.log().contains("\"event\":\"configurationNotReloaded\"") && agent.log().contains(why)
        });
        let listed = on_host(&machines, &["host", "list"]);
        assert!(String::from_utf8_lossy(&listed.stderr).contains(why), "{listed:?}");
    }
    // The configuration itself.
    std::fs::write(machines.path("host.toml"), "bindngs = \"bindings.toml\"\n").unwrap();
    reload(&agent, &file, binding("c").as_bytes(), "what was in force stays in force");
    let (places, notes) = state();
    assert!(places == ["b"] && notes[0].contains("host.toml, line 1, bindngs: unknown field"), "{notes:?}");
    // One binding of several that is not possible, and then is.
    std::fs::write(machines.path("host.toml"), "bindings = \"bindings.toml\"\n").unwrap();
    let missing = binding("c") + &binding("d").replace("\"vm\"", "\"absent\"");
    reload(&agent, &file, missing.as_bytes(), again);
    let (places, notes) = state();
    assert!(places == ["c"] && notes.len() == 1 && notes[0].starts_with("binding 2 (--unix "), "{notes:?}");
    reload(&agent, &file, (binding("c") + &binding("d")).as_bytes(), again);
    assert_eq!(state(), here(&["c", "d"]));
    assert!(on_host(&machines, &["host", "run", "--config", &config, "--check"]).status.success());
    // The file owns what it attached, and what a command attached is none of its business.
    let by_hand = socket("e");
    done(on_host(&machines, &["host", "attach", "--workload", "vm", "--unix", &by_hand]));
    std::fs::write(machines.path("host.toml"), "log = \"requests\"\n").unwrap();
    reload(&agent, &file, b"", "names no file of bindings any more: what that had attached is detached (2)");
    eventually(PATIENCE, "it was read", || state() == here(&["e"]));
    assert!(!machines.path("c").exists());
    agent.stop();
    up.stop();
}
