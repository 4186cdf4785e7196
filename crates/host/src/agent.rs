//! The metadata agent at work: its connection to the control plane and its keys.

use crate::contact::Contact;
use crate::control_plane::ControlPlaneAddress;
use crate::enrol::EnrolError;
use crate::fetch;
use crate::files::HostFiles;
use crate::instances::Instances;
use crate::kept::Kept;
use crate::keys::IdentityKeys;
use crate::link::Link;
use crate::membership::{Invitation, Membership};
use crate::resource_name::ResourceName;
use crate::state::AgentState;
use bonafide_crypto::CERTIFICATE_BACKDATE_SECONDS;
use bonafide_http::{Event, Log, clock};
use bonafide_metadata::host::{HostRefusal, HostRequest, Sent};
use bonafide_metadata::{Agent, FetchDuty, Options, TokenFetch, UpstreamError};
use bonafide_types::{HostId, Phase, Timestamp};
use bonafide_wire::token::TokenV1;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{Notify, watch};

/// Longest time that the control plane may take for a question of a workload's.
const ASK: Duration = Duration::from_secs(5);
/// Longest time that a start of a host of before waits for a connection. Source: ours; it may have to serve without.
const START_WAIT: Duration = Duration::from_millis(300);

/// The agent of this host.
pub struct AgentRuntime {
    /// The pure part, which answers requests.
    pub core: Agent,
    pub(crate) membership: Membership,
    pub(crate) contact: Arc<Contact>,
    pub(crate) keys: IdentityKeys,
    pub(crate) kept: Kept,
    /// Those of this process that tokens depend on.
    pub(crate) settings: Mutex<String>,
    pub(crate) changed: watch::Sender<()>,
    /// Told when a request is held, so that the control plane is asked at once.
    pub(crate) look: Notify,
    /// Becomes changed with each answer of the control plane that is in force, and with each look that brought none.
    pub(crate) looks: watch::Sender<()>,
    pub(crate) log: Arc<Log>,
    pub(crate) instances: Instances,
}

/// The agent's own account of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AgentStatus {
    /// The time at which its certificate was issued; `None` while it has none.
    pub certificate_issued_at: Option<Timestamp>,
    /// The end of its certificate; `None` while it has none.
    pub certificate_ends_at: Option<Timestamp>,
    /// True while its certificate opens a connection.
    pub is_member: bool,
    /// The standing that the control plane told it last, where that is not a good one.
    pub refusal: Option<HostRefusal>,
    /// The time since the control plane answered last; `None` before the first answer.
    pub silence: Option<Duration>,
}

impl AgentRuntime {
    /// Joins, or takes up the certificate of an earlier start. An agent whose host is frozen or disabled starts all the
    /// same, and goes on when an operator has decided.
    pub async fn start(
        files: &HostFiles,
        to: ControlPlaneAddress,
        options: Options,
        invitation: Invitation,
        log: Arc<Log>,
    ) -> Result<Arc<Self>, EnrolError> {
        let contact = Arc::new(Contact::default());
        let membership = Membership::new(files.clone(), to, invitation, Arc::clone(&contact))?;
        let keys = IdentityKeys::new(files.clone(), membership.kek()?, Arc::clone(&log));
        let kept = Kept::new(files.clone(), membership.kek()?, Arc::clone(&log));
        let core = Agent::new(options).logging_to(&files.log_file().display().to_string());
        core.look_at_clock(clock::now(), clock::since_boot());
        let (settings, look) = (Mutex::default(), Notify::new());
        let (changed, looks) = (watch::Sender::new(()), watch::Sender::new(()));
        let instances = Instances::new(files.clone(), membership.kek()?, Arc::clone(&log));
        let agent =
            Arc::new(Self { core, membership, contact, keys, kept, settings, changed, look, looks, log, instances });
        let was_host = files.state().exists();
        match tokio::time::timeout(START_WAIT, agent.link()).await {
            // A host of before goes on with what it has, and joins again by itself.
            Ok(Err(why)) if why.is_for_an_operator() || (why.is_outage() && was_host) => Ok(agent),
            Ok(Err(why)) => Err(why),
            Err(_late) if !was_host => agent.link().await.map(|_| agent),
            Ok(Ok(_)) | Err(_) => Ok(agent),
        }
    }

    /// The agent of a host that has joined a control plane elsewhere. While that is away it goes on with what it has.
    ///
    /// # Errors
    /// [`EnrolError`], among them [`EnrolError::NotJoined`].
    pub async fn of_joined(files: &HostFiles, options: Options, log: Arc<Log>) -> Result<Arc<Self>, EnrolError> {
        let not_joined = || EnrolError::NotJoined(files.data_dir().to_owned());
        // Without them nothing was ever sealed, and nothing is to be made.
        if !files.has_joined() || AgentState::read(files)?.is_none() {
            return Err(not_joined());
        }
        let to = ControlPlaneAddress::kept(files, &AgentState::kek(files)?)?.ok_or_else(not_joined)?;
        Self::start(files, to, options, Box::new(|| None), log).await
    }

    /// The id of this host; `None` where it has forgotten it.
    pub fn host_id(&self) -> Option<HostId> {
        self.membership.host_id()
    }

    /// Becomes changed with each change of what runs here.
    pub fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// Its own account of itself.
    pub fn status(&self) -> AgentStatus {
        let link = self.membership.held();
        AgentStatus {
            certificate_issued_at: link
                .as_ref()
                .map(|link| link.lifetime.not_before.plus_seconds(CERTIFICATE_BACKDATE_SECONDS)),
            certificate_ends_at: link.as_ref().map(|link| link.lifetime.not_after),
            is_member: link.as_ref().is_some_and(|link| link.phase() != Phase::Outside),
            refusal: link.and_then(|link| link.refusal()).or_else(|| self.membership.refusal()),
            silence: self.contact.ago(),
        }
    }

    /// The decision that an operator has to take before anything new runs here; `None` where none is needed.
    pub fn wants_decision(&self) -> Option<&'static str> {
        match (self.status().refusal?, self.membership.needs_token()) {
            (HostRefusal::Disabled, false) => {
                Some("this host is disabled: `bonafide host enable NAME` lets it join again")
            }
            (HostRefusal::Disabled, true) => Some(
                "this host is disabled, and has forgotten its certificate: when it is enabled (`bonafide host enable NAME`), stop \
                 its agent and join with a new token (`bonafide host token create`, `bonafide host join`)",
            ),
            (HostRefusal::Frozen, false) => Some(
                "this host is frozen, because its folder was copied: see which of the two is the right one, then \
                 `bonafide host enable NAME`",
            ),
            (HostRefusal::Frozen, true) => Some(
                "this host is frozen, because its folder was copied: see which of the two is the right one, then \
                 `bonafide host enable NAME`, stop its agent and join with a new token (`bonafide host token create`, `bonafide \
                 host join`)",
            ),
            (HostRefusal::JoinAgain, true) => Some(
                "the control plane does not take the certificate of this host any more: stop its agent and join with a new \
                 token (`bonafide host token create`, `bonafide host join`)",
            ),
            (HostRefusal::JoinAgain, false) => None,
        }
    }

    /// Runs one fetch to its end.
    pub(crate) async fn fetch(self: Arc<Self>, duty: FetchDuty) {
        let result = self.ask_login(duty.fetch()).await;
        if let Err(why) = &result {
            let TokenFetch { workload, tenant, principal, ref audience, .. } = *duty.fetch();
            let resource = ResourceName::from(audience);
            let event = Event::named("tokenFetchFailed").with("workload", workload).with("tenant", tenant);
            let event = event.with("principal", principal).with("resource", resource.as_str());
            // A resource that login refuses is news; an outage is the same for all.
            let event = if why.is_about_what_was_asked() { event.apart(resource.as_str()) } else { event };
            self.log.event(&event, why);
        }
        let workload = duty.fetch().workload;
        self.core.look_at_clock(clock::now(), clock::since_boot());
        self.core.complete(duty, result, &clock::world());
        self.kept.touch(workload);
    }

    /// Asks the control plane something that a workload wants to know.
    pub(crate) async fn ask(&self, request: HostRequest) -> Sent {
        let link = self.link().await.map_err(|why| why.to_string())?;
        link.send(request, ASK).await.map_err(|why| why.to_string())
    }

    /// Asks login, and once more where the certificate was replaced, or turned out not to count, meanwhile: what is on
    /// its way under the older one is refused then.
    async fn ask_login(&self, wanted: &TokenFetch) -> Result<TokenV1, UpstreamError> {
        let link = self.link().await?;
        let asked = self.ask_login_over(&link, wanted).await;
        if asked.is_ok() {
            return asked;
        }
        match self.link().await {
            Ok(now) if !Arc::ptr_eq(&now, &link) => self.ask_login_over(&now, wanted).await,
            Ok(_) | Err(_) => asked,
        }
    }

    async fn ask_login_over(&self, link: &Link, wanted: &TokenFetch) -> Result<TokenV1, UpstreamError> {
        fetch::fetch(&self.log, link, &self.keys, self.core.login_nonce(), wanted).await
    }
}
