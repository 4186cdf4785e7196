//! The command line. Scripts depend on it: options, output and exit codes are a contract
//! (0 done, 1 refused or failed with one line on standard error, 2 wrong usage).

#![allow(clippy::disallowed_methods, reason = "the shell: it owns clock, entropy, environment and sockets")]

mod data_dir;
mod env;
mod exec;
mod host;
mod info;
mod shell;
mod token;
mod trust;
mod up;
mod variables;

use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

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
    /// Describe a data directory, running or not
    Info(info::Options),
    /// Print the variables that SDKs and az need
    Env(env::Options),
    /// Run a command as a workload
    Exec(exec::Options),
    /// List, enable or disable hosts
    Host(host::Options),
    /// Print a token, or its claims
    Token(token::Options),
}

/// The data directory, unless an option names another.
const DEFAULT_DATA_DIR: &str = ".bonafide";

/// The option that names the data directory.
#[derive(Clone, Args)]
struct DataDirOption {
    /// Data directory
    #[arg(long, default_value = DEFAULT_DATA_DIR, value_name = "DIR")]
    data_dir: PathBuf,
}

/// The reason for the exit of a command without success.
type Failure = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    let command = match CommandLine::try_parse() {
        Ok(line) => line.command,
        Err(error) => error.exit(),
    };
    let done = match command {
        Command::Up(options) => up::run(options),
        Command::Info(options) => info::run(&options),
        Command::Env(options) => env::run(&options),
        Command::Exec(options) => exec::run(options),
        Command::Host(options) => host::run(options),
        Command::Token(options) => token::run(&options),
    };
    done.unwrap_or_else(|failure| {
        eprintln!("bonafide: {failure}");
        ExitCode::FAILURE
    })
}

/// Writes to standard output. A reader that went away is no failure of ours.
fn print(text: &str) {
    use std::io::Write;
    let mut output = std::io::stdout().lock();
    let _ = output.write_all(text.as_bytes()).and_then(|()| output.flush());
}

/// Runs one future to its end.
fn block_on<T>(future: impl Future<Output = T>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let result = runtime.block_on(future);
    runtime.shutdown_background();
    Ok(result)
}
