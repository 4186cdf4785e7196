//! A host whose control plane is away, and what happens to the machine meanwhile: it is started anew, its clock jumps, its disk is
//! full, its files are those of another one.

#![allow(clippy::unwrap_used, reason = "a test may insist")]
#![allow(clippy::disallowed_methods, reason = "whole processes: they have a clock and an environment")]

mod support;

use rustix::process::Signal;
use serde_json::{Value, json};
use std::fs::File;
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use support::attached::asking;
use support::machines::{Agent, Machines, done};
use support::namespace::Namespace;
use support::{PATIENCE, Up, eventually, run};

const MANAGEMENT: &str = "https://management.azure.com/";
const VAULT: &str = "https://vault.azure.net";
const HOUR: i64 = 3_600;
/// Longest time until a removal is in force.
const REMOVED_WITHIN: Duration = Duration::from_secs(5);
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";
const MACHINE_ID: &str = "/etc/machine-id";

/// The token that a workload gets, if it gets one.
fn token(machines: &Machines, resource: &str) -> Option<String> {
    let output = machines.workload_token(resource);
    output.status.success().then(|| String::from_utf8(output.stdout).unwrap().trim().to_owned())
}

/// The token that a namespace gets at the metadata address.
fn token_in(namespace: &Namespace) -> Option<String> {
    let output = run(namespace.command(asking("169.254.169.254", 80, MANAGEMENT)));
    in_answer(&String::from_utf8_lossy(&output.stdout))
}

/// The token that a client of a unix socket gets.
fn token_at(socket: &Path) -> Option<String> {
    let mut curl = Command::new("curl");
    curl.args(["-s", "-i", "-H", "Metadata: true", "--unix-socket"]).arg(socket);
    curl.arg(format!("http://localhost{}", support::token_target(MANAGEMENT)));
    in_answer(&String::from_utf8_lossy(&run(curl).stdout))
}

fn in_answer(text: &str) -> Option<String> {
    let (_, body) = text.split_once("\r\n\r\n")?;
    let reply: Value = serde_json::from_str(body).ok()?;
    Some(reply["access_token"].as_str()?.to_owned())
}

fn host(machines: &Machines, arguments: &[&str]) -> String {
    done(run(machines.bonafide(&machines.host, "host", &[&["host"][..], arguments].concat())))
}

/// Waits until the tokens of the workload are on the disk.
fn are_kept(machines: &Machines) {
    let folder = machines.path("host/agent/kept/tokens");
    eventually(PATIENCE, "tokens are kept", || std::fs::read_dir(&folder).is_ok_and(|files| files.count() == 1));
}

/// Everything that serves ends at once, as without power.
fn power_off(agent: Agent) {
    agent.signal(Signal::KILL);
    drop(agent);
}

/// An agent to which the machine says that it is another one, or in another run.
fn agent_that_finds(machines: &Machines, at: &str, content: &str) -> Agent {
    let file = machines.path("of-the-machine");
    std::fs::write(&file, content).unwrap();
    let configuration = machines.path("host.toml").display().to_string();
    let inner = machines.bonafide(&machines.host, "host", &["host", "run", "--config", &configuration]);
    machines.start(machines.with_file(&inner, &file, at))
}

fn take_identity_away(machines: &Machines, up: &Up, workload: &str) {
    let none = json!({ "identity": { "type": "None" } });
    machines.manage(up, "PATCH", &format!("{workload}?api-version=2024-11-01"), &none);
}

#[test]
fn av_03_after_a_start_of_the_machine_during_an_outage_places_that_are_still_meant_are_served_and_no_others() {
    let (Some(machines), Some(filed), Some(named)) =
        (Machines::create("reboot"), Namespace::create("by-file"), Namespace::create("by-command"))
    else {
        return;
    };
    let up = machines.serve();
    let workload = machines.place_workload(&up);
    std::fs::write(machines.path("host.toml"), "bindings = \"bindings.toml\"\n").unwrap();
    let bindings = format!("[[binding]]\nworkload = \"{workload}\"\nnetns = \"{}\"\n", filed.0);
    std::fs::write(machines.path("bindings.toml"), bindings).unwrap();
    let agent = agent_that_finds(&machines, BOOT_ID, "11111111-1111-4111-8111-111111111111\n");
    let socket = machines.path("metadata.sock");
    eventually(PATIENCE, "the workload is here", || token(&machines, MANAGEMENT).is_some());
    host(&machines, &["attach", "--workload", "vm", "--netns", &named.0]);
    host(&machines, &["attach", "--workload", "vm", "--unix", socket.to_str().unwrap()]);
    eventually(PATIENCE, "that of the file is attached", || token_in(&filed).is_some());
    let cached = token_in(&filed);
    assert_eq!((token_in(&named), token_at(&socket)), (cached.clone(), cached.clone()));
    are_kept(&machines);
    up.stop();
    power_off(agent);

    // Of the namespaces nothing but the names is left.
    let (of_file, of_command) = (filed.0.clone(), named.0.clone());
    drop((filed, named));
    let (filed, named) = (Namespace::create("by-file").unwrap(), Namespace::create("by-command").unwrap());
    assert_eq!((&filed.0, &named.0), (&of_file, &of_command));
    let agent = agent_that_finds(&machines, BOOT_ID, "22222222-2222-4222-8222-222222222222\n");
    eventually(PATIENCE, "that of the file is attached anew", || token_in(&filed) == cached);
    assert_eq!(token_at(&socket), cached, "{}", agent.log());
    assert_eq!(token_in(&named), None, "a name is no namespace");
    assert!(!named.has_address());
    let listed = host(&machines, &["list"]);
    assert!(listed.contains("gone") && listed.contains(&named.0), "{listed}");
    host(&machines, &["attach", "--workload", "vm", "--netns", &named.0]);
    assert_eq!(token_in(&named), cached);
    assert_eq!(token(&machines, VAULT), None, "a new token is not to be had");

    // While the machine runs on, another namespace of the name is not what the file meant, until somebody says so.
    power_off(agent);
    drop(filed);
    let filed = Namespace::create("by-file").unwrap();
    let agent = agent_that_finds(&machines, BOOT_ID, "22222222-2222-4222-8222-222222222222\n");
    assert_eq!((token_at(&socket), token_in(&filed)), (cached.clone(), None), "{}", agent.log());
    agent.signal(Signal::HUP);
    eventually(PATIENCE, "that of the file is attached", || token_in(&filed) == cached);
}

#[test]
fn ha_10_what_one_machine_kept_is_nothing_on_another() {
    let Some(machines) = Machines::create("moved") else { return };
    let up = machines.serve();
    machines.place_workload(&up);
    std::fs::write(machines.path("host.toml"), "").unwrap();
    let (own, other) = ("0123456789abcdef0123456789abcdef\n", "fedcba9876543210fedcba9876543210\n");
    let agent = agent_that_finds(&machines, MACHINE_ID, own);
    eventually(PATIENCE, "the workload is here", || token(&machines, MANAGEMENT).is_some());
    let cached = token(&machines, MANAGEMENT);
    are_kept(&machines);
    up.stop();
    power_off(agent);
    let agent = agent_that_finds(&machines, MACHINE_ID, own);
    assert_eq!(token(&machines, MANAGEMENT), cached, "the same one: {}", agent.log());
    power_off(agent);
    let agent = agent_that_finds(&machines, MACHINE_ID, other);
    for _ in 0..5 {
        assert_eq!(token(&machines, MANAGEMENT), None, "{}", agent.log());
    }
    eventually(PATIENCE, "the log says it", || agent.log().contains(r#""event":"keptFileRefused""#));
}

#[test]
fn ky_12_during_an_outage_a_clock_that_jumps_prolongs_no_token_and_loses_none() {
    let Some(machines) = Machines::create("jumps") else { return };
    let up = machines.serve();
    machines.place_workload(&up);
    let mut agent = machines.start_agent();
    eventually(PATIENCE, "the workload is here", || token(&machines, MANAGEMENT).is_some());
    let cached = token(&machines, MANAGEMENT);
    are_kept(&machines);
    up.stop();
    // A clock that was set is noticed within a second.
    let is = |seconds: i64, expected: &Option<String>, when: &str| {
        machines.clock.set(seconds);
        eventually(REMOVED_WITHIN, &format!("{when} at {seconds} s"), || token(&machines, MANAGEMENT) == *expected);
    };
    for (seconds, is_alive) in [(23 * HOUR, true), (25 * HOUR, false), (0, true), (40 * 24 * HOUR, false), (0, true)] {
        is(seconds, if is_alive { &cached } else { &None }, "in one run");
    }
    for seconds in [23 * HOUR, 0] {
        machines.clock.set(seconds);
        power_off(agent);
        agent = machines.start_agent();
        is(seconds, &cached, "after a restart");
    }
    // A token that had ended at a start was given up then.
    machines.clock.set(25 * HOUR);
    power_off(agent);
    agent = machines.start_agent();
    is(25 * HOUR, &None, "after a restart");
    is(0, &None, "after a restart, set back");
    drop(agent);
}

/// On a disk of 2 MB of its own, which ends with the child that mounted it.
#[test]
fn id_06_on_a_full_disk_a_removal_is_in_force_and_does_not_come_back_in_an_outage() {
    const NAME: &str = "id_06_on_a_full_disk_a_removal_is_in_force_and_does_not_come_back_in_an_outage";
    const CHILD: &str = "BONAFIDE_TEST_CHILD";
    if !support::is_root() {
        return support::skip("a disk of its own needs root");
    }
    if std::env::var_os(CHILD).is_none() {
        let mut child = Command::new("unshare");
        child.args(["--mount", "--propagation", "slave"]).arg(std::env::current_exe().unwrap());
        child.args([NAME, "--exact", "--nocapture"]).env(CHILD, "1");
        let output = support::run_within(Duration::from_secs(240), child);
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(output.status.success(), "{text}");
        return;
    }
    let Some(machines) = Machines::create("full") else { return };
    let disk = machines.path("host");
    std::fs::create_dir(&disk).unwrap();
    let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=2m,mode=700", "none"]).arg(&disk).status();
    assert!(mounted.unwrap().success());
    let up = machines.serve();
    let workload = machines.place_workload(&up);
    let agent = machines.start_agent();
    eventually(PATIENCE, "the workload is here", || token(&machines, MANAGEMENT).is_some());
    are_kept(&machines);
    // A removed file gives no space back while somebody has it open.
    let _held: Vec<_> =
        ["kept/desired", "kept/tokens"].iter().flat_map(|name| open_all(&disk.join("agent").join(name))).collect();
    let fill = "dd if=/dev/zero of=filler bs=4k 2> /dev/null; cp filler second 2> /dev/null; true";
    assert!(Command::new("sh").args(["-c", fill]).current_dir(&disk).status().unwrap().success());
    take_identity_away(&machines, &up, &workload);
    eventually(REMOVED_WITHIN, "it is refused", || token(&machines, MANAGEMENT).is_none());
    eventually(PATIENCE, "the log says it", || agent.log().contains(r#""event":"stateNotKept""#));
    up.stop();
    power_off(agent);
    let agent = machines.start_agent();
    for _ in 0..5 {
        assert_eq!(token(&machines, MANAGEMENT), None, "{}", agent.log());
    }
    power_off(agent);
    // With space again all goes on.
    std::fs::remove_file(disk.join("filler")).unwrap();
    let up = machines.serve();
    let again = json!({ "identity": { "type": "SystemAssigned" } });
    machines.manage(&up, "PATCH", &format!("{workload}?api-version=2024-11-01"), &again);
    let _agent = machines.start_agent();
    eventually(PATIENCE, "it has an identity again", || token(&machines, MANAGEMENT).is_some());
}

/// A file, or all files of a folder.
fn open_all(path: &Path) -> Vec<File> {
    match path.is_dir() {
        true => path.read_dir().unwrap().flat_map(|file| open_all(&file.unwrap().path())).collect(),
        false => vec![File::open(path).unwrap()],
    }
}

/// The control plane's history is another one, and shorter than the host has seen.
#[test]
fn op_05_a_host_follows_its_control_plane_back_to_an_older_backup() {
    let Some(machines) = Machines::create("back") else { return };
    let up = machines.serve();
    let workload = machines.place_workload(&up);
    let agent = machines.start_agent();
    eventually(PATIENCE, "the workload is here", || token(&machines, MANAGEMENT).is_some());
    let before = token(&machines, MANAGEMENT);
    let backup = machines.path("backup.db").display().to_string();
    machines.operate(&["backup", &backup]);
    take_identity_away(&machines, &up, &workload);
    eventually(REMOVED_WITHIN, "it is refused", || token(&machines, MANAGEMENT).is_none());
    // The host has seen more than the backup will have for a while.
    for number in 0..20 {
        let tags = json!({ "tags": { "number": number.to_string() } });
        machines.manage(&up, "PATCH", &format!("{workload}?api-version=2024-11-01"), &tags);
    }
    up.stop();
    machines.operate(&["restore", &backup, "--accept-older"]);
    let up = machines.serve();
    eventually(PATIENCE, "it has what the backup has", || token(&machines, MANAGEMENT).is_some());
    assert_ne!(token(&machines, MANAGEMENT), before, "tokens of the other history are given up");
    take_identity_away(&machines, &up, &workload);
    eventually(REMOVED_WITHIN, "changes arrive", || token(&machines, MANAGEMENT).is_none());
    up.stop();
    power_off(agent);
    let agent = machines.start_agent();
    assert_eq!(token(&machines, MANAGEMENT), None, "{}", agent.log());
}
