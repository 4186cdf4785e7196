//! `bonafide up`

mod described;
mod hosts;
mod local;
mod options;
mod own_endpoint;
mod start;

use crate::shell::sh_quoted;
use crate::{DEFAULT_DATA_DIR, DataDirOption, Failure, block_on, print};
use bonafide_http::Log;
use bonafide_plane::{Description, PlaneOptions};
use bonafide_types::limits::{METADATA_CONCURRENT, METADATA_RATE_PER_SECOND};
use clap::Args;
use options::{ThrottleOption, UpOptions};
use start::Up;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use tokio::signal::unix::{SignalKind, signal};

#[derive(Args)]
pub(crate) struct Options {
    #[command(flatten)]
    data_dir: DataDirOption,
    /// Address of the public HTTPS origin: a loopback address, or 0.0.0.0 for every interface. It is
    /// part of each token's issuer; port 0 picks a free port, and so another issuer, at each start
    #[arg(long, default_value = "127.0.0.1:8443", value_name = "ADDRESS:PORT", value_parser = address)]
    listen: SocketAddr,
    /// Address of the hosts listener, mTLS (port 0 picks a free one)
    #[arg(long, default_value = "127.0.0.1:8444", value_name = "ADDRESS:PORT", value_parser = address)]
    hosts_listen: SocketAddr,
    /// Port of workload demo's metadata endpoint [default: a free one, chosen once and kept]
    #[arg(long, value_name = "PORT")]
    imds_port: Option<u16>,
    /// Print one JSON object on a line when ready, and nothing else, on standard output
    #[arg(long)]
    json: bool,
    /// On first start, make tenant, subscription and operator only
    #[arg(long)]
    empty: bool,
    /// A resource of your own that tokens may be asked for, such as api://orders (repeatable; it stays)
    #[arg(long = "resource", value_name = "URI")]
    resources: Vec<String>,
    /// Make a new secret and certificate for the operator; the old ones stop working, and tokens that were had with
    /// them do within an hour
    #[arg(long)]
    reset_operator: bool,
    /// Let any user of this machine use the metadata endpoints
    #[arg(long)]
    any_user: bool,
    /// Limits of each workload at its metadata endpoint: requests a second, and requests at once
    #[arg(long, value_name = "RATE,CONCURRENT|off", value_parser = throttle, default_value_t = Throttle::default())]
    throttle: Throttle,
    /// Do not refresh tokens in the background
    #[arg(long)]
    no_refresh_ahead: bool,
    /// Also serve workload demo on the real 169.254.169.254:80 (root)
    #[arg(long)]
    link_local: bool,
    /// Address at which the agent reaches the hosts listener, when something stands in between
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = address, hide = true)]
    hosts_connect: Option<SocketAddr>,
    /// Do not log requests
    #[arg(long)]
    quiet: bool,
}

#[derive(Clone, Copy)]
struct Throttle(ThrottleOption);

impl Default for Throttle {
    fn default() -> Self {
        Self(ThrottleOption::On { rate: METADATA_RATE_PER_SECOND, concurrent: METADATA_CONCURRENT })
    }
}

impl std::fmt::Display for Throttle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            ThrottleOption::On { rate, concurrent } => write!(f, "{rate},{concurrent}"),
            ThrottleOption::Off => f.write_str("off"),
        }
    }
}

fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "give an IP address and a port, as in 127.0.0.1:8443".to_owned())
}

fn throttle(text: &str) -> Result<Throttle, String> {
    if text == "off" {
        return Ok(Throttle(ThrottleOption::Off));
    }
    let numbers = text.split_once(',').and_then(|(rate, concurrent)| {
        let (rate, concurrent) = (rate.parse().ok()?, concurrent.parse().ok()?);
        (rate > 0 && concurrent > 0).then_some(ThrottleOption::On { rate, concurrent })
    });
    numbers.map(Throttle).ok_or_else(|| "give two numbers above zero, as in 20,5, or off".to_owned())
}

pub(crate) fn run(options: Options) -> Result<ExitCode, Failure> {
    block_on(serve(options))?
}

async fn serve(options: Options) -> Result<ExitCode, Failure> {
    // Before anything is started, so that an early signal is not lost.
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let log = if options.quiet { Log::off() } else { Log::to(std::io::stderr())? };
    let (json, data_dir) = (options.json, options.data_dir.clone());
    let up = start::up(
        UpOptions {
            data_dir: options.data_dir.data_dir,
            plane: PlaneOptions {
                listen: options.listen,
                hosts_listen: options.hosts_listen,
                empty: options.empty,
                resources: options.resources,
                reset_operator: options.reset_operator,
            },
            imds_port: options.imds_port,
            any_user: options.any_user,
            throttle: options.throttle.0,
            refresh_ahead: !options.no_refresh_ahead,
            link_local: options.link_local,
            hosts_connect: options.hosts_connect,
        },
        Arc::clone(&log),
    )
    .await?;
    for note in &up.notes {
        eprintln!("bonafide: {note}");
    }
    if json {
        print(&format!("{}\n", serde_json::to_string(&up.description)?));
    } else {
        print(&greeting(&up, &data_dir));
    }
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    up.stop().await;
    log.flush();
    Ok(ExitCode::SUCCESS)
}

/// The text for people: the endpoints, and commands to paste.
fn greeting(up: &Up, data_dir: &DataDirOption) -> String {
    let Description { tenant_id, subscription_id, endpoints, ca_file, operator, workloads } = &up.description;
    let state =
        if up.is_new { "Everything was made for you; it stays in the data directory." } else { "Welcome back." };
    let mut text = format!(
        "bonafide is up. {state}\n\n  tenant        {tenant_id}\n  subscription  {subscription_id}\n  login         {}\n  \
         management    {}\n  graph         {}\n  CA to trust   {}\n  operator      {}\n                secret in {}\n                \
         certificate in {}\n",
        endpoints.login,
        endpoints.management,
        endpoints.graph,
        ca_file.display(),
        operator.client_id,
        operator.secret_file.display(),
        operator.certificate_file.display(),
    );
    for workload in workloads {
        text += &format!("  workload      {}\n                at {}\n", workload.resource_id, workload.endpoint);
    }
    if let Some(workload) = workloads.first() {
        text += &format!(
            "\nA token, as on Azure:\n\n  curl -H Metadata:true '{}/metadata/identity/oauth2/token?api-version=2018-02-01\
             &resource=https://management.azure.com/'\n",
            workload.endpoint
        );
        text += &format!(
            "\nAny Azure SDK, unchanged:\n\n  bonafide exec{} -- python3 your_program.py\n",
            to_paste(data_dir)
        );
    }
    if workloads.is_empty() {
        text += "\nThere is no workload demo; docs/guide/enabling.md says how to give a machine an identity.\n";
    }
    text + "\nCtrl-C stops it.\n"
}

/// The option that leads another command here, from any folder; nothing for the default.
fn to_paste(data_dir: &DataDirOption) -> String {
    let dir = &data_dir.data_dir;
    if dir.as_os_str() == DEFAULT_DATA_DIR {
        return String::new();
    }
    let dir = std::path::absolute(dir).unwrap_or_else(|_| dir.clone());
    format!(" --data-dir {}", sh_quoted(&dir.display().to_string()))
}
