//! Rules of bindings: by the kernel's word for the caller, over a change of the file, a mistake in it, and a restart (MD-11).

#![allow(clippy::unwrap_used, reason = "a test may insist")]
#![allow(clippy::disallowed_methods, reason = "whole processes: they have a clock and an environment")]

mod support;

use rustix::process::Signal;
use serde_json::{Value, json};
use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use support::attached::{attached, bindings, not_done};
use support::machines::{Machines, refusal};
use support::ruled::{ControlGroup, tokens_for};
use support::{
    Answer, PATIENCE, Up, as_other_user, eventually, free_port, http, is_root, metadata_request, run, skip,
    token_target,
};

const ARM: &str = "https://management.azure.com/";
const VERSIONS: &str = "/metadata/versions";

struct Socket {
    path: PathBuf,
    rules: PathBuf,
    dir: PathBuf,
}

impl Socket {
    fn of(dir: &Path) -> Self {
        Self { path: dir.join("metadata.sock"), rules: dir.join("rules.json"), dir: dir.to_owned() }
    }

    /// Attaches it, anew if it is, with this text as the file of rules.
    fn attach(&self, rules: &str) -> Value {
        std::fs::write(&self.rules, rules).unwrap();
        let (path, rules) = (self.path.display().to_string(), self.rules.display().to_string());
        attached(&self.dir, "demo", &["--unix", &path, "--rules", &rules])
    }

    /// The refusal of the same.
    fn refuse(&self, rules: &str) -> String {
        std::fs::write(&self.rules, rules).unwrap();
        let (path, rules) = (self.path.display().to_string(), self.rules.display().to_string());
        not_done(&self.dir, &["attach", "--workload", "demo", "--unix", &path, "--rules", &rules])
    }

    fn ask(&self, target: &str) -> Answer {
        let mut stream = UnixStream::connect(&self.path).unwrap();
        stream.write_all(metadata_request("localhost", target).as_bytes()).unwrap();
        Answer::read(&mut stream)
    }

    /// The statuses of a token and of the versions.
    fn statuses(&self) -> (u16, u16) {
        (self.ask(&token_target(ARM)).status, self.ask(VERSIONS).status)
    }
}

#[test]
fn md_11_rules_are_followed_from_the_next_request_on_and_the_last_good_ones_over_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let up = Up::start(dir.path(), &[]);
    let socket = Socket::of(dir.path());
    let me = json!({ "name": "it", "uid": rustix::process::geteuid().as_raw() });
    let enforced = tokens_for("enforce", &me);
    // A mistake attaches nothing.
    let line = socket.refuse("{\n  \"mode\": \"enforce\",\n  \"rolls\": []\n}");
    assert!(line.contains("rules.json is not followed: line 3: unknown field `rolls`"), "{line}");
    assert!(bindings(dir.path()).is_empty() && !socket.path.exists());
    let first = socket.attach(&enforced.to_string());
    assert_eq!(socket.statuses(), (200, 403), "{}", up.log());
    let refused = socket.ask(VERSIONS);
    assert_eq!(refused.json()["error"], "access_denied");
    eventually(PATIENCE, "the log says it", || up.log().contains(r#""event":"accessDenied""#));

    // A mistake changes nothing, nor does an attachment that names no file.
    let twice = enforced.to_string().replacen('{', r#"{"mode":"disabled","#, 1);
    let line = socket.refuse(&twice);
    assert!(line.contains("line 1: duplicate field `mode`") && line.ends_with("nothing was changed"), "{line}");
    let again = &bindings(dir.path())[0];
    assert_eq!((&again["id"], &again["rules"]), (&first["id"], &json!("enforce")));
    attached(dir.path(), "demo", &["--unix", &socket.path.display().to_string()]);
    assert_eq!(socket.statuses(), (200, 403));

    // Others are allowed now; the file itself is not needed at a start.
    socket.attach(&tokens_for("enforce", &json!({ "name": "it", "uid": 54_321 })).to_string());
    assert_eq!(socket.statuses(), (403, 403));
    std::fs::remove_file(&socket.rules).unwrap();
    up.stop();
    let up = Up::start(dir.path(), &[]);
    assert_eq!(socket.statuses(), (403, 403));

    let audited = tokens_for("audit", &json!({ "name": "it", "cgroup": "/there-is-none" }));
    socket.attach(&audited.to_string());
    assert_eq!(socket.statuses(), (200, 200));
    eventually(PATIENCE, "the log says it", || up.log().contains(r#""event":"accessWouldBeDenied""#));
    socket.attach(r#"{"mode":"disabled"}"#);
    assert_eq!(socket.statuses(), (200, 200));
}

#[test]
fn md_11_a_port_knows_its_callers_and_without_good_rules_it_is_not_attached() {
    if !is_root() {
        return skip("being another user needs root");
    }
    let dir = tempfile::tempdir().unwrap();
    let up = Up::start(dir.path(), &[]);
    let rules = dir.path().join("rules.json");
    let named = rules.display().to_string();
    let attach = |port: u16| {
        let number = port.to_string();
        attached(dir.path(), "demo", &["--port", &number, "--dialect", "imds", "--any-user", "--rules", &named])
    };
    let at = |port: u16| SocketAddr::from(([127, 0, 0, 1], port));
    let status = |port: u16| http(at(port), &metadata_request(at(port), &token_target(ARM))).status;
    let (port, other) = (free_port(), free_port());
    std::fs::write(&rules, tokens_for("enforce", &json!({ "name": "it", "uid": 0 })).to_string()).unwrap();
    attach(port);
    assert_eq!(status(port), 200, "{}", up.log());
    let answer = as_other_user(at(port), &token_target(ARM));
    assert!(answer.contains("access_denied") && !answer.contains("access_token"), "{answer}");

    std::fs::write(&rules, "{}").unwrap();
    let number = other.to_string();
    let line = not_done(dir.path(), &["attach", "--workload", "demo", "--port", &number, "--rules", &named]);
    assert!(line.contains("rules.json is not followed: line 1: missing field `mode`"), "{line}");
    assert_eq!(bindings(dir.path()).len(), 1);
    std::fs::write(&rules, tokens_for("enforce", &json!({ "name": "it", "anyone": true })).to_string()).unwrap();
    attach(other);
    assert_eq!(status(other), 200);
    assert!(bindings(dir.path()).iter().all(|binding| binding["note"].is_null()));
}

#[test]
fn md_11_callers_are_known_by_their_control_group_at_a_socket_and_at_a_port() {
    let Some(group) = is_root().then(ControlGroup::new).flatten() else {
        return skip("making a control group of version 2 needs root, and a hierarchy");
    };
    let dir = tempfile::tempdir().unwrap();
    let up = Up::start(dir.path(), &[]);
    let socket = Socket::of(dir.path());
    let text = tokens_for("enforce", &json!({ "name": "it", "uid": 0, "cgroup": group.name })).to_string();
    socket.attach(&text);
    let port = free_port();
    let (number, rules) = (port.to_string(), socket.rules.display().to_string());
    attached(dir.path(), "demo", &["--port", &number, "--dialect", "imds", "--rules", &rules]);
    let at_socket = format!("http://localhost{}", token_target(ARM));
    let at_port = format!("http://127.0.0.1:{port}{}", token_target(ARM));
    let path = socket.path.display().to_string();
    assert_eq!(group.asks(&["--unix-socket", &path, &at_socket]), "200", "{}", up.log());
    assert_eq!(group.asks(&[&at_port]), "200", "{}", up.log());
    // This process is in another one.
    assert_eq!(socket.statuses(), (403, 403));
    let here = SocketAddr::from(([127, 0, 0, 1], port));
    assert_eq!(http(here, &metadata_request(here, &token_target(ARM))).status, 403);
    let name = group.name.clone();
    drop(group);
    // Another group of the name is meant by it from now on: a name is what the operator wrote.
    let again = ControlGroup::named(&name).unwrap();
    assert_eq!(again.asks(&["--unix-socket", &path, &at_socket]), "200");
}

#[test]
fn md_11_a_file_of_bindings_names_rules_which_are_read_at_the_start_and_when_it_is_read_again() {
    let Some(machines) = Machines::create("rules") else { return };
    let up = machines.serve();
    let workload = machines.make_workload(&up);
    machines.operate(&["host", "token", "create", "--host", "edge", "--resource-group", "rg"]);
    machines.join_anew();
    machines.operate(&["host", "place", "--workload", &workload, "--host", "edge"]);
    let socket = Socket::of(machines.path("").as_path());
    let bindings = |rules: &str| {
        let text = format!("[[binding]]\nworkload = \"{workload}\"\nunix = \"{}\"\n{rules}", socket.path.display());
        std::fs::write(machines.path("bindings.toml"), text).unwrap();
    };
    std::fs::write(machines.path("host.toml"), "bindings = \"bindings.toml\"\n").unwrap();
    let config = machines.path("host.toml").display().to_string();
    let start = || machines.start(machines.bonafide(&machines.host, "host", &["host", "run", "--config", &config]));
    let ruled = format!("rules = \"{}\"\n", socket.rules.display());
    let write = |text: &Value| std::fs::write(&socket.rules, text.to_string()).unwrap();

    // The first version is none: a check says so, and a start serves the place, where nothing is allowed.
    bindings(&ruled);
    let check = || run(machines.bonafide(&machines.host, "host", &["host", "run", "--config", &config, "--check"]));
    let said = refusal(&check());
    assert!(said.contains("bindings.toml: binding 1: ") && said.contains("rules.json"), "{said}");
    let agent = start();
    eventually(PATIENCE, "it is attached and allows nothing", || {
        socket.path.exists() && socket.statuses() == (403, 403)
    });
    let becomes = |statuses: (u16, u16)| {
        agent.signal(Signal::HUP);
        eventually(PATIENCE, "the file is followed", || socket.statuses() == statuses);
    };
    write(&tokens_for("enforce", &json!({ "name": "it", "uid": rustix::process::geteuid().as_raw() })));
    becomes((200, 403));
    assert!(check().status.success());
    eventually(PATIENCE, "the log says it", || agent.log().contains(r#""event":"bindingRulesNotTaken""#));
    // A mistake, and then no file at all, change nothing.
    write(&json!({ "mode": "disabled", "rules": [] }));
    agent.signal(Signal::HUP);
    eventually(PATIENCE, "it is said", || agent.log().contains("unknown field"));
    assert_eq!(socket.statuses(), (200, 403));
    std::fs::remove_file(&socket.rules).unwrap();
    agent.stop();
    let agent = start();
    eventually(PATIENCE, "it serves", || socket.statuses() == (200, 403));
    // The file of bindings says all that there is.
    bindings("");
    agent.signal(Signal::HUP);
    eventually(PATIENCE, "there are no rules", || socket.statuses() == (200, 200));
    agent.stop();
    up.stop();
}
