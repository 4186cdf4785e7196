//! `bonafide serve`: the control plane alone.

mod configuration;
mod reload;

use crate::data_dir::DataDir;
use crate::keeper::{self, Command, Keeper, Kept, Passed};
use crate::plane_notes::{moved_note, plane_notes};
use crate::running::{Signals, Tasks, http_limits, needed};
use crate::shell::sh_quoted;
use crate::{DataDirOption, Failure, block_on, print, privileges, say};
use bonafide_crypto::{prepare_entropy, thumbprint};
use bonafide_host::user_of;
use bonafide_http::{Log, Sockets, log_uncaught};
use bonafide_plane::{Description, HOSTS, Opened, PUBLIC, PlaneOptions, Running};
use bonafide_types::{printable_json, printable_lines};
use clap::Args;
use configuration::Configuration;
use reload::Reload;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

#[derive(Args)]
pub(crate) struct Options {
    /// Configuration file (TOML); docs/guide/serve.md describes its members
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Say whether the configuration can be used, with the files that it names, and start nothing
    #[arg(long)]
    check: bool,
    /// Print one JSON object on a line when ready, and nothing else, on standard output
    #[arg(long)]
    json: bool,
    /// Make a new secret and certificate for the operator; the old ones stop working, and tokens that were had with
    /// them do within an hour
    #[arg(long)]
    reset_operator: bool,
    /// Make a new authority for the certificates of this installation's servers, for the public names of now; clients and
    /// hosts are to trust the new ca.pem
    #[arg(long)]
    new_authority: bool,
    #[command(flatten)]
    kept: Kept,
}

/// This command, for its keeper.
const COMMAND: Command = Command {
    name: "serve",
    sockets: &[Passed { name: PUBLIC, is_for_others: true }, Passed { name: HOSTS, is_for_others: true }],
    reloads: true,
    opens: false,
};

pub(crate) fn run(options: Options) -> Result<ExitCode, Failure> {
    let configuration = Configuration::read(&options.config)?;
    configuration.plane().check_origin()?;
    if options.check {
        configuration.plane().check()?;
        print("the configuration can be used\n");
        return Ok(ExitCode::SUCCESS);
    }
    privileges::leave_no_core();
    let Some(keeper) = options.kept.by else { return keeper::keep(&COMMAND) };
    let (keeper, sockets, _) = Keeper::begin(keeper)?;
    let mut wanted = configuration.plane();
    let ports = [(PUBLIC, Some(wanted.listen.port())), (HOSTS, Some(wanted.hosts_listen.port()))];
    let ports = needed(&ports, &sockets);
    // A socket that was opened before has its address.
    wanted.listen = sockets.address(PUBLIC).unwrap_or(wanted.listen);
    wanted.hosts_listen = sockets.address(HOSTS).unwrap_or(wanted.hosts_listen);
    wanted.check_origin()?;
    // Once: a start after a crash is the same one.
    wanted.reset_operator = options.reset_operator && !options.kept.resumed;
    wanted.new_authority = options.new_authority && !options.kept.resumed;
    let (dir, _begun) = DataDir::create(&DataDirOption { data_dir: Some(configuration.data_dir()) })?;
    privileges::give_up_capabilities(ports)?;
    // Not before: a thread takes the privileges along that there are when it begins.
    prepare_entropy();
    dir.check_in_reach()?;
    block_on(serve(options, configuration, wanted, dir, (keeper, sockets)))?
}

async fn serve(
    options: Options,
    configuration: Configuration,
    wanted: PlaneOptions,
    dir: DataDir,
    (keeper, sockets): (Keeper, Sockets),
) -> Result<ExitCode, Failure> {
    let signals = Signals::listen(&COMMAND)?;
    let log = Log::to(std::io::stderr())?;
    log.quieten(configuration.is_quiet());
    log_uncaught(Arc::clone(&log))?;
    let traces = dir.host.traces();
    let opened = Opened::open(dir.plane.clone(), &wanted, &traces, &sockets, Arc::clone(&log))?;
    let is_new = opened.is_new;
    let (mut tasks, stopped) = Tasks::new();
    let plane = opened.serve(&wanted, (http_limits(), user_of), &mut tasks.set, &stopped)?;
    let description = plane.describe(&dir.plane, Vec::new());
    let before = Description::read(&dir.plane).ok();
    description.write(&dir.plane)?;
    keeper.ready();
    if options.kept.resumed {
        say("it serves again");
    } else {
        let moved = before.and_then(|before| moved_note(&before, &description));
        let clock = plane.check_clock().err().map(|why| why.to_string());
        plane_notes(&wanted, &dir.plane, &plane).into_iter().chain(moved).chain(clock).for_each(|note| say(&note));
        match options.json {
            true => print(&format!("{}\n", printable_json(&serde_json::to_string(&description)?))),
            false => print(&printable_lines(&greeting(&plane, &description, is_new))),
        }
    }
    let mut reload = Reload { file: options.config, configuration, plane: Arc::new(plane), log: Arc::clone(&log) };
    let done = tasks.run(signals, &log, async || {
        reload.reload().await;
        keeper.ready();
    });
    Ok(done.await)
}

/// The text for people: the endpoints, the operator's files, and how a host joins.
fn greeting(plane: &Running, description: &Description, is_new: bool) -> String {
    let Description { tenant_id, subscription_id, endpoints, ca_file, operator, .. } = description;
    let state = if is_new { "Everything was made for you; it stays in the data directory." } else { "Welcome back." };
    format!(
        "bonafide serves. {state}\n\n  tenant        {tenant_id}\n  subscription  {subscription_id}\n  login         {}\n  \
         management    {}\n  graph         {}\n  hosts         {}\n  CA to trust   {}\n  operator      {}\n                \
         secret in {}\n                certificate in {}\n\nA host joins with a token that `bonafide host token create` \
         makes:\n\n  bonafide host join --url {} --ca-sha256 {} --token-file FILE\n\nSIGHUP has it read its configuration \
         again, Ctrl-C stops it.\n",
        endpoints.login,
        endpoints.management,
        endpoints.graph,
        endpoints.hosts,
        ca_file.display(),
        operator.client_id,
        operator.secret_file.display(),
        operator.certificate_file.display(),
        sh_quoted(&endpoints.hosts),
        thumbprint::sha256_hex(&plane.ca_der),
    )
}
