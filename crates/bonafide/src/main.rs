//! The command line. Scripts depend on it: options, output and exit codes are a contract
//! (0 done, 1 refused or failed with one line on standard error, 2 wrong usage).

#![allow(clippy::disallowed_methods, reason = "the shell: it owns clock, entropy, environment and sockets")]

mod agent_part;
mod backup;
mod client;
mod configuration;
mod data_dir;
mod env;
mod exec;
mod guest;
mod host;
mod info;
mod keeper;
mod opener;
mod options;
mod plane_notes;
mod privileges;
mod proxies;
mod restore;
mod running;
mod serve;
mod shell;
mod token;
mod trust;
mod up;
mod variables;

use bonafide_files::Chosen;
use bonafide_types::printable_lines;
use clap::{Args, Parser, Subcommand};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitCode, ExitStatus};

/// Managed identities for every machine, container and process, on the wire of Azure's.
#[derive(Parser)]
#[command(name = "bonafide", version, about)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run control plane and agent on this machine
    Up(up::Options),
    /// Run the control plane alone, for hosts of other machines
    Serve(serve::Options),
    /// Describe a data directory, running or not
    Info(info::Options),
    /// Print the variables that SDKs and az need
    Env(env::Options),
    /// Run a command as a workload
    Exec(exec::Options),
    /// Attach workloads to this machine; list, enable or disable hosts
    Host(host::Options),
    /// Give this machine, a guest with a kernel of its own, the port of its extension for managed identities
    Guest(guest::Options),
    /// Print a token, or its claims
    Token(token::Options),
    /// Open sockets for the host agent, with the privileges that this takes
    #[command(hide = true)]
    Opener(opener::Options),
    /// Copy the database into a file, while `up` runs or not
    Backup(backup::Options),
    /// Put a backup in the place of the database, while `up` does not run
    Restore(restore::Options),
}

/// The data directory, unless an option names another.
const DEFAULT_DATA_DIR: &str = ".bonafide";

/// The option that names the data directory.
#[derive(Clone, Args)]
struct DataDirOption {
    /// Data directory [default: .bonafide, where it was made for you on this disk]
    #[arg(long, value_name = "DIR", global = true)]
    data_dir: Option<PathBuf>,
}

impl DataDirOption {
    /// The directory, and the reason for which it is taken.
    fn choice(&self) -> (&Path, Chosen) {
        match &self.data_dir {
            Some(named) => (named, Chosen::Named),
            None => (Path::new(DEFAULT_DATA_DIR), Chosen::Found),
        }
    }
}

/// The reason for the exit of a command without success.
type Failure = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    let command = match CommandLine::try_parse() {
        Ok(line) => line.command,
        Err(error) => error.exit(),
    };
    privileges::close_memory();
    let done = match command {
        Command::Up(options) => up::run(options),
        Command::Serve(options) => serve::run(options),
        Command::Info(options) => info::run(&options),
        Command::Env(options) => env::run(&options),
        Command::Exec(options) => exec::run(options),
        Command::Host(options) => host::run(options),
        Command::Guest(options) => guest::run(options),
        Command::Token(options) => token::run(&options),
        Command::Opener(options) => opener::run(&options),
        Command::Backup(options) => backup::run(&options),
        Command::Restore(options) => restore::run(&options),
    };
    done.unwrap_or_else(|failure| {
        say(&failure.to_string());
        ExitCode::FAILURE
    })
}

/// Writes to standard output. A reader that went away is no failure of ours.
fn print(text: &str) {
    use std::io::Write;
    let mut output = std::io::stdout().lock();
    let _ = output.write_all(text.as_bytes()).and_then(|()| output.flush());
}

/// Says something to the user, on standard error. Nobody has to listen, and what others chose of it steers no terminal.
fn say(text: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr().lock(), "bonafide: {}", printable_lines(text));
}

/// The code of a process that ended: its own; 128 and the signal's number when a signal ended it, as shells say it.
fn exit_code(status: ExitStatus) -> ExitCode {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(1);
    ExitCode::from(u8::try_from(code).unwrap_or(1))
}

/// Runs one future to its end.
fn block_on<T>(future: impl Future<Output = T>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let result = runtime.block_on(future);
    runtime.shutdown_background();
    Ok(result)
}
