//! Control plane and agent in one process. The agent reaches the control plane over the hosts listener only, as it
//! would from another machine.

use super::described::Described;
use super::hosts::Hosts;
use super::link_local::{self, LinkLocalError};
use super::local::LocalHost;
use super::notes::{aside_note, notes};
use super::options::UpOptions;
use super::own_endpoint::OwnEndpoint;
use crate::agent_part::{AgentPart, AgentPartError};
use crate::data_dir::{DataDir, DataDirError};
use crate::keeper::KeptError;
use crate::plane_notes::moved_note;
use crate::running::{Given, Tasks, http_limits};
use crate::say;
use bonafide_files::{FilesError, Lock};
use bonafide_host::bindings::bound_workloads;
use bonafide_host::bindings::loopback::{self, Port};
use bonafide_host::extensions::{Extensions, OwnNamespace};
use bonafide_host::{
    AgentRuntime, AllowedUsers, Callers, ControlPlaneAddress, Endpoint, EnrolError, Guarded, HostsOrigin, StateError,
    Trust, set_aside_of_another, user_of,
};
use bonafide_http::{ListenError, Listeners, Log};
use bonafide_metadata::dialects::IMDS;
use bonafide_metadata::host::HostRefusal;
use bonafide_metadata::{Binding, Endpoint as EndpointFacts};
use bonafide_plane::{AgentReport, Description, Membership, Opened, Running, StartError, WorkloadEndpoint};
use bonafide_store::StoreError;
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio::task::JoinSet;

/// The name of this machine's host.
const LOCAL: &str = "local";
/// The reason why `up` cannot start. Each is one clear line.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UpError {
    /// The data directory.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// A file in it.
    #[error(transparent)]
    Files(#[from] FilesError),
    /// The control plane.
    #[error(transparent)]
    Plane(#[from] StartError),
    /// An option for workload `demo`, where there is none.
    #[error("{0} is for workload demo, and there is none (--empty, or it was deleted): leave the option out")]
    NoDemo(&'static str),
    /// The agent could not join.
    #[error("the agent cannot join: {0}")]
    Enrol(#[from] EnrolError),
    /// The agent could not read what to run.
    #[error("the agent cannot read what to run: {0}")]
    Agent(EnrolError),
    /// The metadata port.
    #[error(transparent)]
    MetadataPort(#[from] ListenError),
    /// The bindings and the control socket.
    #[error(transparent)]
    Part(#[from] AgentPartError),
    /// The agent's own files.
    #[error(transparent)]
    Host(#[from] StateError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The process that keeps the sockets.
    #[error(transparent)]
    Kept(#[from] KeptError),
    /// The real link-local address.
    #[error(transparent)]
    LinkLocal(#[from] LinkLocalError),
}

/// A running control plane and agent.
pub(crate) struct Up {
    /// The endpoints, and their addresses.
    pub(crate) description: Description,
    /// True when this was the first start.
    pub(crate) is_new: bool,
    /// Warnings to print after start, a line each.
    pub(crate) notes: Vec<String>,
    /// The tasks that serve.
    pub(crate) tasks: Tasks,
    _plane: Running,
    _lock: Lock,
}

/// Starts everything. Returns when it serves.
pub(crate) async fn up(options: UpOptions, dir: DataDir, given: &Given, log: Arc<Log>) -> Result<Up, UpError> {
    let limits = http_limits();
    let (files, traces) = (dir.plane.clone(), dir.host.traces());
    let opened = Opened::open(files, &options.plane, &traces, &given.sockets, Arc::clone(&log))?;
    let is_new = opened.is_new;
    if let Some(option) = options.of_demo().filter(|_| is_new && options.plane.empty) {
        return Err(UpError::NoDemo(option));
    }
    let lock = dir.host.lock()?;
    dir.host.remove_drafts()?;
    let (mut tasks, stopped) = Tasks::new();
    let (asked, asked_stopped) = tasks.asked();
    let mut plane = opened.serve(&options.plane, (limits, user_of), asked, &asked_stopped)?;
    let local = Arc::new(LocalHost::new(Arc::clone(&plane.plane), &plane.installation));
    let bound = bound_workloads(&dir.host)?;
    local.take_all_away_but(|workload| Some(workload) == plane.installation.demo_id || bound.contains(&workload))?;

    let (agent, aside) = join(&dir, &plane, &options, &log).await?;
    plane.ask_agent(agent_report(&agent));
    let watch = agent.begin(&token_settings(&options)).await.map_err(UpError::Agent)?;
    let users = if options.any_user { AllowedUsers::Any } else { AllowedUsers::Of(dir.owner()) };
    let part = AgentPart {
        placer: local,
        opener: Arc::clone(&given.opener),
        decisions: Arc::new(Hosts::new(Arc::clone(&plane.plane), &plane.installation)),
        agent: Arc::clone(&agent),
        default_workload: plane.installation.demo_id,
        log: Arc::clone(&log),
        users,
    };
    let bindings = part.start(&dir.host, watch, &mut tasks, &stopped).await?;

    let listeners =
        Listeners { log: Arc::clone(&log), limits, user_of, stop: stopped.clone(), runtime: Handle::current() };
    let mut demo = Demo { listeners, tasks: &mut tasks.set, agent: Arc::clone(&agent), users };
    let workloads = demo.serve(&mut plane, &options, given)?;
    let moved_port = workloads.moved_from;
    let workloads = workloads.endpoints;
    let description = plane.describe(&dir.plane, workloads);
    let before = Description::read(&dir.plane).ok();
    let demo = plane.installation.demo_id.filter(|_| !description.workloads.is_empty());
    let described = Described { files: dir.plane.clone(), description, demo, log: Arc::clone(&log) };
    let description = described.now(&agent, &bindings);
    description.write(&dir.plane)?;
    tasks.set.spawn(described.keep_true(Arc::clone(&agent), Arc::clone(&bindings), stopped.clone()));
    let moved = before.and_then(|before| moved_note(&before, &description));
    let sites = Arc::new(OwnNamespace {
        workload: plane.installation.demo_id.filter(|_| options.link_local),
        takes_http_1_0: options.allow_http_1_0,
        others: bindings,
    });
    let extensions = Extensions::begin(agent, sites, log).await;
    tasks.set.spawn(extensions.serve(stopped));
    let clock = plane.check_clock().err().map(|why| why.to_string());
    let notes = notes(&options, &dir.plane, &plane, moved_port).into_iter();
    let notes = notes.chain(moved).chain(clock).chain(aside).collect();
    Ok(Up { description, is_new, notes, tasks, _plane: plane, _lock: lock })
}

/// The agent of this machine, joined as host `local`, and a note where the files of another one were in its place.
async fn join(
    dir: &DataDir,
    plane: &Running,
    options: &UpOptions,
    log: &Arc<Log>,
) -> Result<(Arc<AgentRuntime>, Option<String>), EnrolError> {
    let at = options.hosts_connect.unwrap_or(plane.hosts_address);
    let to = ControlPlaneAddress {
        origins: vec![HostsOrigin { name: "localhost".to_owned(), port: at.port(), at: Some(at) }],
        trust: Trust::Authorities(vec![plane.ca_der.clone()]),
    };
    let aside = set_aside_of_another(&dir.host, |held| plane.plane.host_ca.issued_to(held).is_ok())?;
    let invitation = plane.invitation(plane.installation.local_host, LOCAL);
    let agent = AgentRuntime::start(
        &dir.host,
        to,
        options.throttle.agent(options.refresh_ahead),
        Box::new(invitation),
        Arc::clone(log),
    )
    .await?;
    Ok((agent, aside.as_deref().map(aside_note)))
}

/// The question to the agent how it is.
fn agent_report(agent: &Arc<AgentRuntime>) -> impl Fn() -> Option<AgentReport> + Send + Sync + 'static {
    let agent = Arc::downgrade(agent);
    move || {
        let status = agent.upgrade()?.status();
        let membership = match status.refusal {
            Some(HostRefusal::Frozen) => Membership::Frozen,
            Some(HostRefusal::Disabled) => Membership::Disabled,
            Some(HostRefusal::JoinAgain) | None if status.is_member => Membership::Valid,
            Some(HostRefusal::JoinAgain) | None => Membership::Expired,
        };
        Some(AgentReport {
            host: LOCAL.to_owned(),
            certificate_ends_at: status.certificate_ends_at,
            silence: status.silence,
            membership,
        })
    }
}

/// Serves workload `demo`, where there is one.
struct Demo<'a> {
    listeners: Listeners,
    tasks: &'a mut JoinSet<()>,
    agent: Arc<AgentRuntime>,
    users: AllowedUsers,
}

impl Demo<'_> {
    /// Serves it on its port and, if asked to, on the real address.
    fn serve(&mut self, plane: &mut Running, options: &UpOptions, given: &Given) -> Result<Served, UpError> {
        // From the directory: an agent whose host is frozen does not know yet what is to run here.
        let (view, host) = (plane.plane.views.current(), plane.installation.local_host);
        let demo = plane.installation.demo_id;
        let demo = demo.and_then(|id| Some((id, view.placement(host, id)?.row.resource_id.clone())));
        let Some((demo, resource_id)) = demo else {
            return options.of_demo().map_or(Ok(Served::default()), |option| Err(UpError::NoDemo(option)));
        };
        let kept = plane.installation.imds_port;
        let wanted = wanted_port(options.imds_port, kept);
        let socket = loopback::listen_at(&given.sockets, wanted, "--imds-port")?;
        let port = socket.address().map_or(0, |address| address.port());
        // While another program has the port, each start tries again.
        let moved_from = kept.filter(|kept| wanted == Port::Again(*kept) && *kept != port);
        if moved_from.is_none() {
            plane.keep_imds_port(port)?;
        }
        let agent = Arc::clone(&self.agent);
        let endpoint = |port, users| {
            let binding = Binding::new(demo, &IMDS, EndpointFacts { port, ..EndpointFacts::default() });
            let binding = binding.with_http_1_0(options.allow_http_1_0);
            let (connections, callers, at, guarded) = (None, Callers::Unseen, None, Guarded::by_nothing());
            Endpoint { binding, users, agent: Arc::clone(&agent), connections, callers, at, guarded }
        };
        let own = OwnEndpoint { endpoint: endpoint(port, self.users), health: plane.health() };
        self.listeners.start(self.tasks, socket, None, own);
        let mut address = format!("http://127.0.0.1:{port}");
        if options.link_local {
            let (socket, note) = link_local::open(&*given.opener)?;
            note.iter().for_each(|note| say(note));
            // On the real address there is no loopback connection whose user could be asked for; who can
            // reach it is who shares the network namespace.
            let real = endpoint(link_local::PORT, AllowedUsers::Any);
            self.listeners.start(self.tasks, socket, None, real);
            address = "http://169.254.169.254".to_owned();
        }
        let dialects = vec!["imds".to_owned()];
        let endpoints = vec![WorkloadEndpoint { resource_id, endpoint: address, dialects, header_file: None }];
        Ok(Served { endpoints, moved_from })
    }
}

/// The endpoints of workload `demo`, and the port that the first has in other runs, where that is taken.
#[derive(Default)]
struct Served {
    endpoints: Vec<WorkloadEndpoint>,
    moved_from: Option<u16>,
}

/// The port of the metadata endpoint: the one that was asked for, that of the start before, or any.
fn wanted_port(asked: Option<u16>, kept: Option<u16>) -> Port {
    match (asked, kept) {
        (Some(0), _) | (None, None) => Port::Free,
        (Some(asked), _) => Port::Exactly(asked),
        (None, Some(kept)) => Port::Again(kept),
    }
}

/// The options that decide about tokens: under others, tokens of the start before are not what was asked for.
fn token_settings(options: &UpOptions) -> String {
    format!("{:?}", options.plane.token_lifetime)
}
