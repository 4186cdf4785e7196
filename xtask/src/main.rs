//! `cargo xtask COMMAND`: what the project asks of itself.
#![allow(clippy::disallowed_methods, reason = "a tool of the shell: it runs programs and reads its environment")]
#![allow(clippy::print_stdout, reason = "it answers on a terminal")]

use std::path::Path;
use std::process::ExitCode;
use xtask::conformance::Breadth;

const USAGE: &str = "usage: cargo xtask tidy | conformance [--all] [NAME] | bench [--quick] [NAME…] \
                     | chaos [--minutes N] [--seed N] [FAULT…] | fuzz [--seconds N] [TARGET…]";

fn main() -> ExitCode {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."));
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["tidy"] => tidy(root),
        ["conformance"] => conformance(root, Breadth::Quick, None),
        ["conformance", "--all"] => conformance(root, Breadth::All, None),
        ["conformance", "--all", name] => conformance(root, Breadth::All, Some(name)),
        ["conformance", name] => conformance(root, Breadth::Quick, Some(name)),
        ["bench", arguments @ ..] => exit("bench", xtask::bench::run(root, arguments)),
        ["chaos", arguments @ ..] => exit("chaos", xtask::chaos::run(root, arguments)),
        ["chaos-slow-peers", arguments @ ..] => exit("chaos", xtask::chaos::slow_peers(arguments).map(|()| true)),
        ["fuzz", "--seconds", seconds, only @ ..] if seconds.parse::<u32>().is_ok() => {
            fuzz(root, seconds.parse().ok(), only)
        }
        ["fuzz", only @ ..] if only.iter().all(|name| !name.starts_with('-')) => fuzz(root, None, only),
        _ => {
            eprintln!("{USAGE}");
            ExitCode::from(2)
        }
    }
}

fn tidy(root: &Path) -> ExitCode {
    let findings = match xtask::tidy::check(root) {
        Ok(findings) => findings,
        Err(error) => {
            eprintln!("tidy: {error}");
            return ExitCode::FAILURE;
        }
    };
    findings.notes.iter().for_each(|note| println!("note: {note}"));
    findings.problems.iter().for_each(|problem| eprintln!("error: {problem}"));
    println!("tidy: {} problems, {} notes", findings.problems.len(), findings.notes.len());
    if findings.problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn conformance(root: &Path, breadth: Breadth, only: Option<&str>) -> ExitCode {
    let required = std::env::var("CONFORMANCE_REQUIRE").is_ok_and(|value| value == "1");
    match xtask::conformance::run(root, breadth, only, required) {
        Ok(tally) => {
            println!("{}\n{tally}", tally.table());
            if tally.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("conformance: {error}");
            ExitCode::FAILURE
        }
    }
}

fn fuzz(root: &Path, seconds: Option<u32>, only: &[&str]) -> ExitCode {
    exit("fuzz", xtask::fuzz::run(root, seconds.unwrap_or(xtask::fuzz::SECONDS), only))
}

fn exit(command: &str, done: Result<bool, String>) -> ExitCode {
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{command}: {error}");
            ExitCode::FAILURE
        }
    }
}
