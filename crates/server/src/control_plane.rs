//! The control plane's parts, opened from a data directory or made on first start.

use crate::confirm::Confirming;
use crate::data_dir::{DataDir, DataDirError, write_public};
use crate::followed::Followed;
use crate::lost::{self, Progress};
use crate::names::Origin;
use crate::pool::Pool;
use bonafide_core::keys::{DEPLOYMENT_SECRETS, open_deployment_secret, seal_deployment_secret};
use bonafide_core::tokens::{self, AcceptedAudiences, Names, NamesError};
use bonafide_core::view::{Views, ViewsError};
use bonafide_crypto::ca::{CaError, HostCa, IpSubnet, ServerCa, ServerCaSpec};
use bonafide_crypto::seal::{SealError, Sealed};
use bonafide_crypto::secret_hash::Pepper;
use bonafide_crypto::{Certificate, Kek, base64url};
use bonafide_http::Log;
use bonafide_http::clock;
use bonafide_store::{Read, Store, StoreError};
use bonafide_store_sqlite::{DATABASE_FILE, OpenError, SqliteEngine};
use bonafide_types::{Secret, World};
use bonafide_wire::{Outcome, Reply, Request, Surface, Unserved};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long the two authorities last, in seconds (10 years).
const AUTHORITY_SECONDS: u64 = 10 * 365 * 86_400;

/// The control plane, ready to be served.
pub(crate) struct ControlPlane {
    pub(crate) store: Store,
    pub(crate) views: Views,
    pub(crate) host_ca: HostCa,
    pub(crate) login: bonafide_login::Service,
    pub(crate) management: bonafide_management::Config,
    pub(crate) management_audiences: AcceptedAudiences,
    pub(crate) graph_audiences: AcceptedAudiences,
    pub(crate) confirming: Confirming,
    pub(crate) followed: Followed,
    pub(crate) log: Arc<Log>,
}

impl ControlPlane {
    /// Returns when the view has caught up with the store as it was at the time of the call, or a
    /// moment before it, or cannot in time.
    pub(crate) async fn confirm(self: &Arc<Self>, store_pool: &Pool) {
        let plane = Arc::clone(self);
        self.confirming.run(store_pool, move || drop(plane.catch_up())).await;
    }

    /// Waits at most `timeout` for a change, and brings the view up to it. Call it in a loop.
    pub(crate) fn follow(&self, timeout: Duration) -> Result<(), ViewsError> {
        self.store.wait_for_change(self.views.current().cursor().revision, timeout);
        self.catch_up()
    }

    /// Brings the view to the store's revision at the time of the call or later.
    pub(crate) fn catch_up(&self) -> Result<(), ViewsError> {
        let asked_at = Instant::now();
        self.views.catch_up(&self.store)?;
        self.followed.mark(asked_at);
        Ok(())
    }

    /// The token service, as one request sees it. `confirmed`: the view has caught up with the store.
    pub(crate) fn login<T>(
        &self,
        world: World<'_>,
        confirmed: bool,
        ask: impl FnOnce(bonafide_login::Cx<'_>) -> T,
    ) -> T {
        let view = self.views.current();
        ask(bonafide_login::Cx { view: &view, service: &self.login, world, confirmed })
    }

    /// The hosts surface, as one request sees it. `waited`: a wait that it asked for is over.
    pub(crate) fn hosts<T>(&self, world: World<'_>, waited: bool, ask: impl FnOnce(bonafide_hosts::Cx<'_>) -> T) -> T {
        let view = self.views.current();
        let authority = self.login.authority.origin();
        ask(bonafide_hosts::Cx { store: &self.store, view: &view, ca: &self.host_ca, authority, world, waited })
    }

    /// The resource manager, as one request sees it.
    pub(crate) fn management<T>(&self, world: World<'_>, ask: impl FnOnce(bonafide_management::Cx<'_>) -> T) -> T {
        let view = self.views.current();
        ask(bonafide_management::Cx {
            config: &self.management,
            authority: &self.login.authority,
            audiences: &self.management_audiences,
            view: &view,
            view_age_seconds: self.followed.age().as_secs(),
            store: &self.store,
            world,
        })
    }

    /// Answers a request to the resource manager.
    pub(crate) fn manage(&self, request: &Request, world: World<'_>) -> Reply {
        self.management(world, |cx| match cx.handle(request) {
            Outcome::Answer(answer) => answer.reply,
            Outcome::Need(never) => match never {},
        })
    }

    /// The directory, as one request sees it.
    pub(crate) fn graph<T>(&self, world: World<'_>, ask: impl FnOnce(bonafide_graph::Cx<'_>) -> T) -> T {
        let view = self.views.current();
        ask(bonafide_graph::Cx {
            endpoint: &self.management.graph,
            authority: &self.login.authority,
            audiences: &self.graph_audiences,
            view: &view,
            view_age_seconds: self.followed.age().as_secs(),
            store: &self.store,
            log_file: self.management.log_file.as_deref(),
            world,
        })
    }

    /// Refuses a request to the resource manager.
    pub(crate) fn refuse_manage(&self, head: &Request, why: Unserved, world: World<'_>) -> Reply {
        self.management(world, |cx| cx.refuse(head, why).reply)
    }

    /// Whether an `Authorization` header has a token that counts at the resource manager.
    pub(crate) fn knows_caller(&self, authorization: Option<&str>, world: World<'_>) -> bool {
        let (view, audiences) = (self.views.current(), &self.management_audiences);
        tokens::bearer(authorization)
            .and_then(|token| tokens::verify(&view, &self.login.authority, audiences, &world, token))
            .is_ok()
    }
}

/// Why the control plane could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenControlPlaneError {
    /// The data directory.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// The database.
    #[error(transparent)]
    Engine(#[from] OpenError),
    /// The database, once open.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The view.
    #[error(transparent)]
    Views(#[from] ViewsError),
    /// An authority.
    #[error(transparent)]
    Authority(#[from] CaError),
    /// A sealed secret.
    #[error("a secret in the database cannot be opened with the key file: {0}")]
    Seal(#[from] SealError),
    /// A sealed secret has another form.
    #[error("the secret '{0}' in the database is damaged")]
    Damaged(&'static str),
    /// What the deployment calls itself.
    #[error(transparent)]
    Names(#[from] NamesError),
}

/// An authority as it is sealed: its key, its certificate, and that of the root above it, which has no key. The hosts'
/// authority has no root, nor has a server authority of the time before there were roots.
#[derive(Serialize, Deserialize)]
struct SealedAuthority {
    key: String,
    certificate: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    root: Option<String>,
}

/// An authority, opened.
struct OpenAuthority {
    key: Secret<Vec<u8>>,
    certificate_der: Vec<u8>,
    root_der: Option<Vec<u8>>,
}

const SERVER_CA: &str = "server-ca";
const HOST_CA: &str = "host-ca";
const PEPPER: &str = "secret-pepper";

/// Opens the database of a data directory, and takes the directory for this process. Refuses when the
/// database is not the one that the other files are of.
pub(crate) fn open_store(dir: &DataDir) -> Result<Store, OpenControlPlaneError> {
    let database = dir.store().join(DATABASE_FILE);
    if database.metadata().is_ok_and(|file| file.len() == 0) || !database.exists() {
        // Before SQLite looks: it removes the log of an emptied database, which may have everything.
        lost::check(dir, Progress::Nothing)?;
    }
    let store = Store::open(SqliteEngine::open(&dir.store())?);
    lost::check(dir, Progress::read(&store)?)?;
    dir.remove_drafts()?;
    Ok(store)
}

impl ControlPlane {
    /// Opens the control plane on a store. The authority that signs the server's certificate comes
    /// beside it: TLS takes it.
    pub(crate) fn open(
        dir: &DataDir,
        store: Store,
        origin: Origin<'_>,
        log: Arc<Log>,
    ) -> Result<(Self, ServerCa), OpenControlPlaneError> {
        let sealed = |name: &str| store.read(|tx| tx.get(&DEPLOYMENT_SECRETS, &name.to_owned()));
        let is_new = sealed(PEPPER)?.is_none();
        let kek = dir.control_plane_key(is_new)?;
        if is_new {
            make_secrets(&store, &kek)?;
        }
        let open = |name: &'static str| -> Result<Secret<Vec<u8>>, OpenControlPlaneError> {
            let sealed: Sealed = sealed(name)?.ok_or(OpenControlPlaneError::Damaged(name))?;
            Ok(open_deployment_secret(&kek, name, &sealed)?)
        };
        let sealed = open_authority(SERVER_CA, &open(SERVER_CA)?)?;
        let server_ca = ServerCa::load(&sealed.key, &sealed.certificate_der, sealed.root_der.as_deref())?;
        let sealed = open_authority(HOST_CA, &open(HOST_CA)?)?;
        let host_ca = HostCa::load(&sealed.key, &sealed.certificate_der)?;
        let pepper = open(PEPPER)?;
        let pepper: [u8; Pepper::BYTES] =
            pepper.expose().as_slice().try_into().map_err(|_| OpenControlPlaneError::Damaged(PEPPER))?;
        write_public(&dir.ca_file(), server_ca.trust_anchor_pem().as_bytes())?;
        let url = origin.url();
        let names = Names::new(&url)?;
        let followed = Followed::at(Instant::now());
        let views = Views::load(&store, kek)?;
        let pepper = Pepper::new(&Secret::new(pepper));
        let log_file = Some(dir.log_file().display().to_string());
        let this = Self {
            store,
            views,
            host_ca,
            login: bonafide_login::Service {
                log_file: log_file.clone(),
                ..bonafide_login::Service::new(names.authority, names.audiences, pepper)
            },
            management: bonafide_management::Config { log_file, ..bonafide_management::Config::at(&url) },
            management_audiences: names.accepted,
            graph_audiences: names.graph,
            confirming: Confirming::default(),
            followed,
            log,
        };
        Ok((this, server_ca))
    }
}

fn make_secrets(store: &Store, kek: &Kek) -> Result<(), OpenControlPlaneError> {
    let now = clock::now().unix_seconds();
    let server = ServerCa::create(
        &ServerCaSpec {
            common_name: "bonafide",
            permitted_dns: &["localhost"],
            permitted_ip: &[IpSubnet::LOOPBACK_V4, IpSubnet::LOOPBACK_V6],
            lifetime_seconds: AUTHORITY_SECONDS,
        },
        now,
    )?;
    let hosts = HostCa::create(now, AUTHORITY_SECONDS)?;
    let pepper = Pepper::generate();
    let secrets = [
        (SERVER_CA, seal_authority(&server.to_pkcs8()?, server.certificate(), server.root())),
        (HOST_CA, seal_authority(&hosts.to_pkcs8()?, hosts.certificate(), None)),
        (PEPPER, Secret::new(pepper.expose().to_vec())),
    ];
    let sealed = secrets
        .iter()
        .map(|(name, secret)| Ok((*name, seal_deployment_secret(kek, name, secret.expose())?)))
        .collect::<Result<Vec<_>, SealError>>()?;
    store.write(|tx| {
        for (name, sealed) in &sealed {
            tx.put(&DEPLOYMENT_SECRETS, &(*name).to_owned(), sealed)?;
        }
        Ok::<_, StoreError>(())
    })?;
    Ok(())
}

fn seal_authority(key: &Secret<Vec<u8>>, certificate: &Certificate, root: Option<&Certificate>) -> Secret<Vec<u8>> {
    let authority = SealedAuthority {
        key: base64url::encode(key.expose()),
        certificate: base64url::encode(certificate.der()),
        root: root.map(|root| base64url::encode(root.der())),
    };
    // A struct of strings always has a JSON form.
    Secret::new(serde_json::to_vec(&authority).unwrap_or_default())
}

fn open_authority(name: &'static str, secret: &Secret<Vec<u8>>) -> Result<OpenAuthority, OpenControlPlaneError> {
    let damaged = || OpenControlPlaneError::Damaged(name);
    let decoded = |text: &str| base64url::decode(text).map_err(|_| damaged());
    let authority: SealedAuthority = serde_json::from_slice(secret.expose()).map_err(|_| damaged())?;
    Ok(OpenAuthority {
        key: Secret::new(decoded(&authority.key)?),
        certificate_der: decoded(&authority.certificate)?,
        root_der: authority.root.as_deref().map(decoded).transpose()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_authority_sealed_before_there_were_roots_opens_without_one() {
        let ca = HostCa::create(clock::now().unix_seconds(), AUTHORITY_SECONDS).unwrap();
        let (key, certificate) = (ca.to_pkcs8().unwrap(), ca.certificate());
        let (key_text, certificate_text) = (base64url::encode(key.expose()), base64url::encode(certificate.der()));
        let old = format!(r#"{{"key":"{key_text}","certificate":"{certificate_text}"}}"#).into_bytes();
        assert_eq!(seal_authority(&key, certificate, None).expose(), &old);
        for (sealed, root) in [
            (Secret::new(old), None),
            (seal_authority(&key, certificate, Some(certificate)), Some(certificate.der().to_vec())),
        ] {
            let opened = open_authority(SERVER_CA, &sealed).unwrap();
            assert_eq!((opened.key.expose(), &opened.certificate_der[..]), (key.expose(), certificate.der()));
            assert_eq!(opened.root_der, root);
        }
    }
}
