//! `bonafide host attach`

use super::place;
use crate::data_dir::DataDir;
use crate::shell::Shell;
use crate::{Failure, block_on, print, say};
use bonafide_host::bindings::{AttachedBinding, BindingLine, BindingOptions, Wanted, WantedRules};
use bonafide_metadata::{Endpoint, dialects};
use bonafide_types::{Secret, printable_lines};
use clap::Args;
use std::os::fd::AsFd;
use std::path::PathBuf;

const EXAMPLES: &str = "Examples:
  bonafide host attach --workload web --netns web
  bonafide host attach --workload web --netns \"$(podman inspect --format '{{.State.Pid}}' web)\"
  bonafide host attach --workload vm1 --tap tap0
  bonafide host attach --workload web --unix /run/web/metadata.sock --mode 660
  eval \"$(bonafide host attach --workload web --port 5001)\"";

#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Options {
    /// Workload that the place becomes: ARM id or name
    #[arg(long, value_name = "ID|NAME")]
    workload: String,
    #[command(flatten)]
    place: place::Options,
    #[command(flatten)]
    chosen: place::Chosen,
    /// Protocol: imds, app-service, cloud-shell [default: imds; at a port app-service]
    #[arg(long, value_name = "NAME")]
    dialect: Option<String>,
    /// Let every user of the machine use the port, and not only who attaches it
    #[arg(long, requires = "port")]
    any_user: bool,
    /// The user whose connections alone a unix socket takes, root's aside
    #[arg(long, value_name = "USER", value_parser = place::user)]
    owner: Option<u32>,
    /// A further name that the endpoint answers to, as a Host header has it; may be repeated
    #[arg(long = "host-name", value_name = "NAME")]
    host_names: Vec<String>,
    /// Take HTTP/1.0 too (proxies that do not say that they are send it)
    #[arg(long = "allow-http-1.0")]
    allow_http_1_0: bool,
    /// Answer nothing outside of a session, which begins with a PUT: no client of Azure's knows that
    #[arg(long)]
    require_session: bool,
    /// Routers that replies pass at most, and the first: with 1 nobody behind a router of the workload gets any
    #[arg(long, value_name = "N")]
    hop_limit: Option<std::num::NonZeroU8>,
    /// A file of rules: the callers that may ask, and for what; in place of rules that the binding has already
    #[arg(long, value_name = "FILE")]
    rules: Option<PathBuf>,
    /// The syntax of the variables of a port
    #[arg(long, value_enum, default_value_t = Shell::Sh)]
    shell: Shell,
    /// Print one JSON object on a line
    #[arg(long, conflicts_with = "shell")]
    json: bool,
}

pub(super) fn run(dir: &DataDir, options: Options) -> Result<(), Failure> {
    let place = options.place.place(&options.chosen)?;
    let namespace = place::open_namespace(&place)?;
    let wanted = Wanted {
        workload: options.workload,
        place,
        dialect: options.dialect,
        options: BindingOptions {
            allow_http_1_0: options.allow_http_1_0,
            host_names: options.host_names,
            require_session: options.require_session,
            hop_limit: options.hop_limit,
        },
        any_user: options.any_user,
        owner: options.owner,
        rules: options.rules.as_deref().map(WantedRules::of_file),
    };
    let namespace = namespace.as_ref().map(AsFd::as_fd);
    let attached = block_on(bonafide_host::attach(&dir.host, wanted, namespace))??;
    let note = attached.binding.note.clone();
    let without_identity = attached.without_identity.then(|| {
        format!("{} has no identity yet: docs/guide/enabling.md says how to give it one", attached.binding.workload)
    });
    for note in note.into_iter().chain(without_identity) {
        say(&note);
    }
    if options.json {
        print(&format!("{}\n", serde_json::to_string(&attached.binding)?));
        return Ok(());
    }
    let BindingLine { id, workload, place, .. } = &attached.binding;
    match variables(&attached) {
        // Standard output is for a shell to read.
        Some(variables) => {
            say(&format!("{workload} is attached with {place}, as binding {id}"));
            print(&options.shell.print(&variables)?);
        }
        None => print(&printable_lines(&format!("{workload} is attached with {place}, as binding {id}\n"))),
    }
    Ok(())
}

/// The variables by which programs find the endpoint of a port.
fn variables(attached: &AttachedBinding) -> Option<Vec<(&'static str, String)>> {
    let dialect = dialects::named(&attached.binding.dialect)?;
    let secret = attached.secret.clone().map(Secret::new);
    Some(dialect.environment(&Endpoint { port: attached.port?, secret, names: Vec::new() }))
}
