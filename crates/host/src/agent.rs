//! The metadata agent at work: its connection to the control plane and its keys.

use crate::enrol::{self, EnrolError};
use crate::fetch;
use crate::files::HostFiles;
use crate::keys::IdentityKeys;
use crate::resource_name::ResourceName;
use crate::state::AgentState;
use crate::tls::ClientIdentity;
use crate::upstream::{ControlPlaneAddress, Upstream};
use bonafide_crypto::Kek;
use bonafide_http::{Event, Log, clock};
use bonafide_metadata::{Agent, FetchDuty, Options, TokenFetch};
use bonafide_types::Secret;
use std::sync::{Arc, PoisonError, RwLock};
use tokio::sync::watch;

/// A one-use token, made when the agent needs one: at the first start, and when its certificate has
/// expired.
pub type Invitation<'a> = &'a (dyn Fn() -> Option<Secret<String>> + Send + Sync);

/// The agent of this host.
pub struct AgentRuntime {
    /// The pure part, which answers requests.
    pub core: Agent,
    files: HostFiles,
    kek: Kek,
    to: ControlPlaneAddress,
    pub(crate) keys: IdentityKeys,
    link: RwLock<Arc<Link>>,
    pub(crate) changed: watch::Sender<()>,
    pub(crate) log: Arc<Log>,
}

/// The connection to the control plane under one host certificate.
pub(crate) struct Link {
    pub(crate) upstream: Upstream,
    state: AgentState,
    /// The token service's origin: what client assertions name as their audience.
    authority: String,
}

impl AgentRuntime {
    /// Joins, or takes up the certificate of an earlier start, and reads what is to run here.
    pub async fn start(
        files: &HostFiles,
        to: ControlPlaneAddress,
        options: Options,
        invitation: Invitation<'_>,
        log: Arc<Log>,
    ) -> Result<Arc<Self>, EnrolError> {
        let kek = AgentState::kek(files)?;
        let state = match AgentState::read(files)? {
            Some(state) if !enrol::is_expired(&state) => state,
            Some(_) | None => {
                let token = invitation().ok_or_else(|| EnrolError::Refused("there is no enrolment token".into()))?;
                enrol::join(files, &kek, &to, &token).await?
            }
        };
        let link = Arc::new(Link::open(&to, &kek, state).await?);
        let keys = IdentityKeys::new(files.clone(), AgentState::kek(files)?, Arc::clone(&log));
        let (core, link) = (Agent::new(options).logging_to(&files.log_file().display().to_string()), RwLock::new(link));
        let changed = watch::Sender::new(());
        Ok(Arc::new(Self { core, files: files.clone(), kek, to, keys, link, changed, log }))
    }

    /// Becomes changed with each change of what runs here.
    pub fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// Renews the host certificate when it is time to.
    pub(crate) async fn renew_if_due(&self) -> Result<(), EnrolError> {
        let link = self.link();
        if enrol::is_renewal_due(&link.state) {
            let state = enrol::renew(&self.files, &self.kek, &link.upstream).await?;
            let renewed = Arc::new(Link::open(&self.to, &self.kek, state).await?);
            *self.link.write().unwrap_or_else(PoisonError::into_inner) = renewed;
        }
        Ok(())
    }

    /// Runs one fetch to its end.
    pub(crate) async fn fetch(self: Arc<Self>, duty: FetchDuty) {
        let link = self.link();
        let result = fetch::fetch(&self.log, &link.upstream, &self.keys, &link.authority, duty.fetch()).await;
        if let Err(why) = &result {
            let TokenFetch { workload, tenant, principal, ref audience, .. } = *duty.fetch();
            let resource = ResourceName::from(audience);
            let event = Event::named("tokenFetchFailed").with("workload", workload).with("tenant", tenant);
            let event = event.with("principal", principal).with("resource", resource.as_str());
            // A resource that login refuses is news; an outage is the same for all.
            let event = if why.is_about_what_was_asked() { event.apart(resource.as_str()) } else { event };
            self.log.event(&event, why);
        }
        self.core.complete(duty, result, &clock::world());
    }

    pub(crate) fn link(&self) -> Arc<Link> {
        Arc::clone(&self.link.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Link {
    async fn open(to: &ControlPlaneAddress, kek: &Kek, state: AgentState) -> Result<Self, EnrolError> {
        let (key, certificate) = state.open(kek)?;
        let identity = ClientIdentity { certificate_der: &certificate, key_pkcs8: &key };
        let upstream = Upstream::new(to.clone(), Some(identity))?;
        let authority = enrol::installation(&upstream).await?.authority;
        Ok(Self { upstream, state, authority })
    }
}
