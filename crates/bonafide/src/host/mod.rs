//! `bonafide host`

mod attach;
mod detach;
mod list;
mod place;

use crate::data_dir::DataDir;
use crate::{DataDirOption, Failure, block_on, print, say};
use bonafide_host::{DECISION_SEEN_WITHIN, HostLine, HostOrder, HostState, order_about_hosts};
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
    },
    /// Let a host that was disabled or is frozen join again; certificates that it had do not count any more
    Enable {
        /// Its name or id
        host: String,
    },
    /// Refuse a host whatever it asks; it forgets its tokens and keys
    Disable {
        /// Its name or id
        host: String,
    },
}

pub(crate) fn run(options: Options) -> Result<ExitCode, Failure> {
    let dir = DataDir::at(&options.data_dir)?;
    let order = match options.action {
        Action::Attach(options) => return attach::run(&dir, *options).map(|()| ExitCode::SUCCESS),
        Action::Detach(options) => return detach::run(&dir, &options).map(|()| ExitCode::SUCCESS),
        Action::List { json } => return list::run(&dir, json).map(|()| ExitCode::SUCCESS),
        Action::Enable { host } => HostOrder::Enable(host),
        Action::Disable { host } => HostOrder::Disable(host),
    };
    let is_to_join = matches!(order, HostOrder::Enable(_));
    let hosts = block_on(order_about_hosts(&dir.host, order))??;
    print(&hosts.iter().map(line).collect::<String>());
    if is_to_join {
        let seconds = DECISION_SEEN_WITHIN.as_secs();
        say(&format!(
            "a host that was disabled or frozen joins again within {seconds} seconds, and has no new token until then"
        ));
    }
    Ok(ExitCode::SUCCESS)
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
