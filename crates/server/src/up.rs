//! `up`: control plane and agent in one process.

use crate::agent::{
    AgentRuntime, Control, ControlError, ControlPlaneAddress, Endpoint, EnrolError, UpstreamFailure, Users,
};
use crate::attach::attach;
use crate::bootstrap::{BootstrapError, bootstrap};
use crate::clock;
use crate::config::{ThrottleOption, UpOptions};
use crate::control_plane::{ControlPlane, OpenControlPlaneError};
use crate::data_dir::{DataDir, DataDirError};
use crate::deployment::{DEPLOYMENT, Deployment};
use crate::description::{Description, Endpoints, Operator, WorkloadEndpoint};
use crate::event::Event;
use crate::hosts_listener::HostsListener;
use crate::http::{self, HttpLimits, Listener, Log, Service};
use crate::link_local::{LinkLocal, LinkLocalError};
use crate::names::Origin;
use crate::pool::Pool;
use crate::public::PublicOrigin;
use crate::runtime::ServerRuntime;
use crate::tls::{self, ServerIdentity, TlsError};
use crate::upkeep::upkeep;
use bonafide_core::placement;
use bonafide_crypto::ca::ServerNameError;
use bonafide_crypto::{base64url, random, thumbprint};
use bonafide_metadata::{Binding, Dialect, Options, Throttle};
use bonafide_store::StoreError;
use bonafide_types::{ResourceUuid, Secret};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
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
/// How long the view's follower waits before it looks by itself (other replicas do not wake it).
const FOLLOW_EVERY: Duration = Duration::from_millis(200);
/// How often certificates are looked at.
const RENEW_EVERY: Duration = Duration::from_secs(600);

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
    #[error(
        "cannot listen on {address}: {error}; stop what uses it, or choose another with {option} (0 picks a free port)"
    )]
    Listen {
        /// Where.
        address: SocketAddr,
        /// The option that chooses it.
        option: &'static str,
        /// Why.
        error: std::io::Error,
    },
    /// Threads could not be started.
    #[error("cannot start threads: {0}")]
    Threads(std::io::Error),
    /// The agent could not join.
    #[error("the agent cannot join: {0}")]
    Enrol(#[from] EnrolError),
    /// The agent could not read what to run.
    #[error("the agent cannot read what to run: {0}")]
    Agent(#[from] UpstreamFailure),
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

/// Lets the process open as many connections as the system allows it. A lower limit still works: what
/// is over it waits to be accepted.
fn raise_descriptor_limit() {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    let most = rustix::process::Rlimit { current: limit.maximum, maximum: limit.maximum };
    let _ = rustix::process::setrlimit(rustix::process::Resource::Nofile, most);
}

/// Starts everything. Returns when it serves.
pub async fn up(options: UpOptions, log: Arc<Log>) -> Result<Up, UpError> {
    raise_descriptor_limit();
    let dir = DataDir::create(&options.data_dir)?;
    let public = listen(options.listen, "--listen").await?;
    let hosts = listen(options.hosts_listen, "--hosts-listen").await?;
    let (public_port, hosts_address) = (port_of(&public), hosts.local_addr().unwrap_or(options.hosts_listen));
    let name = public_name(options.listen.ip());
    let origin = Origin { host: &name, port: public_port };
    let (plane, server_ca) = ControlPlane::open(&dir, origin, Arc::clone(&log))?;
    let plane = Arc::new(plane);
    let is_new = plane.store.read(|tx| bonafide_store::Read::get(tx, &DEPLOYMENT, &()))?.is_none();
    let mut deployment = bootstrap(&plane, &dir, &|request| plane.manage(request, clock::world()), options.empty)?;

    let (stop, stopped) = watch::channel(false);
    let (revisions, revision) = watch::channel(plane.views.current().cursor().revision.0);
    let ca_der = server_ca.certificate().der().to_vec();
    let names =
        [name.as_str(), "localhost", "127.0.0.1", "::1"].map(str::parse).into_iter().collect::<Result<_, _>>()?;
    let identity = ServerIdentity::new(server_ca, names)?;
    let store_pool = Pool::start("store", STORE_THREADS, QUEUED_MAX, QUEUED_FOR).map_err(UpError::Threads)?;
    let store_pool = Arc::new(store_pool);
    let mut tasks = JoinSet::new();

    let control_plane = ServerRuntime::start("plane").map_err(UpError::Threads)?;
    let start = Starter { log: Arc::clone(&log), stopped: stopped.clone(), runtime: control_plane.handle().clone() };
    let service = PublicOrigin { plane: Arc::clone(&plane), store_pool: Arc::clone(&store_pool) };
    start.listener(&mut tasks, public, Some(tls::public(Arc::clone(&identity))?.into()), service);
    let config = tls::hosts(Arc::clone(&identity), &plane.host_ca)?;
    let service = HostsListener { plane: Arc::clone(&plane), store_pool: Arc::clone(&store_pool), revisions: revision };
    start.listener(&mut tasks, hosts, Some(config.into()), service);
    follow(&mut tasks, &plane, revisions, stopped.clone());
    tasks.spawn(renew(identity, Arc::clone(&log), stopped.clone()));
    tasks.spawn(upkeep(Arc::clone(&plane), store_pool, stopped.clone()));

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
    let attach = attach(Arc::clone(&plane), deployment.local_host);
    let control = Control { agent: Arc::clone(&agent), attach, log, users };
    control.serve(&dir, stopped).await?;

    let start = Starter { runtime: Handle::current(), ..start };
    let mut link_local = None;
    let mut workloads = Vec::new();
    if let Some(demo) = demo_workload(&agent, &deployment) {
        let socket = listen_metadata(options.imds_port.or(deployment.imds_port)).await?;
        let port = port_of(&socket);
        remember_port(&plane, &mut deployment, port)?;
        let endpoint = endpoint(&agent, "loopback", demo, port, users);
        start.listener(&mut tasks, socket, None, endpoint);
        let mut address = format!("http://127.0.0.1:{port}");
        if options.link_local {
            let (guard, socket) = LinkLocal::open().await?;
            start.listener(&mut tasks, socket, None, endpoint_link_local(&agent, demo));
            link_local = Some(guard);
            address = "http://169.254.169.254".to_owned();
        }
        if let Some(resource_id) = deployment.demo.clone() {
            workloads.push(WorkloadEndpoint { resource_id, endpoint: address, dialects: vec!["imds".to_owned()] });
        }
    }

    let description = describe(&dir, &deployment, &plane.management, workloads);
    description.write(&dir)?;
    Ok(Up { description, is_new, stop, tasks, _control_plane: control_plane, _link_local: link_local })
}

/// Starts listeners that share what they share.
struct Starter {
    log: Arc<Log>,
    stopped: watch::Receiver<bool>,
    /// Where their connections are served.
    runtime: Handle,
}

impl Starter {
    fn listener<S: Service>(&self, tasks: &mut JoinSet<()>, socket: TcpListener, tls: Option<TlsAcceptor>, service: S) {
        let (service, log) = (Arc::new(service), Arc::clone(&self.log));
        let listener = Listener { socket, tls, service, limits: HttpLimits::default(), log };
        tasks.spawn_on(listener.serve(self.stopped.clone()), &self.runtime);
    }
}

async fn listen(address: SocketAddr, option: &'static str) -> Result<TcpListener, UpError> {
    TcpListener::bind(address).await.map_err(|error| UpError::Listen { address, option, error })
}

/// Listens on the port given, or on a free one that is then kept. It is not taken from the ports that
/// systems give to outgoing connections (from 32,768 on): one of those could be in use at the next start.
async fn listen_metadata(port: Option<u16>) -> Result<TcpListener, UpError> {
    const CHOICES: std::ops::Range<u16> = 20_000..30_000;
    const TRIES: usize = 100;
    let at = |port| listen(SocketAddr::from((Ipv4Addr::LOCALHOST, port)), "--imds-port");
    if let Some(port) = port.filter(|port| *port != 0) {
        return at(port).await;
    }
    for _ in 0..TRIES {
        let choice = u16::from_be_bytes(random::bytes::<2>()) % (CHOICES.end - CHOICES.start);
        if let Ok(socket) = at(CHOICES.start + choice).await {
            return Ok(socket);
        }
    }
    at(0).await
}

fn port_of(listener: &TcpListener) -> u16 {
    listener.local_addr().map_or(0, |address| address.port())
}

/// What clients call this machine: its loopback name, or the address that it listens on.
fn public_name(listen: IpAddr) -> String {
    if listen.is_loopback() || listen.is_unspecified() { "localhost".to_owned() } else { listen.to_string() }
}

/// Keeps the view up with the store, and tells who waits for it.
fn follow(
    tasks: &mut JoinSet<()>,
    plane: &Arc<ControlPlane>,
    revisions: watch::Sender<u64>,
    stopped: watch::Receiver<bool>,
) {
    let plane = Arc::clone(plane);
    tasks.spawn_blocking(move || {
        while !*stopped.borrow() {
            if let Err(error) = plane.follow(FOLLOW_EVERY) {
                plane.log.event(&Event::FollowFailed, &error);
                // A store that is down is asked again; the view stays as it is meanwhile.
                std::thread::sleep(FOLLOW_EVERY);
            }
            let revision = plane.views.current().cursor().revision.0;
            revisions.send_if_modified(|known| std::mem::replace(known, revision) != revision);
        }
    });
}

async fn renew(identity: Arc<ServerIdentity>, log: Arc<Log>, mut stopped: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(RENEW_EVERY) => {}
            () = http::stopped(&mut stopped) => return,
        }
        // The old certificate has half of its life left; the next round tries again.
        if let Err(error) = identity.renew_if_due() {
            log.event(&Event::ServerCertificateNotRenewed, &error);
        }
    }
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

fn demo_workload(agent: &AgentRuntime, deployment: &Deployment) -> Option<ResourceUuid> {
    let demo = deployment.demo.as_ref()?;
    agent.core.workloads().into_iter().find(|workload| workload.resource_id == *demo).map(|workload| workload.id)
}

fn endpoint(agent: &Arc<AgentRuntime>, id: &str, workload: ResourceUuid, port: u16, users: Users) -> Endpoint {
    Endpoint { binding: Binding::new(id, workload, Dialect::Imds, port, []), users, agent: Arc::clone(agent) }
}

/// On the real address there is no loopback connection whose user could be asked for; who can reach
/// it is who shares the network namespace.
fn endpoint_link_local(agent: &Arc<AgentRuntime>, workload: ResourceUuid) -> Endpoint {
    endpoint(agent, "link-local", workload, crate::link_local::PORT, Users::Any)
}

fn remember_port(plane: &ControlPlane, deployment: &mut Deployment, port: u16) -> Result<(), StoreError> {
    if deployment.imds_port == Some(port) {
        return Ok(());
    }
    deployment.imds_port = Some(port);
    plane.store.write(|tx| tx.put(&DEPLOYMENT, &(), deployment))
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
            vault_suffix: names.vault_suffix.clone(),
            portal: names.portal.clone(),
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
