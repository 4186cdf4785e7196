//! A control plane and a host as two installations: `serve`, and `host run` that has joined it.

use crate::child::{Process, command, done};
use crate::cloud::{Cloud, Management, VM_VERSION, free_address};
use crate::{Bench, Failure};
use serde_json::{Value, json};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// Longest time until an agent runs.
const PATIENCE: Duration = Duration::from_secs(20);
/// Writers that make machines at a time.
const WRITERS: usize = 16;
/// Version of resource groups.
const GROUP_VERSION: &str = "2021-04-01";

/// Both of them.
pub(crate) struct Joined {
    pub(crate) cloud: Cloud,
    pub(crate) agent: Process,
    /// The data directory of the host.
    pub(crate) data: PathBuf,
    /// The host's ARM id.
    pub(crate) host: String,
}

impl Joined {
    /// Starts both in a folder, the host without a throttle.
    pub(crate) fn start(bench: &Bench, folder: &Path) -> Result<Self, Failure> {
        let (public, hosts) = (free_address()?, free_address()?);
        let settings = format!(
            "data-dir = \"control\"\nlisten = \"{public}\"\nhosts-listen = \"{hosts}\"\npublic-names = [\"localhost\"]\n"
        );
        std::fs::write(folder.join("serve.toml"), settings)?;
        std::fs::write(folder.join("host.toml"), "data-dir = \"host\"\nthrottle = \"off\"\n")?;
        let cloud = Cloud::serve(bench, &folder.join("serve.toml"), hosts)?;
        let group = group(&cloud);
        let mut management = cloud.management()?;
        management.call("PUT", &group, GROUP_VERSION, &json!({ "location": "westeurope" }))?;
        let operate = |arguments: &[&str]| {
            let mut create = Command::new(&bench.bonafide);
            output(create.args(arguments).arg("--data-dir").arg(folder.join("control")))
        };
        let token = operate(&["host", "token", "create", "--host", "edge", "--resource-group", "demo", "--json"])?;
        let token: Value = serde_json::from_str(&token)?;
        let data = folder.join("host");
        let mut join = Command::new(&bench.bonafide);
        join.args(["host", "join", "--url", &format!("https://localhost:{}", hosts.port()), "--ca"]).arg(cloud.ca());
        let text = token["token"].as_str().ok_or("no token to join with")?;
        done(join.args(["--token", text, "--data-dir"]).arg(&data))?;
        let groups = format!("{group}/providers/Microsoft.Compute/hostGroups");
        let groups = management.call("GET", &groups, VM_VERSION, &Value::Null)?;
        let host_group = groups.pointer("/value/0/id").and_then(Value::as_str).ok_or("no host group")?;
        let host = format!("{host_group}/hosts/edge");
        let agent = agent(bench, folder)?;
        Ok(Self { cloud, agent, data, host })
    }

    /// Makes machines with an identity that run on the host: their names are `vm-0` and so on.
    pub(crate) fn make_machines(&self, count: usize) -> Result<(), Failure> {
        let body = machine(Some(&self.host));
        let work = |writer: usize| -> Result<(), String> {
            let mut management = self.cloud.management().map_err(|error| error.to_string())?;
            (writer..count).step_by(WRITERS).try_for_each(|at| {
                let id = machine_id(&self.cloud, &format!("vm-{at}"));
                management.call("PUT", &id, VM_VERSION, &body).map(drop).map_err(|error| error.to_string())
            })
        };
        std::thread::scope(|scope| {
            let writers: Vec<_> = (0..WRITERS).map(|writer| scope.spawn(move || work(writer))).collect();
            writers
                .into_iter()
                .try_for_each(|writer| Ok::<_, Failure>(writer.join().map_err(|_| "a writer panicked")??))
        })
    }

    pub(crate) fn management(&self) -> Result<Management, Failure> {
        self.cloud.management()
    }
}

/// Starts the agent of the host in a folder, and waits until it runs.
pub(crate) fn agent(bench: &Bench, folder: &Path) -> Result<Process, Failure> {
    let agent = begin_agent(bench, folder)?;
    let (log, started) = (folder.join("agent.log"), Instant::now());
    while !std::fs::read_to_string(&log)?.contains("the agent runs") {
        if started.elapsed() > PATIENCE {
            return Err("the agent does not start".into());
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(agent)
}

/// The same without waiting.
pub(crate) fn begin_agent(bench: &Bench, folder: &Path) -> Result<Process, Failure> {
    let mut run = command(&bench.bonafide, None);
    run.args(["host", "run", "--config"]).arg(folder.join("host.toml"));
    Process::start(run.stderr(File::create(folder.join("agent.log"))?))
}

/// The resource group of all that is made.
pub(crate) fn group(cloud: &Cloud) -> String {
    format!("/subscriptions/{}/resourceGroups/demo", cloud.subscription())
}

/// The ARM id of a machine there.
pub(crate) fn machine_id(cloud: &Cloud, name: &str) -> String {
    format!("{}/providers/Microsoft.Compute/virtualMachines/{name}", group(cloud))
}

/// The body of a machine with an identity, on a host or nowhere.
pub(crate) fn machine(host: Option<&str>) -> Value {
    let mut body = json!({ "location": "westeurope", "identity": { "type": "SystemAssigned" }, "properties": {} });
    if let Some(host) = host {
        body["properties"]["host"] = json!({ "id": host });
    }
    body
}

fn output(command: &mut Command) -> Result<String, Failure> {
    let output = command.output()?;
    match output.status.success() {
        true => Ok(String::from_utf8(output.stdout)?),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned().into()),
    }
}
