//! `bonafide exec`

use crate::data_dir::DataDir;
use crate::{DataDirOption, Failure, block_on, exit_code, say, variables};
use bonafide_host::Session;
use bonafide_metadata::{Dialect, dialects};
use bonafide_plane::Description;
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use std::ffi::OsString;
use std::io::ErrorKind;
use std::process::{ExitCode, ExitStatus};
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};

#[derive(Args)]
pub(crate) struct Options {
    #[command(flatten)]
    data_dir: DataDirOption,
    /// Workload to be: ARM id or name [default: demo]
    #[arg(long, value_name = "ID|NAME")]
    workload: Option<String>,
    /// Protocol of the command's endpoint
    #[arg(long, value_name = "NAME", default_value = dialects::APP_SERVICE.name(), value_parser = dialect_of_name())]
    dialect: &'static Dialect,
    /// Take HTTP/1.0 too (ApacheBench and PHP before 8 send it, and so do proxies that do not say that they are)
    #[arg(long = "allow-http-1.0")]
    allow_http_1_0: bool,
    /// Command to run
    #[arg(last = true, required = true, value_name = "CMD")]
    command: Vec<OsString>,
}

/// Reads the name of a dialect.
fn dialect_of_name() -> impl TypedValueParser<Value = &'static Dialect> {
    PossibleValuesParser::new(dialects::ALL.iter().map(|dialect| dialect.name()))
        .try_map(|name| dialects::named(&name).ok_or("there is no such dialect"))
}

/// Variables by which `DefaultAzureCredential` signs in as somebody else before it comes to the managed
/// identity. `AZURE_CLIENT_ID` is not among them: alone it chooses among the workload's identities.
/// Source: azure-identity 1.27 (Python), `environment.py`, `workload_identity.py`, `managed_identity.py`; the
/// same in @azure/identity 4.13 (JavaScript).
const SIGN_IN_VARIABLES: [&str; 7] = [
    "AZURE_CLIENT_SECRET",
    "AZURE_CLIENT_CERTIFICATE_PATH",
    "AZURE_CLIENT_CERTIFICATE_PASSWORD",
    "AZURE_CLIENT_SEND_CERTIFICATE_CHAIN",
    "AZURE_USERNAME",
    "AZURE_PASSWORD",
    "AZURE_FEDERATED_TOKEN_FILE",
];

/// Exit codes for a command that is not there, and for one that cannot be run. Source: POSIX.1-2024, `env`, EXIT STATUS.
const NOT_FOUND: u8 = 127;
const NOT_RUN: u8 = 126;

pub(crate) fn run(options: Options) -> Result<ExitCode, Failure> {
    block_on(execute(options))?
}

async fn execute(options: Options) -> Result<ExitCode, Failure> {
    let dir = DataDir::at(&options.data_dir)?;
    let session = Session::open(&dir.host, options.workload.as_deref(), options.dialect, options.allow_http_1_0);
    let session = session.await?;
    for note in options.dialect.notes().iter().map(ToString::to_string).chain(session.note()) {
        say(&note);
    }
    let variables = match dir.is_of_host() {
        true => variables::of_host(),
        false => variables::variables(&dir.plane, &Description::read(&dir.plane)?)?,
    };
    let (program, arguments) = options.command.split_first().ok_or("there is no command to run")?;
    let mut command = Command::new(program);
    command.args(arguments);
    for name in dialects::variables().into_iter().chain(SIGN_IN_VARIABLES) {
        command.env_remove(name);
    }
    command.envs(variables).envs(options.dialect.environment(&session.endpoint));
    let inherited = session.hold_to_inherit()?;
    let spawned = command.spawn();
    drop(inherited);
    let child = match spawned {
        Ok(child) => child,
        Err(error) => {
            say(&format!("cannot run {}: {error}", program.display()));
            return Ok(ExitCode::from(if error.kind() == ErrorKind::NotFound { NOT_FOUND } else { NOT_RUN }));
        }
    };
    let status = wait(child, &session).await?;
    // The endpoint ends with the command.
    drop(session);
    Ok(exit_code(status))
}

/// Waits for the command. An interrupt from the terminal reaches it too, and is its own to answer; a
/// request to end is passed on.
///
/// When the agent ends before, nobody else gets the endpoint's port while the command may ask there.
async fn wait(mut child: Child, session: &Session) -> Result<ExitStatus, Failure> {
    let mut has_ended = false;
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    loop {
        tokio::select! {
            status = child.wait() => return Ok(status?),
            _ = interrupt.recv() => {}
            () = session.ended(), if !has_ended => {
                has_ended = true;
                say("the agent has ended, and the endpoint of this command refuses connections: start `bonafide up`, if it \
                     does not run, and the command again");
            }
            _ = terminate.recv() => terminate_child(&child),
        }
    }
}

fn terminate_child(child: &Child) {
    let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw);
    if let Some(pid) = pid {
        // A child that is gone already needs no signal.
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
    }
}
