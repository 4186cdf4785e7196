//! A network namespace with nothing in it but a loopback device: whoever runs there reaches the
//! real metadata address and nothing of the machine outside.

use super::ConformanceError;
use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};

const PREFIX: &str = "bonafide-conformance-";

pub(super) struct Namespace {
    name: String,
}

impl Namespace {
    /// Makes a namespace for `client`, with its loopback device up.
    pub(super) fn create(client: &str) -> Result<Self, ConformanceError> {
        let name = format!("{PREFIX}{client}-{}", std::process::id());
        ip(&["netns", "add", &name]).map_err(ConformanceError::Failed)?;
        let namespace = Self { name };
        ip(&["-netns", &namespace.name, "link", "set", "lo", "up"]).map_err(ConformanceError::Failed)?;
        Ok(namespace)
    }

    /// A command that runs `program` inside.
    pub(super) fn command(&self, program: &OsStr) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name]).arg(program);
        command
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        remove(&self.name);
    }
}

/// Succeeds if this process may make network namespaces; otherwise says why not.
pub(super) fn available() -> Result<(), String> {
    let name = format!("{PREFIX}probe-{}", std::process::id());
    ip(&["netns", "add", &name])?;
    remove(&name);
    Ok(())
}

/// Removes the namespaces of runs that were killed.
pub(super) fn remove_stale() {
    let listed = Command::new("ip").args(["netns", "list"]).output().map(|output| output.stdout).unwrap_or_default();
    for line in String::from_utf8_lossy(&listed).lines() {
        let name = line.split(' ').next().unwrap_or(line);
        let owner = name.strip_prefix(PREFIX).and_then(|rest| rest.rsplit_once('-')).map(|(_, owner)| owner);
        if owner.is_some_and(|owner| !Path::new("/proc").join(owner).exists()) {
            remove(name);
        }
    }
}

/// Ends what still runs inside and removes it.
fn remove(name: &str) {
    let pids =
        Command::new("ip").args(["netns", "pids", name]).output().map(|output| output.stdout).unwrap_or_default();
    for pid in String::from_utf8_lossy(&pids).split_whitespace() {
        // It may have ended by itself.
        let _ = Command::new("kill").args(["-KILL", pid]).stderr(Stdio::null()).status();
    }
    if let Err(why) = ip(&["netns", "delete", name]) {
        eprintln!("{why}");
    }
}

fn ip(arguments: &[&str]) -> Result<(), String> {
    let output = Command::new("ip").args(arguments).output().map_err(|error| format!("ip (iproute2): {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("ip {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr).trim()))
}
