//! Real, unmodified, pinned clients against a real `bonafide up`: `conformance/README.md` says how
//! a client's folder looks.

mod client;
mod cloud;
mod machine;
mod namespace;
mod table;
mod tally;

pub use tally::Tally;

use client::{Client, Prepared};
use cloud::Cloud;
use namespace::Namespace;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

/// The scenario of a client that could not be installed.
const INSTALLING: &str = "installing";

/// The file with the table, below `target/conformance/`.
const TABLE_FILE: &str = "results.md";

/// The reason why no client could be run at all.
#[derive(Debug, thiserror::Error)]
pub enum ConformanceError {
    /// There is no such client.
    #[error("there is no client '{0}'; there are: {1}")]
    NoSuchClient(String, String),
    /// A program of ours failed: cargo, or `ip`.
    #[error("{0}")]
    Failed(String),
    /// A file or folder of ours could not be read or written.
    #[error("{0}: {1}")]
    File(PathBuf, std::io::Error),
}

/// The extent of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Breadth {
    /// Every client in one version, without the scenarios that are slow: before each change lands.
    Quick,
    /// Every scenario, and the variants.
    All,
}

/// Runs the client `only` (with its variants, or one of these alone), or all of them, and says each
/// result on standard output as it comes. With `required`, a client that cannot be run on this
/// machine has failed.
pub fn run(root: &Path, breadth: Breadth, only: Option<&str>, required: bool) -> Result<Tally, ConformanceError> {
    let clients = client::find(&root.join("conformance"), breadth)?;
    let chosen = |client: &&Client| only.is_none_or(|only| client.name == only || client.title() == only);
    if let Some(name) = only.filter(|_| !clients.iter().any(|client| chosen(&client))) {
        let names: Vec<String> = clients.iter().map(Client::title).collect();
        return Err(ConformanceError::NoSuchClient(name.to_owned(), names.join(", ")));
    }
    let binary = build(root)?;
    let namespaces = namespace::available();
    match &namespaces {
        Ok(()) => namespace::remove_stale(),
        Err(why) if required => {
            return Err(ConformanceError::Failed(format!("network namespaces are required: {why}")));
        }
        Err(why) => println!("no network namespaces ({why}): clients run under `bonafide exec` only"),
    }
    let mut tally = Tally::default();
    for client in clients.iter().filter(chosen) {
        let started = Instant::now();
        let before = tally.failed;
        let title = client.title();
        let folder = root.join("target/conformance").join(&title);
        let prepared = client.prepare(&folder)?;
        let installed_after = started.elapsed();
        match prepared {
            Prepared::Ready => {
                if !client.parts.is_empty() {
                    run_client(client, breadth, &binary, &folder, namespaces.is_ok(), &mut tally)?;
                }
                if client.has_host {
                    run_on_machine(client, breadth, &binary, &folder, &namespaces, &mut tally)?;
                }
            }
            Prepared::Missing(what) if required => {
                tally.fail(&title, INSTALLING, &format!("skipped, but required: {what}"))
            }
            Prepared::Missing(what) => tally.skip(&title, &what),
            Prepared::Failed(why) => tally.fail(&title, INSTALLING, &why),
        }
        if tally.failed > before {
            println!("# the logs of {title} are in {}", folder.display());
        }
        let took = started.elapsed();
        println!("# {title} took {:.1} s, {:.1} s of it to install", took.as_secs_f32(), installed_after.as_secs_f32());
    }
    let file = root.join("target/conformance").join(TABLE_FILE);
    std::fs::write(&file, tally.table()).map_err(|error| ConformanceError::File(file, error))?;
    Ok(tally)
}

/// Runs every part of one client on one cloud of its own.
fn run_client(
    client: &Client,
    breadth: Breadth,
    binary: &Path,
    folder: &Path,
    in_namespace: bool,
    tally: &mut Tally,
) -> Result<(), ConformanceError> {
    let client_title = client.title();
    let up = format!("{client_title}/up");
    let namespace = if in_namespace { Some(Namespace::create(&client_title)?) } else { None };
    let cloud = match Cloud::start(binary, folder, namespace) {
        Ok(cloud) => cloud,
        Err(why) => {
            tally.fail(&up, "started", &why);
            return Ok(());
        }
    };
    for part in client.parts.iter().filter(|part| in_namespace || !part.needs_link_local()) {
        let started = Instant::now();
        let title = format!("{client_title}/{}", part.name());
        let log = folder.join(format!("{}.log", part.name()));
        tally.run(&title, client.command(*part, &cloud, breadth), &log)?;
        println!("# {title} took {:.1} s", started.elapsed().as_secs_f32());
    }
    match cloud.stop() {
        Ok(()) => tally.pass(&up, "started, ran and stopped cleanly"),
        Err(why) => tally.fail(&up, "stopped cleanly", &why),
    }
    Ok(())
}

/// Runs the script of a client that starts everything itself.
fn run_on_machine(
    client: &Client,
    breadth: Breadth,
    binary: &Path,
    folder: &Path,
    namespaces: &Result<(), String>,
    tally: &mut Tally,
) -> Result<(), ConformanceError> {
    let started = Instant::now();
    let title = format!("{}/{}", client.title(), client::HOST);
    if let Err(why) = namespaces {
        tally.skip(&title, why);
        return Ok(());
    }
    let command = client.command_on_machine(binary, folder, breadth)?;
    tally.run(&title, command, &folder.join(format!("{}.log", client::HOST)))?;
    println!("# {title} took {:.1} s", started.elapsed().as_secs_f32());
    Ok(())
}

/// The binary to test, with the forwarder for guests beside it: the release build, because that is what the README's first
/// command runs. The variable `BONAFIDE` names another one.
fn build(root: &Path) -> Result<PathBuf, ConformanceError> {
    if let Some(binary) = std::env::var_os("BONAFIDE") {
        let path = PathBuf::from(binary);
        return std::fs::canonicalize(&path).map_err(|error| ConformanceError::File(path, error));
    }
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let target = root.join("target");
    let built = Command::new(cargo)
        .args(["build", "--release", "--package", "bonafide", "--package", "bonafide-guest", "--target-dir"])
        .arg(&target)
        .current_dir(root)
        .status();
    match built {
        Ok(status) if status.success() => Ok(target.join("release/bonafide")),
        Ok(_) => Err(ConformanceError::Failed("`cargo build --release` failed".to_owned())),
        Err(error) => Err(ConformanceError::Failed(format!("cargo: {error}"))),
    }
}
