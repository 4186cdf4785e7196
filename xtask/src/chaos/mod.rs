//! `chaos`: a real `bonafide up` under load, faults in a random order, and after each of them every value read back and
//! compared with a model. `cargo xtask chaos --minutes N [--seed N] [FAULT…]`.
//!
//! The run takes place in a process of its own, as the first of new namespaces where it may make them (root): processes,
//! mounts and network. However it ends, the kernel ends all that it started and unmounts its disk.

mod caller;
mod chance;
mod disk;
mod excuse;
mod faults;
mod keys;
mod load;
mod model;
mod node;
mod preload;
mod processes;
mod run;
mod scan;
mod scene;
mod shared;
mod tally;
mod verify;

use run::Plan;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Arguments of the run's own process, and of a process of slow peers.
const INSIDE: &str = "inside";
/// The variable that names another binary than the debug build.
const BINARY: &str = "BONAFIDE";
/// The namespaces of a run. When `unshare` ends, the first process in them is killed, and with it all others.
const NAMESPACES: [&str; 8] =
    ["--mount", "--propagation=private", "--net", "--pid", "--fork", "--kill-child=KILL", "--mount-proc", "--"];

/// Runs the command with its arguments; false when there were violations.
///
/// # Errors
/// What could not be built, started or understood.
pub fn run(root: &Path, arguments: &[&str]) -> Result<bool, String> {
    match arguments {
        [INSIDE, may_mount, rest @ ..] => run::run(&inside(root, *may_mount == "root", rest)?),
        arguments => outside(root, arguments),
    }
}

/// The process of the peers of one fault.
///
/// # Errors
/// What it was not told.
pub fn slow_peers(arguments: &[&str]) -> Result<(), String> {
    faults::slow_peers_process(arguments)
}

/// Builds the binary and starts the run in a process of its own, which ends with this one.
fn outside(root: &Path, arguments: &[&str]) -> Result<bool, String> {
    // Mistakes are told before anything is built.
    let seed = options(arguments)?.seed;
    let binary = build(root)?;
    let may_mount =
        rustix::process::getuid().is_root() && disk::run(Command::new("unshare").args(NAMESPACES).arg("true")).is_ok();
    let mut inside = Command::new("setpriv");
    inside.args(["--pdeathsig", "KILL"]);
    if may_mount {
        inside.arg("unshare").args(NAMESPACES);
        inside.args(["sh", "-c", "ip link set lo up && exec \"$0\" \"$@\""]);
    }
    inside.arg(std::env::current_exe().map_err(|error| error.to_string())?);
    inside.args(["chaos", INSIDE, if may_mount { "root" } else { "user" }]);
    inside.args(arguments).args(["--seed", &seed.to_string()]).env(BINARY, binary).current_dir(root);
    println!("seed {seed}");
    let status = inside.status().map_err(|error| format!("setpriv (util-linux): {error}"))?;
    Ok(status.success())
}

/// The binary under test: the debug build, which checks more of itself.
fn build(root: &Path) -> Result<PathBuf, String> {
    if let Some(binary) = std::env::var_os(BINARY) {
        let path = PathBuf::from(binary);
        return std::fs::canonicalize(&path).map_err(|error| format!("{}: {error}", path.display()));
    }
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let target = root.join("target");
    let built = Command::new(cargo)
        .args(["build", "--quiet", "--package", "bonafide", "--target-dir"])
        .arg(&target)
        .current_dir(root)
        .status();
    match built {
        Ok(status) if status.success() => Ok(target.join("debug/bonafide")),
        Ok(_) => Err("the binary could not be built".to_owned()),
        Err(error) => Err(format!("cargo: {error}")),
    }
}

fn inside(root: &Path, may_mount: bool, arguments: &[&str]) -> Result<Plan, String> {
    let Options { minutes, seed, only } = options(arguments)?;
    let duration = Duration::from_secs(minutes * 60);
    let binary = std::env::var_os(BINARY).map(PathBuf::from).ok_or("no binary is named")?;
    Ok(Plan { root: root.to_owned(), binary, duration, seed, only, may_mount })
}

struct Options {
    minutes: u64,
    seed: u64,
    only: Vec<String>,
}

fn options(arguments: &[&str]) -> Result<Options, String> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let mut options = Options { minutes: 10, seed: now.as_secs(), only: Vec::new() };
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let mut number = || {
            let number = rest.next().and_then(|text| text.parse().ok());
            number.ok_or_else(|| format!("{argument} needs a number"))
        };
        match *argument {
            "--minutes" => options.minutes = number()?,
            "--seed" => options.seed = number()?,
            name if faults::FAULTS.iter().any(|fault| fault.name == name) => options.only.push(name.to_owned()),
            other => {
                let known: Vec<&str> = faults::FAULTS.iter().map(|fault| fault.name).collect();
                return Err(format!("there is no fault or option '{other}'; the faults are: {}", known.join(", ")));
            }
        }
    }
    Ok(options)
}
