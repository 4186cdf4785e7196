//! `fuzz`: runs the targets of `fuzz/` for a bounded time, two at a time. New inputs are kept under `target/`; the corpora
//! of the tree are what each run begins with.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;

/// The version of cargo-fuzz that is used.
const CARGO_FUZZ: &str = "0.13.2";
/// Time for each target unless another is given, in seconds.
pub const SECONDS: u32 = 60;
/// Targets that run at once. Source: ours; more would share two cores.
const AT_ONCE: usize = 2;
/// Longest time that one input may take, in seconds. Source: ours; the machine may be busy.
const INPUT_SECONDS_MAX: u32 = 10;
/// Largest input, in bytes. Source: ours; the readers of heads and bodies take as much.
const INPUT_BYTES_MAX: u32 = 64 * 1024;
/// Largest memory of one target, in MiB. Source: ours.
const MEMORY_MIB_MAX: u32 = 1_536;

/// The result of one target.
struct Ran {
    target: String,
    /// The last line of libFuzzer's statistics, and why it stopped if it found something.
    said: String,
    found: bool,
}

/// Runs the targets named, or all, each for `seconds`; false when one found something.
///
/// # Errors
/// What could not be built or run.
pub fn run(root: &Path, seconds: u32, only: &[&str]) -> Result<bool, String> {
    let cargo_fuzz = tool(root)?;
    let targets = targets(root, only)?;
    let built = root.join("target/fuzz/build");
    let status = fuzz(&cargo_fuzz, root, "build", &built).status().map_err(|error| format!("cargo fuzz: {error}"))?;
    if !status.success() {
        return Err("the targets could not be built; they need a C++ compiler".to_owned());
    }
    let (waiting, ran) = (Mutex::new(VecDeque::from(targets)), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(target) = next(&waiting) {
                    let one = fuzz_one(&cargo_fuzz, root, &built, &target, seconds);
                    ran.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(one);
                }
            });
        }
    });
    let mut good = true;
    for one in ran.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner) {
        let one = one?;
        println!("{}  {:<18} {}", if one.found { "FOUND" } else { "ok   " }, one.target, one.said);
        good &= !one.found;
    }
    Ok(good)
}

fn next(waiting: &Mutex<VecDeque<String>>) -> Option<String> {
    waiting.lock().unwrap_or_else(std::sync::PoisonError::into_inner).pop_front()
}

fn fuzz_one(cargo_fuzz: &Path, root: &Path, built: &Path, target: &str, seconds: u32) -> Result<Ran, String> {
    let kept = root.join("target/fuzz/corpus").join(target);
    let artifacts = root.join("target/fuzz/artifacts").join(target);
    for folder in [&kept, &artifacts] {
        std::fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    let output = fuzz(cargo_fuzz, root, "run", built)
        .arg(target)
        .args([&kept, &root.join("fuzz/corpus").join(target)])
        .arg("--")
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-timeout={INPUT_SECONDS_MAX}"))
        .arg(format!("-max_len={INPUT_BYTES_MAX}"))
        .arg(format!("-rss_limit_mb={MEMORY_MIB_MAX}"))
        .arg(format!("-artifact_prefix={}/", artifacts.display()))
        .arg("-print_final_stats=1")
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("cargo fuzz: {error}"))?;
    let text = String::from_utf8_lossy(&output.stderr);
    let found = !output.status.success();
    let statistics = text.lines().rfind(|line| line.starts_with('#')).unwrap_or("no statistics");
    let cause = text.lines().find(|line| line.contains("panicked at") || line.contains("ERROR: libFuzzer"));
    if found {
        let log = artifacts.join("log");
        std::fs::write(&log, text.as_bytes()).map_err(|error| format!("{}: {error}", log.display()))?;
    }
    let said = match cause.filter(|_| found) {
        Some(cause) => format!("{statistics}; {cause}; see {}", artifacts.display()),
        None => statistics.to_owned(),
    };
    Ok(Ran { target: target.to_owned(), said, found })
}

/// A command of cargo-fuzz. Safe Rust needs no sanitizer, and without one a stable compiler does.
fn fuzz(cargo_fuzz: &Path, root: &Path, command: &str, built: &Path) -> Command {
    let mut fuzz = Command::new(cargo_fuzz);
    fuzz.args(["fuzz", command, "--sanitizer", "none", "--target-dir"]).arg(built).current_dir(root);
    fuzz
}

/// The targets named, or all that there are.
fn targets(root: &Path, only: &[&str]) -> Result<Vec<String>, String> {
    let folder = root.join("fuzz/fuzz_targets");
    let read = std::fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let names = read.filter_map(Result::ok).filter_map(|entry| entry.file_name().into_string().ok());
    let mut all: Vec<String> = names.filter_map(|name| name.strip_suffix(".rs").map(str::to_owned)).collect();
    all.sort();
    if let Some(unknown) = only.iter().find(|name| !all.iter().any(|one| one == *name)) {
        return Err(format!("there is no target '{unknown}'; there are: {}", all.join(", ")));
    }
    all.retain(|name| only.is_empty() || only.contains(&name.as_str()));
    Ok(all)
}

/// The program cargo-fuzz, installed under `target/` if it is not there.
fn tool(root: &Path) -> Result<PathBuf, String> {
    let tools = root.join("target/tools");
    let program = tools.join("bin/cargo-fuzz");
    if !program.exists() {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut install = Command::new(cargo);
        install.args(["install", "cargo-fuzz", "--locked", "--version", CARGO_FUZZ, "--root"]).arg(&tools);
        let status = install.current_dir(root).status().map_err(|error| format!("cargo install: {error}"))?;
        if !status.success() {
            return Err("cargo-fuzz could not be installed".to_owned());
        }
    }
    Ok(program)
}
