//! `cargo xtask bench [--quick] [--before BINARY --label LABEL] [NAME…]`: what is promised in numbers, each beside the thing
//! that it is compared with, in one run on one machine.
#![allow(clippy::disallowed_methods, reason = "a tool of the shell: it runs programs and reads the clock")]
#![allow(clippy::print_stdout, reason = "it answers on a terminal")]

mod apart;
mod bare;
mod canned;
mod child;
mod cloud;
mod control;
mod host;
mod items;
mod joined;
mod load;
mod machine;
mod namespaces;
mod nginx;
mod plane;
mod report;
mod signer;
mod stats;

use items::ITEMS;
use report::Row;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The reason why a measurement cannot be taken.
pub(crate) type Failure = xtask::connection::Failure;

/// The binary, folders and durations of all measurements.
pub(crate) struct Bench {
    /// The binary that is measured.
    pub(crate) bonafide: PathBuf,
    /// The folder for data directories, on a real disk.
    pub(crate) work: PathBuf,
    /// A smoke test of the measurements: too short for its figures to mean anything.
    pub(crate) quick: bool,
    /// An older build, to measure this one against.
    pub(crate) before: Option<Before>,
}

/// An older build of the binary.
#[derive(Clone)]
pub(crate) struct Before {
    pub(crate) bonafide: PathBuf,
    /// Its name in the results, where there can be rows of several.
    pub(crate) label: String,
}

impl Bench {
    /// One of two amounts of work.
    pub(crate) fn amount<T>(&self, full: T, quick: T) -> T {
        if self.quick { quick } else { full }
    }

    /// An empty folder for one measurement.
    pub(crate) fn folder(&self, name: &str) -> Result<PathBuf, Failure> {
        let folder = self.work.join(name);
        match std::fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(format!("{}: {error}", folder.display()).into())
            }
            _ => {
                std::fs::create_dir_all(&folder)?;
                Ok(folder)
            }
        }
    }
}

const USAGE: &str = "usage: cargo xtask bench [--quick] [--before BINARY --label LABEL] [NAME…]";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    // Parts of a measurement that need a process of their own.
    let part = match arguments.as_slice() {
        ["signer", folder] => Some(signer::serve(folder.as_ref())),
        ["view", data] => Some(items::scale::print_view(data.as_ref())),
        ["apart", name, rows, quick @ ..] => Some(take_apart(name, rows.as_ref(), !quick.is_empty())),
        _ => None,
    };
    if let Some(done) = part {
        return exit(done.map(|()| true));
    }
    let Ok((quick, before, names)) = options(&arguments) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    if let Some(unknown) = names.iter().find(|name| !ITEMS.iter().any(|item| item.name == **name)) {
        let known: Vec<&str> = ITEMS.iter().map(|item| item.name).collect();
        eprintln!("there is no measurement '{unknown}'; there are: {}\n{USAGE}", known.join(", "));
        return ExitCode::from(2);
    }
    exit(run(&names, quick, before))
}

/// `--quick`, the build of `--before`, and the names of measurements; an error for another option, and for a binary or a
/// label without the other.
fn options<'a>(arguments: &[&'a str]) -> Result<(bool, Option<Before>, Vec<&'a str>), ()> {
    let (mut quick, mut before, mut label, mut names) = (false, None, None, Vec::new());
    let mut rest = arguments.iter().copied();
    while let Some(argument) = rest.next() {
        match argument {
            "--quick" => quick = true,
            "--before" => before = Some(PathBuf::from(rest.next().ok_or(())?)),
            "--label" => label = Some(rest.next().ok_or(())?.to_owned()),
            option if option.starts_with('-') => return Err(()),
            name => names.push(name),
        }
    }
    let before = match (before, label) {
        (Some(bonafide), Some(label)) => Some(Before { bonafide, label }),
        (None, None) => None,
        _ => return Err(()),
    };
    Ok((quick, before, names))
}

fn exit(done: Result<bool, Failure>) -> ExitCode {
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Takes one measurement in a process that has a network of its own, and leaves its rows in a file.
fn take_apart(name: &str, rows: &Path, quick: bool) -> Result<(), Failure> {
    let measure = items::APART.iter().find(|(apart, _)| *apart == name).ok_or("no such measurement")?.1;
    apart::begin()?;
    let taken = measure(&bench(quick, None)?)?;
    Ok(std::fs::write(rows, Row::write_all(&taken).to_string())?)
}

/// The environment of all measurements: all that lies beside this program.
fn bench(quick: bool, before: Option<Before>) -> Result<Bench, Failure> {
    let here = std::env::current_exe()?;
    let built = here.parent().ok_or("this program lies nowhere")?;
    Ok(Bench { bonafide: built.join("bonafide"), work: built.join("bench-data"), quick, before })
}

/// Runs the measurements that are named, or all; false when one could not be taken. A target that is
/// missed is a result, not a failure.
fn run(names: &[&str], quick: bool, before: Option<Before>) -> Result<bool, Failure> {
    let bench = bench(quick, before)?;
    if !bench.bonafide.exists() {
        return Err(
            format!("{} is not there; run `cargo xtask bench`, which builds it", bench.bonafide.display()).into()
        );
    }
    std::fs::create_dir_all(&bench.work)?;
    println!("{}", machine::describe());
    let mut rows = Vec::new();
    let mut all_taken = true;
    let wanted = |item: &&items::Item| match names {
        // Without the binary that one measurement needs, its rows of an earlier run stay.
        [] => item.name != items::BEFORE || bench.before.is_some(),
        names => names.contains(&item.name),
    };
    for item in ITEMS.iter().filter(wanted) {
        println!("\n{}: {}", item.name, item.what);
        let taken = (item.measure)(&bench).unwrap_or_else(|error| {
            all_taken = false;
            vec![Row::failed(item.what, &error.to_string())]
        });
        for row in &taken {
            println!("  {row}");
        }
        rows.extend(taken.into_iter().map(|row| (item.name, row)));
    }
    // After a failure the folder stays, for whoever looks for the cause.
    if all_taken {
        let _ = std::fs::remove_dir_all(&bench.work);
    }
    if quick {
        println!("\n--quick: figures of a smoke test, not written to RESULTS.md");
    } else {
        report::write(&rows, bench.before.as_ref())?;
    }
    Ok(all_taken)
}
