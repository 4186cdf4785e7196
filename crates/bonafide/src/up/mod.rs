//! `bonafide up`

mod described;
mod hosts;
mod link_local;
mod local;
mod notes;
mod options;
mod own_endpoint;
mod start;

use crate::data_dir::DataDir;
use crate::keeper::{self, Command, Keeper, Kept, Passed};
use crate::options::{HOSTS_ADDRESS, Throttle, address, throttle, token_lifetime};
use crate::proxies::trusted_proxy;
use crate::running::{Given, Signals, needed};
use crate::shell::sh_quoted;
use crate::{DEFAULT_DATA_DIR, DataDirOption, Failure, block_on, print, privileges, say};
use bonafide_crypto::prepare_entropy;
use bonafide_host::bindings::loopback;
use bonafide_http::{Log, Sockets, TrustedProxy, log_uncaught};
use bonafide_plane::{Description, HOSTS, PUBLIC, PlaneOptions, PublicName};
use bonafide_types::{printable_json, printable_lines};
use clap::Args;
use options::UpOptions;
use start::Up;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

#[derive(Args)]
pub(crate) struct Options {
    #[command(flatten)]
    data_dir: DataDirOption,
    /// Address of the public HTTPS origin: a loopback address, or 0.0.0.0 for every interface. It is
    /// part of each token's issuer; 127.0.0.1:0 picks a free port, and so another issuer, at each start
    #[arg(long, default_value = "127.0.0.1:8443", value_name = "ADDRESS:PORT", value_parser = address)]
    listen: SocketAddr,
    /// Address of the hosts listener, mTLS (127.0.0.1:0 picks a free port) [default: 127.0.0.1:8444, or a free port where
    /// that is taken]
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = address)]
    hosts_listen: Option<SocketAddr>,
    /// Name or IP address by which clients and hosts reach this machine, with the port where it is another than that of
    /// --listen (repeatable; the first is part of each token's issuer) [default: localhost]
    #[arg(long = "public-name", value_name = "NAME[:PORT]")]
    public_names: Vec<PublicName>,
    /// Make a new authority for the certificates of this installation's servers, for the --public-name of now; clients and
    /// hosts are to trust the new ca.pem
    #[arg(long)]
    new_authority: bool,
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
    /// Lifetime of tokens for which no policy of their tenant says another: 5m to 24h (also in seconds, as in 900)
    /// [default: 24h for managed identities, 1h for applications]
    #[arg(long, value_name = "TIME", value_parser = token_lifetime)]
    token_lifetime: Option<u32>,
    /// Make a new secret and certificate for the operator; the old ones stop working, and tokens that were had with
    /// them do within an hour
    #[arg(long)]
    reset_operator: bool,
    /// Let any user of this machine use the metadata endpoints
    #[arg(long)]
    any_user: bool,
    /// Limits of each workload at its metadata endpoint: requests a second, and new tokens that callers wait for at once;
    /// off also lifts the limit of each client at the token service
    #[arg(long, value_name = "RATE,CONCURRENT|off", value_parser = throttle, default_value_t = Throttle::default())]
    throttle: Throttle,
    /// Do not refresh tokens in the background
    #[arg(long)]
    no_refresh_ahead: bool,
    /// Take HTTP/1.0 at demo's metadata endpoint too (ApacheBench and PHP before 8 send it, and so do proxies that do
    /// not say that they are)
    #[arg(long = "allow-http-1.0")]
    allow_http_1_0: bool,
    /// Also serve workload demo on the real 169.254.169.254:80 (root)
    #[arg(long)]
    link_local: bool,
    /// Address at which the agent reaches the hosts listener, when something stands in between
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = address, hide = true)]
    hosts_connect: Option<SocketAddr>,
    /// Address of a proxy in front of --listen: its connections must begin with the PROXY protocol (v1 or v2), and
    /// count for the clients that it names. On this machine only those of root and of yourself do, or of the user that
    /// you name, as in 127.0.0.1@haproxy (repeatable)
    #[arg(long = "trusted-proxy", value_name = "ADDRESS[@USER]", value_parser = trusted_proxy)]
    trusted_proxies: Vec<TrustedProxy>,
    #[command(flatten)]
    kept: Kept,
    /// Do not log requests
    #[arg(long)]
    quiet: bool,
}

/// This command, for its keeper.
const COMMAND: Command = Command {
    name: "up",
    sockets: &[
        Passed { name: PUBLIC, is_for_others: true },
        Passed { name: HOSTS, is_for_others: true },
        Passed { name: loopback::NAME, is_for_others: false },
    ],
    reloads: false,
    opens: true,
};

pub(crate) fn run(options: Options) -> Result<ExitCode, Failure> {
    privileges::leave_no_core();
    let Some(keeper) = options.kept.by else { return keeper::keep(&COMMAND) };
    let (keeper, sockets, openers) = Keeper::begin(keeper)?;
    let wanted = wanted(&options, &sockets);
    // Before anything is made: an address that no certificate can be for is refused.
    wanted.plane.check_origin()?;
    let (dir, _begun) = DataDir::create(&options.data_dir)?;
    let ports = [
        (PUBLIC, Some(options.listen.port())),
        (HOSTS, options.hosts_listen.map(|address| address.port())),
        (loopback::NAME, options.imds_port),
    ];
    privileges::give_up_capabilities(needed(&ports, &sockets))?;
    // Not before: a thread takes the privileges along that there are when it begins.
    prepare_entropy();
    dir.check_in_reach()?;
    let opener = openers.start()?;
    block_on(serve(options, wanted, dir, Given { keeper, sockets, opener }))?
}

/// The options as the parts take them. A socket that was opened before has its address.
fn wanted(options: &Options, sockets: &Sockets) -> UpOptions {
    UpOptions {
        plane: PlaneOptions {
            listen: sockets.address(PUBLIC).unwrap_or(options.listen),
            hosts_listen: sockets.address(HOSTS).or(options.hosts_listen).unwrap_or(HOSTS_ADDRESS),
            hosts_may_move: options.hosts_listen.is_none(),
            public_names: options.public_names.clone(),
            certificate: None,
            // Once, as below.
            new_authority: options.new_authority && !options.kept.resumed,
            empty: options.empty,
            resources: options.resources.clone(),
            throttle: options.throttle != Throttle::Off,
            token_lifetime: options.token_lifetime,
            // Once: a start after a crash is the same one.
            reset_operator: options.reset_operator && !options.kept.resumed,
            trusted_proxies: options.trusted_proxies.clone(),
        },
        imds_port: options.imds_port,
        any_user: options.any_user,
        throttle: options.throttle,
        refresh_ahead: !options.no_refresh_ahead,
        allow_http_1_0: options.allow_http_1_0,
        link_local: options.link_local,
        hosts_connect: options.hosts_connect,
    }
}

async fn serve(options: Options, wanted: UpOptions, dir: DataDir, given: Given) -> Result<ExitCode, Failure> {
    let signals = Signals::listen(&COMMAND)?;
    let log = if options.quiet { Log::off() } else { Log::to(std::io::stderr())? };
    log_uncaught(Arc::clone(&log))?;
    let up = start::up(wanted, dir, &given, Arc::clone(&log)).await?;
    given.keeper.ready();
    // After a crash everything is as it was said to be.
    for note in up.notes.iter().filter(|_| !options.kept.resumed) {
        say(note);
    }
    if options.kept.resumed {
        say("it serves again");
    } else if options.json {
        print(&format!("{}\n", printable_json(&serde_json::to_string(&up.description)?)));
    } else {
        print(&printable_lines(&greeting(&up, &options.data_dir)));
    }
    let link_local = options.link_local.then(|| {
        format!(
            "169.254.169.254 stays on this machine, so that nobody else on the network answers for it; to take it away: {}",
            link_local::REMOVE
        )
    });
    let done = up.tasks.run(signals, &log, async || {}).await;
    link_local.iter().for_each(|note| say(note));
    Ok(done)
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
    let (dir, _) = data_dir.choice();
    if dir.as_os_str() == DEFAULT_DATA_DIR {
        return String::new();
    }
    let dir = std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned());
    format!(" --data-dir {}", sh_quoted(&dir.display().to_string()))
}
