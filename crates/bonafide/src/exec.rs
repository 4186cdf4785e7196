//! `bonafide exec`

use crate::data_dir::DataDir;
use crate::variables::variables;
use crate::{DataDirOption, Failure, block_on};
use bonafide_host::Session;
use bonafide_plane::Description;
use clap::{Args, ValueEnum};
use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt;
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
    #[arg(long, value_enum, default_value_t = Dialect::AppService)]
    dialect: Dialect,
    /// Command to run
    #[arg(last = true, required = true, value_name = "CMD")]
    command: Vec<OsString>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Dialect {
    AppService,
    Imds,
}

/// Variables by which SDKs choose a managed-identity endpoint; those of the caller's own environment
/// must not lead elsewhere. `APPSETTING_WEBSITE_SITE_NAME` is one of them: with it msrestazure 0.6 (older az)
/// asks `MSI_ENDPOINT` in version 2017-09-01, and fails where there is none.
const ENDPOINT_VARIABLES: [&str; 11] = [
    "IDENTITY_ENDPOINT",
    "IDENTITY_HEADER",
    "IDENTITY_SERVER_THUMBPRINT",
    "IDENTITY_API_VERSION",
    "IMDS_ENDPOINT",
    "MSI_ENDPOINT",
    "MSI_SECRET",
    "AZURE_POD_IDENTITY_AUTHORITY_HOST",
    "ARM_MSI_ENDPOINT",
    "IDENTITY_SECRET",
    "APPSETTING_WEBSITE_SITE_NAME",
];

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

pub(crate) fn run(options: Options) -> Result<ExitCode, Failure> {
    block_on(execute(options))?
}

async fn execute(options: Options) -> Result<ExitCode, Failure> {
    let dir = DataDir::at(&options.data_dir.data_dir)?;
    let name = if options.dialect == Dialect::AppService { "app-service" } else { "imds" };
    let session = Session::open(&dir.host, options.workload.as_deref(), name).await?;
    if options.dialect == Dialect::Imds {
        for note in IMDS_NOTES {
            eprintln!("bonafide: {note}");
        }
    }
    let description = Description::read(&dir.plane)?;
    let (program, arguments) = options.command.split_first().ok_or("there is no command to run")?;
    let mut command = Command::new(program);
    command.args(arguments);
    for name in ENDPOINT_VARIABLES.into_iter().chain(SIGN_IN_VARIABLES) {
        command.env_remove(name);
    }
    command.envs(variables(&dir.plane, &description)?).envs(endpoint_variables(&session));
    let child = command.spawn().map_err(|error| format!("cannot run {}: {error}", program.display()))?;
    let status = wait(child).await?;
    // The endpoint ends with the command.
    drop(session);
    Ok(exit_code(status))
}

/// What the clients of the endpoint's dialect read. `MSI_ENDPOINT` and `MSI_SECRET` announce version 2017-09-01, which is
/// not served.
fn endpoint_variables(session: &Session) -> Vec<(&'static str, String)> {
    let endpoint = format!("http://127.0.0.1:{}", session.port);
    match &session.secret {
        Some(secret) => {
            vec![("IDENTITY_ENDPOINT", format!("{endpoint}/msi/token")), ("IDENTITY_HEADER", secret.expose().clone())]
        }
        None => vec![
            ("AZURE_POD_IDENTITY_AUTHORITY_HOST", endpoint.clone()),
            // Terraform's whole address. Source: its azurerm provider, `msi_endpoint`.
            ("ARM_MSI_ENDPOINT", format!("{endpoint}/metadata/identity/oauth2/token")),
        ],
    }
}

/// What those who choose dialect `imds` should know: some clients end up at another machine's identity, or at none,
/// and do not say so.
const IMDS_NOTES: [&str; 2] = [
    "clients that cannot be redirected (Go, C++, older ones) ask this machine's own 169.254.169.254 and do not \
     say so: use the default dialect for them, or `bonafide up --link-local`",
    "DefaultAzureCredential of .NET finds this endpoint only with AZURE_TOKEN_CREDENTIALS=ManagedIdentityCredential, or in \
     the default dialect: it probes first, and takes a refusal as an answer from 169.254.169.254 alone",
];

/// Waits for the command. An interrupt from the terminal reaches it too, and is its own to answer; a
/// request to end is passed on.
async fn wait(mut child: Child) -> Result<ExitStatus, Failure> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    loop {
        tokio::select! {
            status = child.wait() => return Ok(status?),
            _ = interrupt.recv() => {}
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

/// The command's own code; 128 and the signal's number when a signal ended it, as shells say it.
fn exit_code(status: ExitStatus) -> ExitCode {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(1);
    ExitCode::from(u8::try_from(code).unwrap_or(1))
}
