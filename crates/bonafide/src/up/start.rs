//! Control plane and agent in one process. The agent reaches the control plane over the hosts listener only, as it
//! would from another machine.

use super::described::Described;
use super::hosts::Hosts;
use super::local::LocalHost;
use super::notes::{aside_note, moved_note, notes};
use super::options::{ThrottleOption, UpOptions};
use super::own_endpoint::OwnEndpoint;
use crate::data_dir::{DataDir, DataDirError};
use crate::keeper::{Keeper, KeptError};
use crate::privileges;
use bonafide_files::FilesError;
use bonafide_host::bindings::link_local;
use bonafide_host::bindings::loopback::{self, Port};
use bonafide_host::bindings::{Bindings, BindingsError, WithoutOpener, bound_workloads};
use bonafide_host::extensions::{Extensions, OwnNamespace};
use bonafide_host::{
    AgentRuntime, AllowedUsers, ControlError, ControlPlaneAddress, ControlSocket, Endpoint, EnrolError, LinkLocalError,
    StateError, TemporaryPlacements, set_aside_of_another, user_of,
};
use bonafide_http::{HttpLimits, ListenError, Listeners, Listening, Log, Sockets};
use bonafide_metadata::dialects::IMDS;
use bonafide_metadata::host::HostRefusal;
use bonafide_metadata::{Binding, Endpoint as EndpointFacts, Options, Throttle};
use bonafide_plane::{
    AgentReport, Description, Endpoints, Membership, Opened, Operator, PlaneFiles, Running, StartError,
    WorkloadEndpoint,
};
use bonafide_store::StoreError;
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// The name of this machine's host.
const LOCAL: &str = "local";
/// Connections open at once on one listener. Source: ours; each costs about 40 KiB at most.
const CONNECTIONS_MAX: usize = 10_000;
/// Descriptors of the process that listeners leave alone, for the store, files, the agent's own connections
/// and passing endpoints: this many, or half of a small limit. Source: ours.
const DESCRIPTORS_KEPT: usize = 256;
/// Listeners that divide the rest: public, hosts, and the metadata endpoint's two. Source: ours.
const DESCRIPTOR_SHARES: usize = 4;

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
    /// The control socket.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// The bindings.
    #[error(transparent)]
    Bindings(#[from] BindingsError),
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
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
    _plane: Running,
}

impl Up {
    /// Waits until a task that is to go on for as long as this process has panicked.
    pub(crate) async fn broken(&mut self) {
        panicked(&mut self.tasks).await;
    }

    /// Stops accepting, lets requests in flight end, and returns when everything has stopped.
    pub(crate) async fn stop(mut self) {
        // The tasks hold the receivers; when all are gone there is nobody to tell.
        let _ = self.stop.send(true);
        while self.tasks.join_next().await.is_some() {}
    }
}

/// Waits until one of the tasks panics.
async fn panicked(tasks: &mut JoinSet<()>) {
    while let Some(ended) = tasks.join_next().await {
        if ended.is_err_and(|error| error.is_panic()) {
            return;
        }
    }
    std::future::pending().await
}

/// Connections that one listener takes, so that a flood of one leaves the others theirs.
fn connections_max(descriptors: usize) -> usize {
    let kept = DESCRIPTORS_KEPT.min(descriptors / 2);
    ((descriptors - kept) / DESCRIPTOR_SHARES).clamp(1, CONNECTIONS_MAX)
}

/// The keeper of this process, and the sockets that it has.
pub(crate) struct Given {
    pub(crate) keeper: Keeper,
    pub(crate) sockets: Sockets,
}

/// Starts everything. Returns when it serves.
pub(crate) async fn up(options: UpOptions, dir: DataDir, given: &Given, log: Arc<Log>) -> Result<Up, UpError> {
    let limits =
        HttpLimits { connections: connections_max(privileges::raise_descriptor_limit()), ..HttpLimits::default() };
    let (files, traces) = (dir.plane.clone(), dir.host.traces());
    let opened = Opened::open(files, &options.plane, &traces, &given.sockets, Arc::clone(&log))?;
    let is_new = opened.is_new;
    if let Some(option) = options.of_demo().filter(|_| is_new && options.plane.empty) {
        return Err(UpError::NoDemo(option));
    }
    dir.host.remove_drafts()?;
    let (stop, stopped) = watch::channel(false);
    let mut tasks = JoinSet::new();
    let mut plane = opened.serve(&options.plane, (limits, user_of), &mut tasks, &stopped)?;
    let local = Arc::new(LocalHost::new(Arc::clone(&plane.plane), &plane.installation));
    let bound = bound_workloads(&dir.host)?;
    local.take_all_away_but(|workload| Some(workload) == plane.installation.demo_id || bound.contains(&workload))?;

    let (agent, aside) = join(&dir, &plane, &options, &log).await?;
    plane.ask_agent(agent_report(&agent));
    let watch = agent.begin(&token_settings(&options)).await.map_err(UpError::Agent)?;
    tasks.spawn(Arc::clone(&agent).watch(watch, stopped.clone()));
    tasks.spawn(Arc::clone(&agent).stay(stopped.clone()));
    let users = if options.any_user { AllowedUsers::Any } else { AllowedUsers::Of(dir.owner()) };
    let placements = Arc::new(TemporaryPlacements::new(local, Arc::clone(&agent)));
    let (opener, held_by) = (Arc::new(WithoutOpener), Arc::clone(&placements));
    let bindings = Bindings::new(&dir.host, Arc::clone(&agent), held_by, opener, Arc::clone(&log))?;
    let bindings = Arc::new(bindings);
    bindings.restore().await?;
    bindings.follow_news();
    tasks.spawn(Arc::clone(&bindings).stay(stopped.clone()));
    let control = ControlSocket {
        placements,
        bindings: Arc::clone(&bindings),
        decisions: Arc::new(Hosts::new(Arc::clone(&plane.plane), &plane.installation)),
        agent: Arc::clone(&agent),
        default_workload: plane.installation.demo_id,
        log: Arc::clone(&log),
        users,
    };
    control.serve(&dir.host, stopped.clone()).await?;

    let listeners =
        Listeners { log: Arc::clone(&log), limits, user_of, stop: stopped.clone(), runtime: Handle::current() };
    let mut demo = Demo { listeners, tasks: &mut tasks, agent: Arc::clone(&agent), users };
    let workloads = demo.serve(&mut plane, &options, given)?;
    let moved_port = workloads.moved_from;
    let workloads = workloads.endpoints;
    let description = describe(&dir.plane, &plane, workloads);
    let before = Description::read(&dir.plane).ok();
    let demo = plane.installation.demo_id.filter(|_| !description.workloads.is_empty());
    let described = Described { files: dir.plane.clone(), description, demo, log: Arc::clone(&log) };
    let description = described.now(&agent, &bindings);
    description.write(&dir.plane)?;
    tasks.spawn(described.keep_true(Arc::clone(&agent), Arc::clone(&bindings), stopped.clone()));
    let moved = before.and_then(|before| moved_note(&before.endpoints.login, &description.endpoints.login));
    let sites = Arc::new(OwnNamespace {
        workload: plane.installation.demo_id.filter(|_| options.link_local),
        takes_http_1_0: options.allow_http_1_0,
        others: bindings,
    });
    let extensions = Extensions::begin(agent, sites, log).await;
    tasks.spawn(extensions.serve(stopped));
    let clock = plane.check_clock().err().map(|why| why.to_string());
    let notes = notes(&options, &dir.plane, &plane, moved_port).into_iter();
    let notes = notes.chain(moved).chain(clock).chain(aside).collect();
    Ok(Up { description, is_new, notes, stop, tasks, _plane: plane })
}

/// The agent of this machine, joined as host `local`, and a note where the files of another one were in its place.
async fn join(
    dir: &DataDir,
    plane: &Running,
    options: &UpOptions,
    log: &Arc<Log>,
) -> Result<(Arc<AgentRuntime>, Option<String>), EnrolError> {
    let to = ControlPlaneAddress {
        address: options.hosts_connect.unwrap_or(plane.hosts_address),
        name: "localhost".to_owned(),
        ca_der: plane.ca_der.clone(),
    };
    let aside = set_aside_of_another(&dir.host, |held| plane.plane.host_ca.issued_to(held).is_ok())?;
    let invitation = plane.invitation(plane.installation.local_host, LOCAL);
    let agent =
        AgentRuntime::start(&dir.host, to, agent_options(options), Box::new(invitation), Arc::clone(log)).await?;
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
            Endpoint { binding, users, agent: Arc::clone(&agent) }
        };
        let own = OwnEndpoint { endpoint: endpoint(port, self.users), health: plane.health() };
        self.listeners.start(self.tasks, socket, None, own);
        let mut address = format!("http://127.0.0.1:{port}");
        if options.link_local {
            let socket = match given.sockets.take(link_local::NAME) {
                Some(socket) => socket,
                None => Listening::given(given.keeper.open_link_local()?),
            };
            // On the real address there is no loopback connection whose user could be asked for; who can
            // reach it is who shares the network namespace.
            let real = endpoint(link_local::PORT, AllowedUsers::Any);
            self.listeners.start(self.tasks, socket.map_err(LinkLocalError::Listen)?, None, real);
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

fn agent_options(options: &UpOptions) -> Options {
    let throttle = match options.throttle {
        ThrottleOption::On { rate, concurrent } => {
            Some(Throttle { rate_per_second: rate, fetches_at_once: concurrent })
        }
        ThrottleOption::Off => None,
    };
    Options { throttle, refresh_ahead: options.refresh_ahead }
}

fn describe(files: &PlaneFiles, plane: &Running, workloads: Vec<WorkloadEndpoint>) -> Description {
    // Scripts run in other folders.
    let absolute = |path: std::path::PathBuf| std::path::absolute(&path).unwrap_or(path);
    let (installation, names) = (&plane.installation, &plane.plane.management);
    Description {
        tenant_id: installation.tenant,
        subscription_id: installation.subscription,
        endpoints: Endpoints {
            login: names.login.clone(),
            management: names.management.clone(),
            graph: names.graph.clone(),
        },
        ca_file: absolute(files.ca_file()),
        operator: Operator {
            client_id: installation.operator_client,
            secret_file: absolute(files.operator_secret()),
            certificate_file: absolute(files.operator_certificate()),
        },
        workloads,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listeners_leave_descriptors_to_each_other_and_to_the_rest() {
        for (descriptors, each) in [(0, 1), (96, 12), (1_024, 192), (1_048_576, 10_000), (usize::MAX, 10_000)] {
            assert_eq!(connections_max(descriptors), each, "{descriptors}");
        }
    }

    #[tokio::test]
    async fn np_07_a_task_that_panics_is_missed_and_one_that_ends_is_not() {
        let mut tasks = JoinSet::new();
        tasks.spawn(async {});
        let patience = std::time::Duration::from_millis(50);
        assert!(tokio::time::timeout(patience, panicked(&mut tasks)).await.is_err());
        tasks.spawn(async { panic!("the test says so") });
        panicked(&mut tasks).await;
    }
}
