//! Being a host of the control plane: the certificate that is in use, and how there is always one (KY-09).

use crate::contact::Contact;
use crate::control_plane::ControlPlaneAddress;
use crate::enrol::{self, EnrolError};
use crate::files::HostFiles;
use crate::link::Link;
use crate::state::{AgentState, StateError};
use bonafide_crypto::Kek;
use bonafide_http::clock;
use bonafide_metadata::host::{HostRefusal, Refused};
use bonafide_types::{Entropy, HostId, Phase, Secret};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::sync::Mutex;

/// Shortest time after an attempt that failed before the next, sleep included; the longest is twice as much (OV-06). Source: ours.
const ATTEMPT_EVERY: Duration = Duration::from_secs(1);
/// The same while an operator has to decide. Source: ours.
const DECISION_EVERY: Duration = Duration::from_secs(5);

/// Longest time after an operator's decision until the agent asks again.
pub const DECISION_SEEN_WITHIN: Duration = Duration::from_secs(2 * DECISION_EVERY.as_secs());

/// A one-use token, made when the agent joins: at the first start, and when its certificate opens no connection any
/// more. It may wait. A host that nobody invites joins anew by its last certificate.
pub type Invitation = Box<dyn Fn() -> Option<Secret<String>> + Send + Sync>;

/// The certificate in use, and the means to another.
pub(crate) struct Membership {
    files: HostFiles,
    kek: Kek,
    to: ControlPlaneAddress,
    invitation: Arc<Invitation>,
    contact: Arc<Contact>,
    link: RwLock<Option<Arc<Link>>>,
    /// Held by whoever gets another certificate, so that one is asked for at a time.
    attempts: Mutex<Option<Failed>>,
    /// The refusal of the last attempt, where it was about the host.
    refusal: RwLock<Option<HostRefusal>>,
}

/// An attempt that failed.
struct Failed {
    /// Time since the start of the machine at which the next may begin.
    again_at: Duration,
    why: Refused,
}

impl Membership {
    pub(crate) fn new(
        files: HostFiles,
        to: ControlPlaneAddress,
        invitation: Invitation,
        contact: Arc<Contact>,
    ) -> Result<Self, StateError> {
        let kek = AgentState::kek(&files)?;
        let (link, attempts, refusal) = (RwLock::default(), Mutex::default(), RwLock::default());
        Ok(Self { files, kek, to, invitation: Arc::new(invitation), contact, link, attempts, refusal })
    }

    /// The name of the control plane; the first of several.
    pub(crate) fn name(&self) -> &str {
        self.to.origins.first().map_or("", |origin| origin.name.as_str())
    }

    /// The agent's own key-encryption key, once more.
    pub(crate) fn kek(&self) -> Result<Kek, StateError> {
        AgentState::kek(&self.files)
    }

    /// The host that its certificate names.
    pub(crate) fn host_id(&self) -> Option<HostId> {
        AgentState::read(&self.files).ok().flatten().map(|state| state.host_id)
    }

    /// The connection as it is.
    pub(crate) fn held(&self) -> Option<Arc<Link>> {
        self.link.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The refusal of the host itself by which the last attempt failed.
    pub(crate) fn refusal(&self) -> Option<HostRefusal> {
        *self.refusal.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn usable(&self) -> Option<Arc<Link>> {
        self.held().filter(|link| link.phase() != Phase::Outside)
    }

    /// A connection that works, after an attempt to get one. Of many who ask at once one attempts it, and all have its
    /// outcome.
    pub(crate) async fn restored(&self) -> Result<Arc<Link>, EnrolError> {
        let mut failed = self.attempts.lock().await;
        if let Some(link) = self.usable() {
            return Ok(link);
        }
        if let Some(Failed { again_at, why }) = &*failed
            && clock::since_boot() < *again_at
        {
            return Err(EnrolError::Lately(why.clone()));
        }
        let result = self.attempt().await;
        *failed = self.keep(&result);
        result
    }

    /// Replaces a certificate that works still.
    pub(crate) async fn renewed(&self, link: &Link) -> Result<Arc<Link>, EnrolError> {
        let mut failed = self.attempts.lock().await;
        let renewed = async {
            let state = link.renew(&self.files, &self.kek).await?;
            Ok(Arc::new(Link::open(&self.to, &self.kek, &state, &self.contact).await?))
        };
        let renewed = renewed.await;
        *failed = self.keep(&renewed);
        renewed
    }

    /// True of a host whose operator alone can let it join anew, when it has no certificate to do so with.
    pub(crate) fn needs_token(&self) -> bool {
        self.files.has_joined()
    }

    fn keep(&self, result: &Result<Arc<Link>, EnrolError>) -> Option<Failed> {
        let refusal = match result {
            // Nobody was asked: it stands as it did.
            Err(EnrolError::NoToken) => self.refusal(),
            other => other.as_ref().err().and_then(EnrolError::refusal),
        };
        *self.refusal.write().unwrap_or_else(PoisonError::into_inner) = refusal;
        match result {
            Ok(link) => {
                *self.link.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(link));
                None
            }
            Err(why) => {
                let again_at = clock::since_boot() + pause(refusal, clock::world().entropy);
                Some(Failed { again_at, why: why.kept() })
            }
        }
    }

    /// By the certificate that is there, if it is good, or else by a new one.
    async fn attempt(&self) -> Result<Arc<Link>, EnrolError> {
        let state = AgentState::read(&self.files)?;
        let was_refused = self.held().is_some_and(|link| link.refusal().is_some());
        if let Some(state) = state.as_ref().filter(|_| !was_refused)
            && state.lifetime()?.phase(clock::now(), 0) != Phase::Outside
        {
            match Link::open(&self.to, &self.kek, state, &self.contact).await {
                Err(why) if why.refusal() == Some(HostRefusal::JoinAgain) => {}
                opened => return Ok(Arc::new(opened?)),
            }
        }
        let invitation = Arc::clone(&self.invitation);
        // It may wait for a store.
        let token = tokio::task::spawn_blocking(move || invitation()).await.ok().flatten();
        let joined = match (token, state) {
            (Some(token), _) => enrol::join(&self.files, &self.kek, &self.to, &token).await?,
            (None, Some(last)) => enrol::rejoin(&self.files, &self.kek, &self.to, &last).await?,
            (None, None) => return Err(EnrolError::NoToken),
        };
        Ok(Arc::new(Link::open(&self.to, &self.kek, &joined, &self.contact).await?))
    }

    /// Forgets its own certificate and key, and not the refusal for which it does. True when there was one.
    pub(crate) fn forget(&self) -> bool {
        if let Some(refusal) = self.held().and_then(|link| link.refusal()) {
            *self.refusal.write().unwrap_or_else(PoisonError::into_inner) = Some(refusal);
        }
        let link = self.link.write().unwrap_or_else(PoisonError::into_inner).take();
        // A file that cannot be removed is of no use to anybody: the control plane refuses it.
        let removed = std::fs::remove_file(self.files.state());
        link.is_some() || removed.is_ok()
    }
}

/// The time until the next attempt. The many agents that fail at once do not try again at once.
fn pause(refusal: Option<HostRefusal>, entropy: &dyn Entropy) -> Duration {
    let shortest = match refusal {
        Some(HostRefusal::Frozen | HostRefusal::Disabled) => DECISION_EVERY,
        Some(HostRefusal::JoinAgain) | None => ATTEMPT_EVERY,
    };
    shortest + entropy.part_of(shortest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bonafide_crypto::SystemEntropy;

    #[test]
    fn ov_06_a_thousand_agents_that_could_not_join_do_not_try_again_together() {
        let mut together = [0; 10];
        for _ in 0..1_000 {
            let pause = pause(None, &SystemEntropy);
            let tenth = (pause - ATTEMPT_EVERY).as_micros() * 10 / ATTEMPT_EVERY.as_micros();
            together[usize::try_from(tenth).unwrap()] += 1;
        }
        assert!(together.iter().all(|agents| (40..180).contains(agents)), "{together:?}");
        let decision = pause(Some(HostRefusal::Frozen), &SystemEntropy);
        assert!((DECISION_EVERY..2 * DECISION_EVERY).contains(&decision));
    }
}
