//! `bonafide host`

mod attach;
mod deciding;
mod detach;
mod join;
mod list;
mod place;
mod placing;
mod remote;
mod run;
mod token;

use crate::client::ClientOptions;
use crate::data_dir::DataDir;
use crate::{DataDirOption, Failure, block_on, print, say};
use bonafide_host::{DECISION_SEEN_WITHIN, HostLine, HostOrder, HostState};
use clap::{Args, Subcommand};
use std::process::ExitCode;

#[derive(Args)]
pub(crate) struct Options {
    #[command(flatten)]
    data_dir: DataDirOption,
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Make a place on this machine a workload: a network namespace, an interface, a socket, a port
    Attach(Box<attach::Options>),
    /// Take that away again, at once
    Detach(detach::Options),
    /// List the hosts, and what is attached on this machine
    List {
        /// Print one JSON object on a line
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        client: ClientOptions,
    },
    /// Make this machine a host of a control plane elsewhere, with a token that one who may do so made
    Join(Box<join::Options>),
    /// Run the agent of this machine, which has joined a control plane elsewhere
    Run(run::Options),
    /// Tokens to join with
    Token(token::Options),
    /// Put a workload on a host
    Place(placing::Options),
    /// Take a workload from a host
    Displace(placing::Options),
    /// Let a host that was disabled or is frozen join again, with a new token; certificates that it had do not count any more
    Enable {
        /// Its name or id
        host: String,
        #[command(flatten)]
        client: ClientOptions,
    },
    /// Refuse a host whatever it asks; it forgets its tokens and keys, and what is placed on it stays so
    Disable {
        /// Its name or id
        host: String,
        #[command(flatten)]
        client: ClientOptions,
    },
}

pub(crate) fn run(options: Options) -> Result<ExitCode, Failure> {
    let data_dir = options.data_dir;
    match options.action {
        Action::Attach(options) => attach::run(&DataDir::at(&data_dir)?, *options)?,
        Action::Detach(options) => detach::run(&DataDir::at(&data_dir)?, &options)?,
        Action::List { json, client } => list::run(&data_dir, &client, json)?,
        Action::Join(options) => join::run(&data_dir, *options)?,
        Action::Run(options) => return run::run(&data_dir, options),
        Action::Token(options) => token::run(&data_dir, options)?,
        Action::Place(options) => placing::run(&data_dir, &options, "place")?,
        Action::Displace(options) => placing::run(&data_dir, &options, "displace")?,
        Action::Enable { host, client } => {
            decide(&data_dir, &client, HostOrder::Enable(host))?;
            say(&format!(
                "certificates of before it was disabled or frozen do not count any more. The host that `bonafide up` itself is \
                 joins again within {} seconds; any other joins with a new token: `bonafide host token create --host NAME`, \
                 and on its machine, while its agent is stopped, `bonafide host join`",
                DECISION_SEEN_WITHIN.as_secs()
            ));
        }
        Action::Disable { host, client } => decide(&data_dir, &client, HostOrder::Disable(host))?,
    }
    Ok(ExitCode::SUCCESS)
}

fn decide(data_dir: &DataDirOption, client: &ClientOptions, order: HostOrder) -> Result<(), Failure> {
    let hosts = block_on(deciding::hosts(data_dir, client, order))??;
    print(&hosts.iter().map(line).collect::<String>());
    Ok(())
}

fn line(host: &HostLine) -> String {
    let HostLine { id, name, state, since, certificate_issued_at } = host;
    let state = match (state, since) {
        (HostState::Enabled, _) => "enabled".to_owned(),
        (HostState::Disabled, _) => "disabled".to_owned(),
        (HostState::Frozen, Some(since)) => format!("frozen since {since}: two hosts used its certificates"),
        (HostState::Frozen, None) => "frozen".to_owned(),
    };
    let issued = certificate_issued_at.as_deref().unwrap_or("never");
    format!("{name}  {id}  {state}  (certificate issued: {issued})\n")
}
