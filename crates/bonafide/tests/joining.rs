//! Control plane and host on two machines: `serve` in one network namespace, `host join` and `host run` in another.

#![allow(clippy::unwrap_used, reason = "a test may insist")]
#![allow(clippy::disallowed_methods, reason = "whole processes: they have a clock and an environment")]

mod support;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use support::clock::Clock;
use support::namespace::Namespace;
use support::{PATIENCE, Up, eventually, run};

const CONTROL: &str = "192.0.2.1";
const MANAGEMENT: &str = "https://management.azure.com/";
const VAULT: &str = "https://vault.azure.net";

/// Two machines with a wire between them, and a folder for each.
struct Machines {
    control: Namespace,
    host: Namespace,
    dir: tempfile::TempDir,
    clock: Clock,
}

impl Machines {
    fn create(name: &str) -> Option<Self> {
        let (control, host) = (Namespace::create(&format!("{name}-c"))?, Namespace::create(&format!("{name}-h"))?);
        control.ip(&["link", "add", "c0", "type", "veth", "peer", "name", "h0", "netns", &host.0]);
        for (namespace, device, address) in [(&control, "c0", "192.0.2.1/24"), (&host, "h0", "192.0.2.2/24")] {
            namespace.ip(&["address", "add", address, "dev", device]);
            namespace.ip(&["link", "set", device, "up"]);
        }
        let dir = tempfile::tempdir().unwrap();
        let text = format!(
            "data-dir = \"control\"\nlisten = \"0.0.0.0:8443\"\nhosts-listen = \"0.0.0.0:8444\"\n\
             public-names = [\"{CONTROL}\"]\n"
        );
        std::fs::write(dir.path().join("serve.toml"), text).unwrap();
        let clock = Clock::ahead(dir.path(), 0);
        Some(Self { control, host, clock, dir })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn serve(&self) -> Up {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bonafide"));
        command.args(["serve", "--json", "--config"]).arg(self.path("serve.toml"));
        Up::run(self.clock.on(self.control.command(command)), self.dir.path())
    }

    /// A command of the binary on one of the two machines.
    fn bonafide(&self, on: &Namespace, data: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bonafide"));
        command.args(arguments).arg("--data-dir").arg(self.path(data));
        let mut command = self.clock.on(on.command(command));
        command.stdin(Stdio::null());
        command
    }

    fn operate(&self, arguments: &[&str]) -> String {
        done(run(self.bonafide(&self.control, "control", arguments)))
    }

    fn join(&self, arguments: &[&str]) -> Output {
        let join = ["host", "join", "--url", "https://192.0.2.1:8444"];
        run(self.bonafide(&self.host, "host", &[&join[..], arguments].concat()))
    }

    fn token(&self) -> Value {
        serde_json::from_str(&self.operate(&["host", "token", "create", "--host", "edge", "--json"])).unwrap()
    }

    /// Joins with a token of its own.
    fn join_anew(&self) -> String {
        let token = self.token();
        let arguments = ["--ca-sha256", text(&token["caSha256"]), "--token", text(&token["token"])];
        done(self.join(&arguments)).trim().to_owned()
    }

    fn start_agent(&self) -> Agent {
        let mut command = self.bonafide(&self.host, "host", &["host", "run"]);
        let log = std::fs::File::create(self.path("agent.log")).unwrap();
        let agent = Agent { child: command.stderr(log).spawn().unwrap(), log: self.path("agent.log") };
        eventually(PATIENCE, "the agent runs", || agent.log().contains("the agent runs"));
        agent
    }

    /// A token of a workload's, as its programs get it.
    fn workload_token(&self, resource: &str) -> Output {
        run(self.bonafide(&self.host, "host", &["token", "--workload", "vm", "--resource", resource]))
    }

    /// A request to the resource manager, made beside it.
    fn manage(&self, up: &Up, method: &str, path: &str, body: &Value) {
        let (tenant, client) = (text(&up.info["tenantId"]), text(&up.info["operator"]["clientId"]));
        let secret = std::fs::read_to_string(text(&up.info["operator"]["secretFile"])).unwrap();
        let ca = text(&up.info["caFile"]);
        let script = "set -eu
            T=$(curl -sS --fail-with-body --cacert $1 -d grant_type=client_credentials -d client_id=$3 \
                --data-urlencode client_secret=$4 --data-urlencode resource=https://management.azure.com/ \
                https://192.0.2.1:8443/$2/oauth2/token | python3 -c 'import json,sys; print(json.load(sys.stdin)[\"access_token\"])')
            curl -sS --fail-with-body --cacert $1 -X $5 -H \"Authorization: Bearer $T\" -H 'Content-Type: application/json' \
                -d \"$7\" https://192.0.2.1:8443$6";
        let mut shell = Command::new("bash");
        shell.args(["-c", script, "sh", ca, tenant, client, secret.trim(), method, path, &body.to_string()]);
        done(run(self.control.command(shell)));
    }

    /// A machine with an identity, in a group: its ARM id.
    fn make_workload(&self, up: &Up) -> String {
        let group = format!("/subscriptions/{}/resourceGroups/rg", text(&up.info["subscriptionId"]));
        let location = json!({ "location": "westeurope" });
        self.manage(up, "PUT", &format!("{group}?api-version=2021-04-01"), &location);
        let id = format!("{group}/providers/Microsoft.Compute/virtualMachines/vm");
        let machine = json!({ "location": "westeurope", "identity": { "type": "SystemAssigned" }, "properties": {} });
        self.manage(up, "PUT", &format!("{id}?api-version=2024-11-01"), &machine);
        id
    }
}

/// A running agent, which is told to stop when dropped.
struct Agent {
    child: Child,
    log: PathBuf,
}

impl Agent {
    fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    fn stop(mut self) {
        self.signal(Signal::TERM);
        assert!(self.child.wait().unwrap().success(), "{}", self.log());
    }

    fn signal(&self, signal: Signal) {
        let _ = kill_process(Pid::from_child(&self.child), signal);
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.signal(Signal::TERM);
            let _ = self.child.wait();
        }
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn done(output: Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}{printed}");
    printed
}

fn refusal(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    said
}

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
    assert!(said.contains("this machine is no host yet"), "{said}");
    machines.operate(&["host", "token", "create", "--host", "edge", "--resource-group", "rg"]);
    let host = machines.join_anew();
    let agent = machines.start_agent();
    let said = refusal(&machines.workload_token(MANAGEMENT));
    assert!(said.contains("host place --workload ID --host NAME"), "{said}");
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
    machines.operate(&["host", "token", "create", "--host", "edge", "--resource-group", "rg"]);
    let token = machines.token();
    private(&machines.path("token"), text(&token["token"]));
    let file = machines.path("token");
    let file = ["--token-file", file.to_str().unwrap()];
    let join = |arguments: &[&str]| machines.join(&[arguments, &file[..]].concat());
    // A server that cannot show the authority is told nothing: the token is still good afterwards.
    let other = "ab".repeat(32);
    let said = refusal(&join(&["--ca-sha256", &other]));
    assert!(said.contains("has not the SHA-256 that was given"), "{said}");
    assert!(refusal(&join(&[])).contains("invalid peer certificate: UnknownIssuer"));
    let foreign = rcgen::generate_simple_self_signed(vec!["x".to_owned()]).unwrap();
    std::fs::write(machines.path("foreign.pem"), foreign.cert.pem()).unwrap();
    let said = refusal(&join(&["--ca", machines.path("foreign.pem").to_str().unwrap()]));
    assert!(said.contains("invalid peer certificate"), "{said}");
    let ca = text(&up.info["caFile"]).to_owned();
    assert!(!machines.path("host/agent/state.json").exists());
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
