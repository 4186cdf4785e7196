//! The metadata agent at work: its connection to the control plane, its keys, its endpoints.

mod caller;
mod control;
mod endpoint;
mod enrol;
mod fetch;
mod keys;
mod resource_name;
mod state;
mod stays;
mod upstream;
mod watch;

pub use control::ControlError;
pub(crate) use control::{Control, OpenEndpoint, open_endpoint};
pub(crate) use endpoint::{Endpoint, Users};
pub use enrol::EnrolError;
pub use state::StateError;
pub(crate) use stays::Stays;
pub(crate) use upstream::ControlPlaneAddress;
pub use upstream::UpstreamFailure;

use crate::data_dir::DataDir;
use bonafide_crypto::Kek;
use bonafide_http::Event;
use bonafide_http::Log;
use bonafide_http::clock;
use bonafide_metadata::{Agent, FetchDuty, Options, TokenFetch};
use bonafide_types::Secret;
use keys::IdentityKeys;
use resource_name::ResourceName;
use state::AgentState;
use std::sync::{Arc, PoisonError, RwLock};
use upstream::Upstream;

/// A one-use token, made when the agent needs one: at the first start, and when its certificate has
/// expired.
pub(crate) type Invitation<'a> = &'a (dyn Fn() -> Option<Secret<String>> + Send + Sync);

/// The agent of this host.
pub(crate) struct AgentRuntime {
    /// What answers requests.
    pub(crate) core: Agent,
    dir: DataDir,
    kek: Kek,
    to: ControlPlaneAddress,
    keys: IdentityKeys,
    link: RwLock<Arc<Link>>,
    log: Arc<Log>,
}

/// The connection to the control plane under one host certificate.
struct Link {
    upstream: Upstream,
    state: AgentState,
    /// The token service's origin: what client assertions name as their audience.
    authority: String,
}

impl AgentRuntime {
    /// Joins, or takes up the certificate of an earlier start, and reads what is to run here.
    pub(crate) async fn start(
        dir: &DataDir,
        to: ControlPlaneAddress,
        options: Options,
        invitation: Invitation<'_>,
        log: Arc<Log>,
    ) -> Result<Arc<Self>, EnrolError> {
        let kek = dir.agent_key().map_err(StateError::from)?;
        let state = match AgentState::read(dir)? {
            Some(state) if !enrol::is_expired(&state) => state,
            Some(_) | None => {
                let token = invitation().ok_or_else(|| EnrolError::Refused("there is no enrolment token".into()))?;
                enrol::join(dir, &kek, &to, &token).await?
            }
        };
        let link = Arc::new(Link::open(&to, &kek, state).await?);
        let keys = IdentityKeys::new(dir.clone(), dir.agent_key().map_err(StateError::from)?, Arc::clone(&log));
        let (core, link) = (Agent::new(options).logging_to(&dir.log_file().display().to_string()), RwLock::new(link));
        Ok(Arc::new(Self { core, dir: dir.clone(), kek, to, keys, link, log }))
    }

    /// Renews the host certificate when it is time to.
    pub(crate) async fn renew_if_due(&self) -> Result<(), EnrolError> {
        let link = self.link();
        if enrol::is_renewal_due(&link.state) {
            let state = enrol::renew(&self.dir, &self.kek, &link.upstream).await?;
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

    fn link(&self) -> Arc<Link> {
        Arc::clone(&self.link.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Link {
    async fn open(to: &ControlPlaneAddress, kek: &Kek, state: AgentState) -> Result<Self, EnrolError> {
        let (key, certificate) = state.open(kek)?;
        let identity = crate::tls::ClientIdentity { certificate_der: &certificate, key_pkcs8: &key };
        let upstream = Upstream::new(to.clone(), Some(identity))?;
        let authority = enrol::deployment(&upstream).await?.authority;
        Ok(Self { upstream, state, authority })
    }
}
