//! `bonafide host run`: the agent alone, of a host that has joined.

mod configuration;
mod decisions;

use crate::agent_part::AgentPart;
use crate::data_dir::{DataDir, is_one};
use crate::keeper::{self, Command, Keeper, Kept};
use crate::running::{Given, Signals, Tasks};
use crate::{DataDirOption, Failure, block_on, print, privileges, say};
use bonafide_crypto::prepare_entropy;
use bonafide_files::{LogFile, read_named};
use bonafide_host::bindings::{Applied, Bindings, Occasion, WantedBindings};
use bonafide_host::extensions::Extensions;
use bonafide_host::{AgentRuntime, AllowedUsers, EnrolError, PlacedOnly};
use bonafide_http::{Event, Log, log_uncaught};
use bonafide_metadata::host::Watch;
use bonafide_opener::{Opener, Remote};
use bonafide_types::enumerate_some;
use clap::Args;
use configuration::Configuration;
use decisions::OfThisHost;
use rustix::thread::CapabilitySet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

#[derive(Args)]
pub(super) struct Options {
    /// Configuration file (TOML); docs/guide/serve.md describes its members
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Socket of the privileged opener (bonafide-opener.socket of systemd) [default: one of its own, where root starts it]
    #[arg(long, value_name = "PATH")]
    opener: Option<PathBuf>,
    /// Say whether the configuration can be used, with the files that it names, and start nothing
    #[arg(long)]
    check: bool,
    #[command(flatten)]
    kept: Kept,
}

/// This command, for its keeper.
const COMMAND: Command = Command { name: "host run", sockets: &[], reloads: true, opens: true };

pub(super) fn run(option: &DataDirOption, options: Options) -> Result<ExitCode, Failure> {
    let configuration = Configuration::read(options.config.as_deref())?;
    if options.check {
        wanted_bindings(&configuration)?.check_rules().map_err(|why| in_bindings(&configuration, &why))?;
        print("the configuration can be used\n");
        return Ok(ExitCode::SUCCESS);
    }
    privileges::leave_no_core();
    let Some(keeper) = options.kept.by else { return keeper::keep(&COMMAND) };
    let (keeper, sockets, openers) = Keeper::begin(keeper)?;
    let option = DataDirOption { data_dir: option.data_dir.clone().or(configuration.data_dir()) };
    let (path, _) = option.choice();
    if !is_one(path) {
        return Err(EnrolError::NotJoined(path.to_owned()).into());
    }
    let (dir, _begun) = DataDir::create_for_host(&option)?;
    privileges::give_up_capabilities(CapabilitySet::empty())?;
    // Not before: a thread takes the privileges along that there are when it begins.
    prepare_entropy();
    let opener: Arc<dyn Opener> = match options.opener.clone().or(configuration.opener()) {
        Some(path) => Arc::new(Remote::at(path)),
        None => openers.start()?,
    };
    block_on(serve(options, configuration, dir, Given { keeper, sockets, opener }))?
}

async fn serve(
    options: Options,
    configuration: Configuration,
    dir: DataDir,
    given: Given,
) -> Result<ExitCode, Failure> {
    let signals = Signals::listen(&COMMAND)?;
    let log = Log::to(std::io::stderr())?;
    log.quieten(configuration.is_quiet());
    log_uncaught(Arc::clone(&log))?;
    let lock = dir.host.lock()?;
    log.keep_failures(LogFile::at(dir.host.log_file()))?;
    dir.host.remove_drafts()?;
    let agent = AgentRuntime::of_joined(&dir.host, configuration.agent(), Arc::clone(&log)).await?;
    let watch = match agent.begin("").await {
        Ok(watch) => watch,
        Err(why) => {
            say(&format!("{why}; the agent serves what it has, and tries again"));
            Watch::default()
        }
    };
    let (mut tasks, stopped) = Tasks::new();
    let users = if configuration.any_user() { AllowedUsers::Any } else { AllowedUsers::Of(dir.owner()) };
    let part = AgentPart {
        placer: Arc::new(PlacedOnly::of(Arc::clone(&agent))),
        decisions: Arc::new(OfThisHost::of(&agent)),
        opener: Arc::clone(&given.opener),
        default_workload: None,
        users,
        log: Arc::clone(&log),
        agent: Arc::clone(&agent),
    };
    let bindings = part.start(&dir.host, watch, &mut tasks, &stopped).await?;
    match wanted_bindings(&configuration).map_err(|why| why.to_string()) {
        Ok(wanted) => drop(follow(wanted, &configuration, &bindings, Occasion::Start).await),
        Err(why) => not_followed(&bindings, &log, &why, "what is attached stays attached"),
    }
    let (sites, events) = (Arc::clone(&bindings), Arc::clone(&log));
    // It tells the control plane first, which may be away.
    tasks.set.spawn(async move { Extensions::begin(agent, sites, events).await.serve(stopped).await });
    given.keeper.ready();
    say(if options.kept.resumed {
        "it serves again"
    } else {
        "the agent runs; SIGHUP has it read its configuration again, Ctrl-C stops it"
    });
    let done = tasks.run(signals, &log, async || {
        reload(options.config.as_deref(), &configuration, &bindings, &log).await;
        given.keeper.ready();
    });
    let done = done.await;
    drop(lock);
    Ok(done)
}

/// Takes over what can be; a configuration that cannot be used changes nothing, and neither does one whose file of bindings
/// cannot be (OP-06).
async fn reload(file: Option<&Path>, before: &Configuration, bindings: &Arc<Bindings>, log: &Log) {
    let read = Configuration::read(file).map_err(Failure::from).and_then(|read| Ok((wanted_bindings(&read)?, read)));
    let (wanted, read) = match read.map_err(|why| why.to_string()) {
        Ok(read) => read,
        Err(why) => return not_followed(bindings, log, &why, "what was in force stays in force"),
    };
    log.quieten(read.is_quiet());
    let missing = follow(wanted, &read, bindings, Occasion::Asked).await;
    say(&match missing {
        0 => "the configuration was read again".to_owned(),
        _ => format!(
            "the configuration was read again; of its bindings {missing} could not be attached, and are tried again"
        ),
    });
    let later = read.for_the_next_start(before);
    if !later.is_empty() {
        say(&format!(
            "these members are other than at the start, and count from the next one: {}",
            enumerate_some(&later)
        ));
    }
}

/// The bindings of the file that a configuration names; none where it names none.
fn wanted_bindings(configuration: &Configuration) -> Result<WantedBindings, Failure> {
    let Some(path) = configuration.bindings() else { return Ok(WantedBindings::none()) };
    let text = String::from_utf8(read_named(&path)?).map_err(|why| in_bindings(configuration, &why))?;
    Ok(WantedBindings::parse(&text).map_err(|why| in_bindings(configuration, &why))?)
}

/// The reason why the file of bindings cannot be used, with its name.
fn in_bindings(configuration: &Configuration, why: &dyn std::fmt::Display) -> String {
    configuration.bindings().map(|path| format!("{}: {why}", path.display())).unwrap_or_default()
}

/// Attaches what the file of bindings says, and detaches what it does not say any more: the file owns what it attached, and one
/// that is not named any more owns nothing. The number of those that could not be attached.
async fn follow(
    wanted: WantedBindings,
    configuration: &Configuration,
    bindings: &Arc<Bindings>,
    occasion: Occasion,
) -> usize {
    let Applied { detached, failed, .. } = bindings.follow(wanted, occasion).await;
    failed.iter().for_each(|why| say(why));
    if configuration.bindings().is_none() && detached > 0 {
        say(&format!(
            "the configuration names no file of bindings any more: what that had attached is detached ({detached})"
        ));
    }
    failed.len()
}

/// Tells of a configuration that is not followed, now and to who asks later.
fn not_followed(bindings: &Arc<Bindings>, log: &Log, why: &str, instead: &str) {
    log.event(&Event::named("configurationNotReloaded"), &why);
    let why = format!("{why}; {instead}");
    say(&why);
    bindings.not_followed(Some(why));
}
