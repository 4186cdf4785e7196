//! A mistake of the person at the command line is answered with what to do instead.

#![allow(clippy::unwrap_used, reason = "a test may insist")]
#![allow(clippy::disallowed_methods, reason = "whole processes: they have a clock and an environment")]

mod support;

use std::path::Path;
use std::process::{Command, Stdio};
use support::{Up, refused};

const VAULT: &str = "https://vault.azure.net";

/// Every command that reads a data directory, in `folder`: the one that is named, or that of the default.
fn readers(folder: &Path, named: Option<&Path>) -> [Command; 4] {
    let lines: [&[&str]; 4] = [&["token", "--resource", VAULT], &["env"], &["info"], &["exec", "--", "true"]];
    lines.map(|line| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bonafide"));
        command.current_dir(folder).stdin(Stdio::null()).arg(line[0]);
        named.map(|named| command.arg("--data-dir").arg(named));
        command.args(&line[1..]);
        command
    })
}

#[test]
fn what_is_no_data_directory_is_said_to_be_none_and_the_likely_one_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_bonafide"));
    command.args(["up", "--json", "--listen", "127.0.0.1:0", "--hosts-listen", "127.0.0.1:0"]).current_dir(dir.path());
    let up = Up::run(command, dir.path());
    let real = dir.path().join(".bonafide").display().to_string();
    let below = dir.path().join("project/sources");
    std::fs::create_dir_all(&below).unwrap();
    std::fs::write(dir.path().join("a-file"), "").unwrap();
    for (given, said) in [
        (dir.path().to_owned(), "is not a data directory"),
        (dir.path().join("a-file"), "is not a data directory"),
        (dir.path().join(".bonafide/agent"), "is not a data directory"),
        (dir.path().join("project"), "is not a data directory"),
        (dir.path().join("typo"), "is not there"),
    ] {
        for command in readers(dir.path(), Some(&given)) {
            let line = refused(command);
            assert!(line.contains(&format!("{} {said}", given.display())), "{line}");
            assert!(line.contains(&format!("add --data-dir '{real}'")), "{line}");
        }
    }
    for command in readers(&below, None) {
        let line = refused(command);
        assert!(line.contains(".bonafide is not there") && line.contains(&real), "{line}");
    }
    assert!(up.stop().success());
    let elsewhere = tempfile::tempdir().unwrap();
    for command in readers(dir.path(), Some(elsewhere.path())) {
        let line = refused(command);
        assert!(line.contains("is not a data directory: ") && !line.contains(&real), "{line}");
    }
}
