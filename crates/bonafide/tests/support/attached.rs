//! Bindings, made and listed by the command line.

use super::{Up, metadata_request, run, token_target};
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};

/// `bonafide host` on the data directory below `dir`.
pub(crate) fn host(dir: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bonafide"));
    command.arg("host").arg("--data-dir").arg(dir.join("data")).args(arguments);
    command
}

/// The same, which is to succeed: standard output.
pub(crate) fn done(dir: &Path, arguments: &[&str]) -> String {
    let output = run(host(dir, arguments));
    assert!(output.status.success(), "{arguments:?}: {}", said(&output));
    String::from_utf8(output.stdout).unwrap()
}

/// The same, which is to be refused: its one line.
pub(crate) fn not_done(dir: &Path, arguments: &[&str]) -> String {
    let output = run(host(dir, arguments));
    assert_eq!(output.status.code(), Some(1), "{arguments:?}");
    said(&output)
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).trim_end().to_owned()
}

/// Attaches a place: the binding.
pub(crate) fn attached(dir: &Path, workload: &str, place: &[&str]) -> Value {
    let arguments = [&["attach", "--json", "--workload", workload], place].concat();
    serde_json::from_str(&done(dir, &arguments)).unwrap()
}

/// All bindings.
pub(crate) fn bindings(dir: &Path) -> Vec<Value> {
    let all: Value = serde_json::from_str(&done(dir, &["list", "--json"])).unwrap();
    all["bindings"].as_array().unwrap().clone()
}

/// The state of a binding.
pub(crate) fn state(dir: &Path, id: &Value) -> String {
    let all = bindings(dir);
    let found = all.iter().find(|binding| binding["id"] == *id);
    found.map_or_else(|| "not there".to_owned(), |binding| binding["state"].as_str().unwrap().to_owned())
}

/// The identity of a machine that `up` runs.
pub(crate) fn principal(up: &Up, id: &str) -> String {
    let found = up.manage(&up.operator_token(), "GET", id, super::MACHINES, "");
    found.json()["identity"]["principalId"].as_str().unwrap().to_owned()
}

/// A shell that asks an address for a token: all that comes back, and nothing where nobody listens.
pub(crate) fn asking(address: &str, port: u16, resource: &str) -> Command {
    let script = "exec 3<>/dev/tcp/$1/$2 || exit 7; printf %s \"$0\" >&3; timeout 10 cat <&3";
    let mut shell = Command::new("bash");
    shell.args(["-c", script, &metadata_request(format!("{address}:{port}"), &token_target(resource))]);
    shell.args([address, &port.to_string()]);
    shell
}
