//! `up`: control plane and agent in one process.

use crate::agent::{
    AgentRuntime, Control, ControlError, ControlPlaneAddress, Endpoint, EnrolError, Stays, UpstreamFailure, Users,
};
use crate::attach::LocalHost;
use crate::bootstrap::{BootstrapError, bootstrap};
use crate::config::{ThrottleOption, UpOptions};
use crate::control_plane::{ControlPlane, OpenControlPlaneError, open_store};
use crate::data_dir::{DataDir, DataDirError};
use crate::deployment::{DEPLOYMENT, Deployment};
use crate::description::{Description, Endpoints, Operator, WorkloadEndpoint};
use crate::hosts_listener::HostsListener;
use crate::jobs;
use crate::link_local::{self, LinkLocal, LinkLocalError};
use crate::listening::{ListenError, listen};
use crate::log_file::LogFile;
use crate::metadata_port::{MetadataPortError, listen_metadata};
use crate::names::Origin;
use crate::operator::{OperatorError, operator_note, reset_operator};
use crate::own_endpoint::OwnEndpoint;
use crate::pool::Pool;
use crate::public::PublicOrigin;
use crate::resources::{ResourceError, register_resources};
use crate::runtime::ServerRuntime;
use crate::tls::{self, ServerIdentity, TlsError};
use crate::upkeep::upkeep;
use bonafide_core::placement;
use bonafide_core::view::ViewsError;
use bonafide_crypto::ca::ServerNameError;
use bonafide_crypto::{base64url, random, thumbprint};
use bonafide_http::clock;
use bonafide_http::{HttpLimits, Listener, Log, Service};
use bonafide_metadata::dialects::IMDS;
use bonafide_metadata::{Binding, Endpoint as EndpointFacts, Options, Throttle};
use bonafide_store::StoreError;
use bonafide_types::limits::{CONNECTIONS_MAX, DESCRIPTOR_SHARES, DESCRIPTORS_KEPT};
use bonafide_types::{Audience, Secret};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

/// Threads that touch the store. Each blocks while its commit is made durable; many of them make one
/// batch.
const STORE_THREADS: usize = 32;
/// Jobs that wait for a thread; more are refused with 503.
const QUEUED_MAX: usize = 1_024;
/// How long a job may wait before its caller is taken to be gone.
const QUEUED_FOR: Duration = Duration::from_secs(10);

/// Why `up` cannot start. Each is one clear line.
#[derive(Debug, thiserror::Error)]
pub enum UpError {
    /// The data directory.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// The control plane.
    #[error(transparent)]
    ControlPlane(#[from] OpenControlPlaneError),
    /// The first start.
    #[error("the first start failed: {0}")]
    Bootstrap(#[from] BootstrapError),
    /// TLS.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The name of the public origin.
    #[error(transparent)]
    Name(#[from] ServerNameError),
    /// A port is taken or not ours to take.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// An address that no certificate can be for.
    #[error(
        "--listen {0}: the deployment's own authority certifies loopback names only, so that trusting it is harmless; \
         give 127.0.0.1 or another loopback address, or 0.0.0.0 for every interface, under the name localhost"
    )]
    NotCertifiable(SocketAddr),
    /// An option for workload `demo`, where there is none.
    #[error("{0} is for workload demo, and there is none (--empty, or it was deleted): leave the option out")]
    NoDemo(&'static str),
    /// A resource that cannot be registered.
    #[error(transparent)]
    Resource(#[from] ResourceError),
    /// The operator's new credentials.
    #[error("cannot make new credentials for the operator: {0}; run it again with --reset-operator")]
    ResetOperator(OperatorError),
    /// The view.
    #[error(transparent)]
    Views(#[from] ViewsError),
    /// Threads could not be started.
    #[error("cannot start threads: {0}")]
    Threads(std::io::Error),
    /// The agent could not join.
    #[error("the agent cannot join: {0}")]
    Enrol(#[from] EnrolError),
    /// The agent could not read what to run.
    #[error("the agent cannot read what to run: {0}")]
    Agent(#[from] UpstreamFailure),
    /// The metadata port.
    #[error(transparent)]
    MetadataPort(#[from] MetadataPortError),
    /// The control socket.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The real link-local address.
    #[error(transparent)]
    LinkLocal(#[from] LinkLocalError),
}

/// A running control plane and agent.
pub struct Up {
    /// What there is and where.
    pub description: Description,
    /// True when this was the first start.
    pub is_new: bool,
    /// What the operator should know, a line each.
    pub notes: Vec<String>,
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
    _control_plane: ServerRuntime,
    _link_local: Option<LinkLocal>,
}

impl Up {
    /// Stops accepting, lets requests in flight end, and returns when everything has stopped.
    pub async fn stop(mut self) {
        // The tasks hold the receivers; when all are gone there is nobody to tell.
        let _ = self.stop.send(true);
        while self.tasks.join_next().await.is_some() {}
    }
}

/// Lets the process open as many connections as the system allows it, and says how many.
fn raise_descriptor_limit() -> usize {
    let limit = getrlimit(Resource::Nofile);
    let most = Rlimit { current: limit.maximum, maximum: limit.maximum };
    // A lower limit still works: what is over it waits to be accepted.
    let _ = setrlimit(Resource::Nofile, most);
    getrlimit(Resource::Nofile).current.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX))
}

/// Connections that one listener takes, so that a flood of one leaves the others theirs.
fn connections_max(descriptors: usize) -> usize {
    let kept = DESCRIPTORS_KEPT.min(descriptors / 2);
    ((descriptors - kept) / DESCRIPTOR_SHARES).clamp(1, CONNECTIONS_MAX)
}

/// Starts everything. Returns when it serves.
pub async fn up(options: UpOptions, log: Arc<Log>) -> Result<Up, UpError> {
    let limits = HttpLimits { connections: connections_max(raise_descriptor_limit()), ..HttpLimits::default() };
    let name = public_name(options.listen)?;
    let dir = DataDir::create(&options.data_dir)?;
    // Before the sockets: another process that has the directory may have the ports, too, and which of
    // the two it is decides what helps.
    let store = open_store(&dir)?;
    // Only who has the directory writes to its log.
    log.keep_failures(LogFile::at(dir.log_file())).map_err(UpError::Threads)?;
    let public = listen(options.listen, "--listen").await?;
    let hosts = listen(options.hosts_listen, "--hosts-listen").await?;
    let (public_port, hosts_address) = (port_of(&public), hosts.local_addr().unwrap_or(options.hosts_listen));
    let origin = Origin { host: &name, port: public_port };
    let (plane, server_ca) = ControlPlane::open(&dir, store, origin, Arc::clone(&log))?;
    let plane = Arc::new(plane);
    let is_new = plane.store.read(|tx| bonafide_store::Read::get(tx, &DEPLOYMENT, &()))?.is_none();
    if let Some(option) = options.of_demo().filter(|_| is_new && options.empty) {
        return Err(UpError::NoDemo(option));
    }
    let mut deployment = bootstrap(&plane, &dir, &|request| plane.manage(request, clock::world()), options.empty)?;
    if options.reset_operator {
        reset_operator(&plane, &dir, &deployment).map_err(UpError::ResetOperator)?;
    }
    let registered = register_resources(&plane, &deployment, &options.resources)?;
    let host = Arc::new(LocalHost { plane: Arc::clone(&plane), id: deployment.local_host });
    host.take_all_away_but(deployment.demo_id)?;

    let (stop, stopped) = watch::channel(false);
    let (revisions, revision) = watch::channel(plane.views.current().cursor().revision.0);
    let ca_der = server_ca.trust_anchor().der().to_vec();
    let names =
        [name.as_str(), "localhost", "127.0.0.1", "::1"].map(str::parse).into_iter().collect::<Result<_, _>>()?;
    let identity = ServerIdentity::new(server_ca, names)?;
    let store_pool = Pool::start("store", STORE_THREADS, QUEUED_MAX, QUEUED_FOR).map_err(UpError::Threads)?;
    let store_pool = Arc::new(store_pool);
    let mut tasks = JoinSet::new();

    let control_plane = ServerRuntime::start("plane").map_err(UpError::Threads)?;
    let runtime = control_plane.handle().clone();
    let start = Starter { log: Arc::clone(&log), limits, stopped: stopped.clone(), runtime };
    let service = PublicOrigin { plane: Arc::clone(&plane), store_pool: Arc::clone(&store_pool) };
    start.listener(&mut tasks, public, Some(tls::public(Arc::clone(&identity))?.into()), service);
    let config = tls::hosts(Arc::clone(&identity), &plane.host_ca)?;
    let service = HostsListener { plane: Arc::clone(&plane), store_pool: Arc::clone(&store_pool), revisions: revision };
    start.listener(&mut tasks, hosts, Some(config.into()), service);
    jobs::follow(&mut tasks, &plane, revisions, stopped.clone());
    tasks.spawn(jobs::renew(identity, Arc::clone(&log), stopped.clone()));
    tasks.spawn(upkeep(Arc::clone(&plane), Arc::clone(&store_pool), stopped.clone()));

    let to = ControlPlaneAddress {
        address: options.hosts_connect.unwrap_or(hosts_address),
        name: "localhost".to_owned(),
        ca_der,
    };
    let invitation = || invite(&plane, &deployment).ok();
    let agent = AgentRuntime::start(&dir, to, agent_options(&options), &invitation, Arc::clone(&log)).await?;
    let cursor = agent.load().await?;
    tasks.spawn(Arc::clone(&agent).watch(cursor, stopped.clone()));
    let users = if options.any_user { Users::Any } else { Users::Only(rustix::process::geteuid().as_raw()) };
    let stays = Stays::new(host, Arc::clone(&agent));
    let control = Control { agent: Arc::clone(&agent), stays, demo: deployment.demo_id, log, users };
    control.serve(&dir, stopped).await?;

    let start = Starter { runtime: Handle::current(), ..start };
    let (workloads, link_local) =
        serve_demo(&start, &mut tasks, &agent, (&plane, &store_pool), &mut deployment, &options, users).await?;
    let description = describe(&dir, &deployment, &plane.management, workloads);
    description.write(&dir)?;
    let notes = notes(&options, &dir, &registered);
    Ok(Up { description, is_new, notes, stop, tasks, _control_plane: control_plane, _link_local: link_local })
}

/// Starts listeners that share what they share.
struct Starter {
    log: Arc<Log>,
    limits: HttpLimits,
    stopped: watch::Receiver<bool>,
    /// Where their connections are served.
    runtime: Handle,
}

impl Starter {
    fn listener<S: Service>(&self, tasks: &mut JoinSet<()>, socket: TcpListener, tls: Option<TlsAcceptor>, service: S) {
        let (service, log) = (Arc::new(service), Arc::clone(&self.log));
        let listener = Listener { socket, tls, service, limits: self.limits, log };
        tasks.spawn_on(listener.serve(self.stopped.clone()), &self.runtime);
    }
}

/// Serves workload `demo`, where there is one, on its port and, if asked to, on the real address.
async fn serve_demo(
    start: &Starter,
    tasks: &mut JoinSet<()>,
    agent: &Arc<AgentRuntime>,
    (plane, store_pool): (&Arc<ControlPlane>, &Arc<Pool>),
    deployment: &mut Deployment,
    options: &UpOptions,
    users: Users,
) -> Result<(Vec<WorkloadEndpoint>, Option<LinkLocal>), UpError> {
    let workloads = agent.core.workloads();
    let demo = workloads.into_iter().find(|workload| Some(workload.id) == deployment.demo_id);
    let Some(demo) = demo else {
        return options.of_demo().map_or(Ok((Vec::new(), None)), |option| Err(UpError::NoDemo(option)));
    };
    let endpoint = |port, users| {
        let binding = Binding::new(demo.id, &IMDS, EndpointFacts { port, secret: None });
        Endpoint { binding, users, agent: Arc::clone(agent) }
    };
    let (socket, port) = listen_metadata(plane, deployment, options.imds_port).await?;
    let own =
        OwnEndpoint { endpoint: endpoint(port, users), plane: Arc::clone(plane), store_pool: Arc::clone(store_pool) };
    start.listener(tasks, socket, None, own);
    let (mut address, mut link_local) = (format!("http://127.0.0.1:{port}"), None);
    if options.link_local {
        let (guard, socket) = LinkLocal::open().await?;
        // On the real address there is no loopback connection whose user could be asked for; who can
        // reach it is who shares the network namespace.
        start.listener(tasks, socket, None, endpoint(link_local::PORT, Users::Any));
        (address, link_local) = ("http://169.254.169.254".to_owned(), Some(guard));
    }
    let dialects = vec!["imds".to_owned()];
    Ok((vec![WorkloadEndpoint { resource_id: demo.resource_id, endpoint: address, dialects }], link_local))
}

fn port_of(listener: &TcpListener) -> u16 {
    listener.local_addr().map_or(0, |address| address.port())
}

/// What clients call this machine: by its loopback name where that leads here, otherwise by the
/// address that it listens on.
fn public_name(listen: SocketAddr) -> Result<String, UpError> {
    let ip = listen.ip();
    if ip == Ipv4Addr::LOCALHOST || ip == Ipv6Addr::LOCALHOST || ip.is_unspecified() {
        return Ok("localhost".to_owned());
    }
    if ip.is_loopback() { Ok(ip.to_string()) } else { Err(UpError::NotCertifiable(listen)) }
}

/// What was asked for and is worth a second look.
fn notes(options: &UpOptions, dir: &DataDir, registered: &[Audience]) -> Vec<String> {
    let open = [
        ("--listen", options.listen, "the token service and the resource manager"),
        ("--hosts-listen", options.hosts_listen, "the hosts listener"),
    ];
    let open = open.into_iter().filter(|(_, address, _)| !address.ip().is_loopback()).map(|(option, address, what)| {
        format!("{option} {address} opens {what} to other machines; listen on 127.0.0.1 unless they need it")
    });
    let reset = options.reset_operator.then(|| {
        "the operator has a new secret and certificate, and the old ones have stopped working; tokens that were had \
         with them count until they expire, for up to an hour"
            .to_owned()
    });
    let registered = registered.iter().map(|audience| format!("tokens can be asked for {}", audience.as_str()));
    open.chain(reset).chain(registered).chain(operator_note(dir)).collect()
}

/// A one-use token with which this machine's agent joins as host `local`.
fn invite(plane: &ControlPlane, deployment: &Deployment) -> Result<Secret<String>, StoreError> {
    let token = base64url::encode(&random::bytes::<32>());
    let hash = thumbprint::sha256_hex(token.as_bytes());
    let world = clock::world();
    plane.store.write(|tx| placement::invite(tx, &world, deployment.local_host, "local", hash.clone()))?;
    Ok(Secret::new(token))
}

fn agent_options(options: &UpOptions) -> Options {
    let throttle = match options.throttle {
        ThrottleOption::On { rate, concurrent } => Some(Throttle { rate_per_second: rate, concurrent }),
        ThrottleOption::Off => None,
    };
    Options { throttle, refresh_ahead: options.refresh_ahead }
}

fn describe(
    dir: &DataDir,
    deployment: &Deployment,
    names: &bonafide_management::Config,
    workloads: Vec<WorkloadEndpoint>,
) -> Description {
    // Scripts run in other folders.
    let absolute = |path: std::path::PathBuf| std::path::absolute(&path).unwrap_or(path);
    Description {
        tenant_id: deployment.tenant,
        subscription_id: deployment.subscription,
        endpoints: Endpoints {
            login: names.login.clone(),
            management: names.management.clone(),
            graph: names.graph.clone(),
        },
        ca_file: absolute(dir.ca_file()),
        operator: Operator {
            client_id: deployment.operator_client,
            secret_file: absolute(dir.operator_secret()),
            certificate_file: absolute(dir.operator_certificate()),
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
}
