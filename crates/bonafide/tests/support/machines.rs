//! Two machines: `serve` in one network namespace, a host in another.

use super::clock::Clock;
use super::namespace::Namespace;
use super::{PATIENCE, Up, eventually, run};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

const CONTROL: &str = "192.0.2.1";
/// Another name of the control plane, which only a file of hosts resolves.
pub(crate) const NAME: &str = "control.test";

/// Two machines with a wire between them, and a folder for each.
pub(crate) struct Machines {
    pub(crate) control: Namespace,
    pub(crate) host: Namespace,
    dir: tempfile::TempDir,
    pub(crate) clock: Clock,
}

impl Machines {
    pub(crate) fn create(name: &str) -> Option<Self> {
        let (control, host) = (Namespace::create(&format!("{name}-c"))?, Namespace::create(&format!("{name}-h"))?);
        control.ip(&["link", "add", "c0", "type", "veth", "peer", "name", "h0", "netns", &host.0]);
        for (namespace, device, address) in [(&control, "c0", "192.0.2.1/24"), (&host, "h0", "192.0.2.2/24")] {
            namespace.ip(&["address", "add", address, "dev", device]);
            namespace.ip(&["link", "set", device, "up"]);
        }
        let dir = tempfile::tempdir().unwrap();
        let text = format!(
            "data-dir = \"control\"\nlisten = \"0.0.0.0:8443\"\nhosts-listen = \"0.0.0.0:8444\"\n\
             public-names = [\"{CONTROL}\", \"{NAME}\"]\n"
        );
        std::fs::write(dir.path().join("serve.toml"), text).unwrap();
        let clock = Clock::ahead(dir.path(), 0);
        Some(Self { control, host, clock, dir })
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn serve(&self) -> Up {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bonafide"));
        command.args(["serve", "--json", "--config"]).arg(self.path("serve.toml"));
        Up::run(self.clock.on(self.control.command(command)), self.dir.path())
    }

    /// A command of the binary on one of the two machines.
    pub(crate) fn bonafide(&self, on: &Namespace, data: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bonafide"));
        command.args(arguments).arg("--data-dir").arg(self.path(data));
        let mut command = self.clock.on(on.command(command));
        command.stdin(Stdio::null());
        command
    }

    /// The same command, for which `/etc/hosts` is another file.
    pub(crate) fn with_hosts(&self, inner: &Command, hosts: &Path) -> Command {
        self.with_file(inner, hosts, "/etc/hosts")
    }

    /// The same command, which finds this file at that path. Namespaces that are made later are there for it, too.
    pub(crate) fn with_file(&self, inner: &Command, file: &Path, at: &str) -> Command {
        let mut command = Command::new("unshare");
        command.args(["--mount", "--propagation", "slave", "sh", "-c"]);
        command.arg("mount --bind \"$0\" \"$1\" && shift && exec \"$@\"").arg(file).arg(at);
        command.arg(inner.get_program()).args(inner.get_args()).stdin(Stdio::null());
        self.clock.on(command)
    }

    pub(crate) fn operate(&self, arguments: &[&str]) -> String {
        done(run(self.bonafide(&self.control, "control", arguments)))
    }

    pub(crate) fn join(&self, arguments: &[&str]) -> Output {
        let join = ["host", "join", "--url", "https://192.0.2.1:8444"];
        run(self.bonafide(&self.host, "host", &[&join[..], arguments].concat()))
    }

    pub(crate) fn token(&self) -> Value {
        serde_json::from_str(&self.operate(&["host", "token", "create", "--host", "edge", "--json"])).unwrap()
    }

    /// Joins with a token of its own.
    pub(crate) fn join_anew(&self) -> String {
        let token = self.token();
        let arguments = ["--ca-sha256", text(&token["caSha256"]), "--token", text(&token["token"])];
        done(self.join(&arguments)).trim().to_owned()
    }

    pub(crate) fn start_agent(&self) -> Agent {
        self.start(self.bonafide(&self.host, "host", &["host", "run"]))
    }

    /// An agent by a command that may change what it finds.
    pub(crate) fn start(&self, mut command: Command) -> Agent {
        let log = std::fs::File::create(self.path("agent.log")).unwrap();
        let agent = Agent { child: command.stderr(log).spawn().unwrap(), log: self.path("agent.log") };
        eventually(PATIENCE, "the agent runs", || agent.log().contains("the agent runs"));
        agent
    }

    /// A token of a workload's, as its programs get it.
    pub(crate) fn workload_token(&self, resource: &str) -> Output {
        run(self.bonafide(&self.host, "host", &["token", "--workload", "vm", "--resource", resource]))
    }

    /// A request to the resource manager, made beside it: the body of its answer.
    pub(crate) fn manage(&self, up: &Up, method: &str, path: &str, body: &Value) -> String {
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
        done(run(self.control.command(shell)))
    }

    /// A machine with an identity, placed on a host that has joined: its ARM id.
    pub(crate) fn place_workload(&self, up: &Up) -> String {
        let workload = self.make_workload(up);
        self.operate(&["host", "token", "create", "--host", "edge", "--resource-group", "rg"]);
        self.join_anew();
        self.operate(&["host", "place", "--workload", &workload, "--host", "edge"]);
        workload
    }

    /// A machine with an identity, in a group: its ARM id.
    pub(crate) fn make_workload(&self, up: &Up) -> String {
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
pub(crate) struct Agent {
    child: Child,
    log: PathBuf,
}

impl Agent {
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    pub(crate) fn stop(mut self) {
        self.signal(Signal::TERM);
        assert!(self.child.wait().unwrap().success(), "{}", self.log());
    }

    /// Its processes: the keeper, and the one that serves.
    pub(crate) fn pids(&self) -> Vec<u32> {
        let keeper = self.child.id();
        let children = std::fs::read_to_string(format!("/proc/{keeper}/task/{keeper}/children")).unwrap();
        std::iter::once(keeper).chain(children.split_whitespace().map(|child| child.parse().unwrap())).collect()
    }

    pub(crate) fn signal(&self, signal: Signal) {
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

pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

pub(crate) fn done(output: Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}{printed}");
    printed
}

pub(crate) fn refusal(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    said
}
