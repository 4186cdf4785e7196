//! Restarts and upgrades below a service manager, while clients connect all the time: no connection is refused.

#![allow(clippy::unwrap_used, reason = "a test may insist")]
#![allow(clippy::disallowed_methods, reason = "whole processes: they have a clock and an environment")]

mod support;

use serde_json::{Value, json};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use support::asking::Asking;
use support::machines::{Agent, Machines, done, text};
use support::manager::Manager;
use support::namespace::Namespace;
use support::passing::Passing;
use support::{PATIENCE, eventually, metadata_request, run, skip, token_target};

const ARM: &str = "https://management.azure.com/";
const HEALTH: &str = "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
const RESTARTS: usize = 3;

fn is_python_there() -> bool {
    let is_there = Command::new("python3").arg("--version").output().is_ok();
    if !is_there {
        skip("python3 is not installed");
    }
    is_there
}

/// A copy of the program, as a package puts it in the place of another one.
fn installed(dir: &Path) -> PathBuf {
    let (program, draft) = (dir.join("bonafide"), dir.join("bonafide.new"));
    std::fs::copy(env!("CARGO_BIN_EXE_bonafide"), &draft).unwrap();
    std::fs::rename(draft, &program).unwrap();
    program
}

/// Restarts the service, with a new program at the end.
fn restart_and_upgrade(service: &mut Passing, dir: &Path) {
    for _ in 0..RESTARTS {
        assert_eq!(service.restart(), json!(0));
    }
    installed(dir);
    assert_eq!(service.restart(), json!(0));
}

/// Nobody was refused, and nobody who was connected went without an answer.
fn check(counts: &Value, log: &Path) {
    let of = |name: &str| counts[name].as_u64().unwrap();
    assert!(of("answered") + of("others") > 0 && of("refused") == 0 && of("cut") == 0, "{counts}\n{}", said(log));
}

/// The same, and each answer was a token.
fn check_tokens(counts: &Value, log: &Path) {
    check(counts, log);
    assert_eq!(counts["others"], 0, "{counts}\n{}", said(log));
}

fn said(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap();
    // Requests that were answered say nothing here.
    text.lines().filter(|line| !line.contains("\"status\":200,")).fold(String::new(), |said, line| said + line + "\n")
}

#[test]
fn av_04_serve_is_restarted_and_upgraded_and_no_connection_is_refused() {
    if !is_python_there() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("serve.toml"), "data-dir = \"data\"\n").unwrap();
    let mut serve = Command::new(installed(dir.path()));
    serve.args(["serve", "--config"]).arg(dir.path().join("serve.toml"));
    let mut service = Passing::start(dir.path(), "public:hosts", &serve);
    let ask = |port| Asking::start(None, ("127.0.0.1", port), true, HEALTH);
    let (public, hosts) = (ask(service.ports[0]), ask(service.ports[1]));
    restart_and_upgrade(&mut service, dir.path());
    let log = dir.path().join("service.log");
    check(&public.end(), &log);
    check(&hosts.end(), &log);
}

#[test]
fn av_04_up_is_restarted_and_upgraded_and_no_connection_is_refused() {
    if !is_python_there() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let mut up = Command::new(installed(dir.path()));
    up.args(["up", "--throttle", "off", "--hosts-listen", "127.0.0.1:0", "--data-dir"]).arg(dir.path().join("data"));
    let mut service = Passing::start(dir.path(), "public:imds", &up);
    let public = Asking::start(None, ("127.0.0.1", service.ports[0]), true, HEALTH);
    let request = metadata_request(format!("127.0.0.1:{}", service.ports[1]), &token_target(ARM));
    let imds = Asking::start(None, ("127.0.0.1", service.ports[1]), false, &request);
    restart_and_upgrade(&mut service, dir.path());
    let log = dir.path().join("service.log");
    check(&public.end(), &log);
    check_tokens(&imds.end(), &log);
}

/// The agent's user.
const AGENT: u32 = 64_125;
const ADDRESS: &str = "169.254.169.254";

/// A command of the host's machine, as the agent's user and without any capability, as its unit starts it.
fn as_agent(machines: &Machines, arguments: &[&str]) -> Command {
    let user = AGENT.to_string();
    let mut command = Command::new("setpriv");
    command.args(["--reuid", &user, "--regid", &user, "--clear-groups", "--bounding-set", "-all", "--no-new-privs"]);
    command.arg(env!("CARGO_BIN_EXE_bonafide")).args(arguments).arg("--data-dir").arg(machines.path("host"));
    machines.clock.on(machines.host.command(command))
}

/// A control plane with a machine `vm` that is placed on the host, which has joined as the agent's user.
fn join(machines: &Machines) -> support::Up {
    std::fs::set_permissions(machines.path(""), std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::create_dir(machines.path("host")).unwrap();
    std::fs::set_permissions(machines.path("host"), std::fs::Permissions::from_mode(0o700)).unwrap();
    chown(machines.path("host"), Some(AGENT), Some(AGENT)).unwrap();
    std::fs::write(machines.path("host.toml"), "throttle = \"off\"\n").unwrap();
    let up = machines.serve();
    let workload = machines.make_workload(&up);
    machines.operate(&["host", "token", "create", "--host", "edge", "--resource-group", "rg"]);
    let token = machines.token();
    let url = ["host", "join", "--url", "https://192.0.2.1:8444"];
    let arguments = ["--ca-sha256", text(&token["caSha256"]), "--token", text(&token["token"])];
    done(run(as_agent(machines, &[&url[..], &arguments].concat())));
    machines.operate(&["host", "place", "--workload", &workload, "--host", "edge"]);
    up
}

fn start(machines: &Machines, opener: &Path) -> Agent {
    let (config, opener) = (machines.path("host.toml"), opener.to_str().unwrap());
    let config = config.to_str().unwrap();
    machines.start(as_agent(machines, &["host", "run", "--config", config, "--opener", opener]))
}

/// As the units of packaging/systemd: the opener with three capabilities, the agent with none, each with its own user.
#[test]
fn ha_02_a_host_beside_its_opener_has_a_user_of_its_own_and_no_capability_and_workloads_notice_no_restart_of_either() {
    let Some(machines) = Machines::create("beside") else { return };
    let (Some(inside), folder) = (Namespace::create("beside"), support::manager::folder()) else { return };
    let Some(mut manager) = Manager::start(folder.path(), &AGENT.to_string()) else { return };
    let up = join(&machines);
    let mut agent = start(&machines, &manager.path);
    let attach = ["host", "attach", "--workload", "vm", "--netns", &inside.0];
    done(run(as_agent(&machines, &attach)));
    let request = metadata_request(ADDRESS, &token_target(ARM));
    let has_token = || {
        let asking = Asking::start(Some(&inside), (ADDRESS, 80), false, &request);
        std::thread::sleep(std::time::Duration::from_millis(100));
        asking.end()["answered"].as_u64().unwrap() > 0
    };
    eventually(PATIENCE, "a token inside", has_token);
    for pid in agent.pids() {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        for line in
            [format!("Uid:\t{AGENT}\t{AGENT}\t{AGENT}\t{AGENT}"), format!("Gid:\t{AGENT}"), "NoNewPrivs:\t1".to_owned()]
        {
            assert!(status.contains(&line), "{line}: {status}");
        }
        for set in ["Inh", "Prm", "Eff", "Bnd", "Amb"] {
            assert!(status.contains(&format!("Cap{set}:\t0000000000000000")), "{set}: {status}");
        }
    }
    let asking = Asking::start(Some(&inside), (ADDRESS, 80), false, &request);
    for _ in 0..RESTARTS {
        manager.restart();
        agent.stop();
        agent = start(&machines, &manager.path);
    }
    check_tokens(&asking.end(), &machines.path("agent.log"));
    done(run(as_agent(&machines, &["host", "detach", "--netns", &inside.0])));
    assert!(!inside.has_address() && !has_token());
    agent.stop();
    up.stop();
}
