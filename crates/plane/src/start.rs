//! Starting a control plane on a data directory: opened first, then served.

use crate::agents::AgentReport;
use crate::background;
use crate::clock_check::{self, ImplausibleClock};
use crate::control_plane::{ControlPlane, OpenControlPlaneError, OwnAuthority, has_no_database, open_store};
use crate::files::PlaneFiles;
use crate::first_keys::FirstKeys;
use crate::first_start::{FirstStartError, first_start, make_local_host};
use crate::given_certificate::{CertificateFiles, GivenCertificate, GivenCertificateError};
use crate::installation::{INSTALLATION, Installation};
use crate::lanes::Lanes;
use crate::listener::{PlaneListener, readiness};
use crate::operator::{OperatorError, reset_operator, strange_operator_note};
use crate::origin::{NotCertifiable, Origin, PublicName};
use crate::registered_apis::{RegisterApiError, audiences, register_apis};
use crate::runtime::ServerRuntime;
use crate::surfaces::{On, Readiness};
use crate::tls::{self, ServerIdentity, TlsError};
use bonafide_core::{directory, placement};
use bonafide_crypto::ca::{ServerCa, ServerName};
use bonafide_crypto::{random, thumbprint};
use bonafide_files::LogFile;
use bonafide_http::{
    AskUser, Event, HttpLimits, ListenError, Listeners, Listening, Log, Sockets, Stop, TrustedProxy, clock,
};
use bonafide_store::{EngineError, Read, StoreError};
use bonafide_types::{Audience, HostId, Secret, base64url};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// The name of the public origin's socket, for who gives or keeps it.
pub const PUBLIC: &str = "public";
/// The name of the hosts listener's socket, likewise.
pub const HOSTS: &str = "hosts";

/// Options of a control plane.
#[derive(Debug, Clone)]
pub struct PlaneOptions {
    /// Address of the public HTTPS origin; port 0 picks a free one.
    pub listen: SocketAddr,
    /// Address of the hosts listener, mTLS; port 0 picks a free one.
    pub hosts_listen: SocketAddr,
    /// True if any other port will do where that one is taken: nobody asked for it, and no other machine knows it.
    pub hosts_may_move: bool,
    /// The names by which clients and hosts reach this machine; the first one is that of the installation. Without any
    /// it has the machine's loopback name.
    pub public_names: Vec<PublicName>,
    /// The operator's own certificate for the public origin; `None` is one of ours.
    pub certificate: Option<CertificateFiles>,
    /// True if the authority of our own certificates is made anew, for the public names as they are now.
    pub new_authority: bool,
    /// On first start: tenant, subscription and operator only.
    pub empty: bool,
    /// Application id URIs that tokens may be asked for, besides those that every tenant knows; once
    /// registered they stay.
    pub resources: Vec<String>,
    /// True if each client of the token service has its share, false if nobody is throttled.
    pub throttle: bool,
    /// The lifetime of tokens in seconds where no policy says another; `None` is the usual one.
    pub token_lifetime: Option<u32>,
    /// True if the operator gets a new secret and certificate, in place of all older ones.
    pub reset_operator: bool,
    /// Proxies in front of the public origin, whose connections begin with the PROXY protocol.
    pub trusted_proxies: Vec<TrustedProxy>,
}

impl PlaneOptions {
    /// Refuses an address of the public origin that no certificate can be for, before anything is made.
    pub fn check_origin(&self) -> Result<(), NotCertifiable> {
        Origin::new(&self.public_names, self.listen).map(drop)
    }

    /// Refuses what a start would refuse for the options alone: that, the files of a certificate, and identifiers of
    /// resources. Nothing is made.
    pub fn check(&self) -> Result<(), StartError> {
        let origin = Origin::new(&self.public_names, self.listen)?;
        if let Some(files) = &self.certificate {
            GivenCertificate::check(files, &origin.public)?;
        }
        audiences(&self.resources)?;
        Ok(())
    }
}

/// The reason why a control plane cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Its store or its parts.
    #[error(transparent)]
    Open(#[from] OpenControlPlaneError),
    /// The first start.
    #[error("the first start failed: {0}")]
    FirstStart(#[from] FirstStartError),
    /// TLS.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// A port is taken or not ours to take.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The address of the public origin.
    #[error(transparent)]
    NotCertifiable(#[from] NotCertifiable),
    /// A public name that our own authority may not certify.
    #[error(
        "the public name {name} is outside of what the installation's own authority may certify ({scope}), which was \
         decided when that was made: give files of a certificate of your own for it, or start once with --new-authority, \
         which makes another authority; clients and hosts are then to trust the new ca.pem"
    )]
    NameOutside {
        /// The name.
        name: ServerName,
        /// The names and addresses that it may certify.
        scope: String,
    },
    /// The operator's own certificate.
    #[error(transparent)]
    Given(#[from] GivenCertificateError),
    /// An API that cannot be registered.
    #[error(transparent)]
    Api(#[from] RegisterApiError),
    /// The operator's new credentials.
    #[error("cannot make new credentials for the operator: {0}; run it again with --reset-operator")]
    ResetOperator(OperatorError),
    /// Threads could not be started.
    #[error("cannot start threads: {0}")]
    Threads(std::io::Error),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// An opened control plane, that nobody reaches yet.
pub struct Opened {
    plane: Arc<ControlPlane>,
    files: PlaneFiles,
    server_ca: ServerCa,
    origin: Origin,
    given: Option<Arc<GivenCertificate>>,
    sockets: (Listening, Listening),
    /// True when nothing was ever made here.
    pub is_new: bool,
    keys: Option<FirstKeys>,
}

impl Opened {
    /// Takes the data directory for this process, and the two addresses. `of_others` are the files that other parts
    /// make only after a first start.
    pub fn open(
        files: PlaneFiles,
        options: &PlaneOptions,
        of_others: &[PathBuf],
        sockets: &Sockets,
        log: Arc<Log>,
    ) -> Result<Self, StartError> {
        options.check_origin()?;
        let keys = has_no_database(&files).then(FirstKeys::start).transpose().map_err(StartError::Threads)?;
        // Before the sockets: another process that has the directory may have the ports, too, and which of
        // the two it is decides what helps.
        let store = open_store(&files, of_others)?;
        // Only who has the directory writes to its log.
        log.keep_failures(LogFile::at(files.log_file())).map_err(StartError::Threads)?;
        let public = sockets.listen(PUBLIC, options.listen, "--listen, or `listen` of the configuration")?;
        let hosts = |address| sockets.listen(HOSTS, address, "--hosts-listen, or `hosts-listen` of the configuration");
        let hosts = match hosts(options.hosts_listen) {
            Err(_) if options.hosts_may_move => hosts(SocketAddr::new(options.hosts_listen.ip(), 0))?,
            opened => opened?,
        };
        let listen = public.address().unwrap_or(options.listen);
        let origin = Origin::new(&options.public_names, listen)?;
        let given = options.certificate.clone().map(|files| GivenCertificate::read(files, origin.public.clone()));
        let given = given.transpose()?;
        let authority = if options.new_authority { OwnAuthority::Replaced } else { OwnAuthority::Kept };
        let (plane, server_ca) = ControlPlane::open(&files, store, &origin, authority, log)?;
        if let Some(name) = origin.public.iter().find(|name| given.is_none() && !server_ca.may_certify(name)) {
            return Err(StartError::NameOutside { name: name.clone(), scope: server_ca.scope() });
        }
        plane.throttle(options.throttle);
        let plane = plane.with_token_lifetime(options.token_lifetime);
        let is_new = plane.store.read(|tx| tx.get(&INSTALLATION, &()))?.is_none();
        let sockets = (public, hosts);
        Ok(Self { plane: Arc::new(plane), files, server_ca, origin, given, sockets, is_new, keys })
    }

    /// Makes what a first start makes, does what the options ask for, and serves on both addresses.
    pub fn serve(
        self,
        options: &PlaneOptions,
        (limits, user_of): (HttpLimits, AskUser),
        tasks: &mut JoinSet<()>,
        stop: &Stop,
    ) -> Result<Running, StartError> {
        let Self { plane, files, server_ca, origin, given, sockets: (public, hosts), keys, .. } = self;
        let (names, uncertified) = origin.names().into_iter().partition(|name| server_ca.may_certify(name));
        let ca_der = server_ca.trust_anchor().der().to_vec();
        let identity = ServerIdentity::new(server_ca, names)?;
        let lanes = Arc::new(Lanes::start().map_err(StartError::Threads)?);
        let runtime = ServerRuntime::start("plane").map_err(StartError::Threads)?;

        let mut installation = first_start(&plane, &files, keys, options.empty)?;
        adopt_applications(&plane, &mut installation)?;
        adopt_local_host(&plane, &mut installation)?;
        if options.reset_operator {
            reset_operator(&plane, &files, &installation).map_err(StartError::ResetOperator)?;
        }
        let registered = register_apis(&plane, &installation, &options.resources)?;

        let (revisions, revision) = watch::channel(plane.views.current().cursor().revision.0);
        let listeners = Listeners {
            log: Arc::clone(&plane.log),
            limits,
            user_of,
            stop: stop.clone(),
            runtime: runtime.handle().clone(),
        };
        let listener = |on| PlaneListener {
            on,
            plane: Arc::clone(&plane),
            lanes: Arc::clone(&lanes),
            revisions: revision.clone(),
        };
        let hosts_address = hosts.address().unwrap_or(options.hosts_listen);
        let hosts_url = origin.hosts_url(hosts_address.port());
        let config = match &given {
            Some(given) => tls::public(Arc::<GivenCertificate>::clone(given))?,
            None => tls::public(Arc::<ServerIdentity>::clone(&identity))?,
        };
        let proxies = options.trusted_proxies.clone().into();
        listeners.start_behind(proxies, tasks, public, Some(config.into()), listener(On::Public));
        let config = tls::hosts(Arc::clone(&identity), &plane.host_ca)?;
        listeners.start(tasks, hosts, Some(config.into()), listener(On::Hosts));
        background::start(tasks, &plane, &lanes, identity, revisions, stop);
        Ok(Running {
            plane,
            lanes,
            installation,
            registered,
            hosts_address,
            hosts_url,
            ca_der,
            uncertified,
            given,
            _runtime: runtime,
        })
    }
}

/// Makes the applications that an older version did not store.
fn adopt_applications(plane: &ControlPlane, installation: &mut Installation) -> Result<(), StartError> {
    if installation.applications {
        return Ok(());
    }
    let adopted = directory::adopt_applications(&plane.store, &clock::world()).and_then(|()| {
        let done = Installation { applications: true, ..installation.clone() };
        plane.store.write(|tx| tx.put(&INSTALLATION, &(), &done))
    });
    match adopted {
        Ok(()) => installation.applications = true,
        // Nothing that starts may need space (AU-05): they sign in as they are, and the next start tries again.
        Err(StoreError::Engine(EngineError::Full(_))) => {}
        Err(error) => return Err(error.into()),
    }
    Ok(plane.catch_up().map_err(FirstStartError::from)?)
}

/// Makes the resource of the local host, which an older version did not make, or which was deleted since: `up` is a host.
/// Where there are no resources of the first start, it is one without a resource.
fn adopt_local_host(plane: &ControlPlane, installation: &mut Installation) -> Result<(), StartError> {
    let host = installation.local_host;
    let is_there = plane.store.read(|tx| Ok::<_, StoreError>(tx.get(&placement::HOSTS, &host)?.is_some()))?;
    if installation.demo_id.is_none() || (installation.local_host_is_resource && is_there) {
        return Ok(());
    }
    let made = make_local_host(plane, installation);
    if let Err(why) = made {
        // Nothing that starts may need space (AU-05), or a right that was taken away: the next start tries again.
        plane.log.event(&Event::named("localHostNotMade"), &why);
        return Ok(());
    }
    let done = Installation { local_host_is_resource: true, ..installation.clone() };
    plane.store.write(|tx| tx.put(&INSTALLATION, &(), &done))?;
    *installation = done;
    Ok(plane.catch_up().map_err(FirstStartError::from)?)
}

/// A control plane that is served.
pub struct Running {
    /// The control plane.
    pub plane: Arc<ControlPlane>,
    /// The ids that the first start made.
    pub installation: Installation,
    /// APIs that were registered by this start.
    pub registered: Vec<Audience>,
    /// Address of the hosts listener.
    pub hosts_address: SocketAddr,
    /// Its address for other machines: name and port.
    pub hosts_url: String,
    /// The certificate (DER) of the authority that they are to trust.
    pub ca_der: Vec<u8>,
    /// Public names that the hosts listener's certificate is not for, because our own authority may not certify them.
    pub uncertified: Vec<ServerName>,
    lanes: Arc<Lanes>,
    given: Option<Arc<GivenCertificate>>,
    _runtime: ServerRuntime,
}

impl Running {
    /// Reads the operator's own certificate again. One that would not do leaves the one before in place.
    pub fn read_certificate_again(&self) -> Result<(), GivenCertificateError> {
        self.given.as_ref().map_or(Ok(()), |given| given.read_again())
    }

    /// Lets each client of the token service have its share, or as much as it likes.
    pub fn throttle(&self, is_on: bool) {
        self.plane.throttle(is_on);
    }

    /// Registers APIs that tokens may be asked for, those that are not yet. It waits for the store.
    pub fn register_apis(&self, identifiers: &[String]) -> Result<Vec<Audience>, RegisterApiError> {
        register_apis(&self.plane, &self.installation, identifiers)
    }

    /// A handle that tells which of its parts work.
    pub fn health(&self) -> HealthCheck {
        HealthCheck { plane: Arc::clone(&self.plane), lanes: Arc::clone(&self.lanes) }
    }

    /// Invites a host each time that it is called, with a one-use token; `None` where the store does not take it. It
    /// waits for the store, and does not keep it open.
    pub fn invitation(
        &self,
        host: HostId,
        name: &'static str,
    ) -> impl Fn() -> Option<Secret<String>> + Send + Sync + 'static {
        let plane = Arc::downgrade(&self.plane);
        let is_resource = self.installation.local_host_is_resource && host == self.installation.local_host;
        move || {
            let plane = plane.upgrade()?;
            let token = base64url::encode(&random::bytes::<32>());
            let hash = thumbprint::sha256_hex(token.as_bytes());
            let world = clock::world();
            let invited = plane.store.write(|tx| {
                // One whose resource was deleted does not come back before the next start.
                let may_come = !is_resource || tx.get(&placement::HOSTS, &host)?.is_some();
                may_come.then(|| placement::invite(tx, &world, host, name, hash.clone())).transpose()
            });
            invited.ok().flatten().map(|()| Secret::new(token))
        }
    }

    /// Tells how the agent of this process is asked about itself. It must not keep the control plane open.
    pub fn ask_agent(&self, probe: impl Fn() -> Option<AgentReport> + Send + Sync + 'static) {
        self.plane.agent.set(Box::new(probe));
    }

    /// Tells whether the clock can be right.
    pub fn check_clock(&self) -> Result<(), ImplausibleClock> {
        clock_check::check(&self.plane.views.current(), clock::now())
    }

    /// A note where the operator's files are not those of this database.
    pub fn strange_operator_note(&self, files: &PlaneFiles) -> Option<String> {
        strange_operator_note(&self.plane, files, &self.installation)
    }

    /// Remembers the port of workload `demo`'s metadata endpoint.
    pub fn keep_imds_port(&mut self, port: u16) -> Result<(), StoreError> {
        if self.installation.imds_port != Some(port) {
            self.installation.imds_port = Some(port);
            self.plane.store.write(|tx| tx.put(&INSTALLATION, &(), &self.installation))?;
        }
        Ok(())
    }
}

/// Tells which parts of a control plane work.
pub struct HealthCheck {
    plane: Arc<ControlPlane>,
    lanes: Arc<Lanes>,
}

impl HealthCheck {
    /// Asks each part.
    pub async fn readiness(&self) -> Readiness {
        readiness(&self.plane, &self.lanes).await
    }
}
