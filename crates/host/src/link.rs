//! The connection to the control plane under one host certificate.

use crate::contact::Contact;
use crate::control_plane::ControlPlaneAddress;
use crate::enrol::{self, EnrolError};
use crate::files::HostFiles;
use crate::state::AgentState;
use crate::tls::ClientIdentity;
use crate::upstream::{Upstream, UpstreamFailure};
use bonafide_crypto::{AgentKey, Kek};
use bonafide_http::clock;
use bonafide_metadata::host::{HostRefusal, HostRequest, Refused};
use bonafide_types::limits::HOST_CERTIFICATE_SECONDS;
use bonafide_types::{Lifetime, Phase};
use bytes::Bytes;
use http::StatusCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Longest time that a certificate is renewed before half of its life, in seconds: a tenth of that life. Source: ours; hosts
/// that joined together, after an outage for instance, do not renew together.
const RENEWED_EARLIER_SECONDS_MAX: u64 = HOST_CERTIFICATE_SECONDS / 10;

/// The connection under one certificate. All that the agent asks goes through [`Link::send`], which keeps what the
/// answers tell about the host itself.
pub(crate) struct Link {
    upstream: Upstream,
    /// The token service's origin: what client assertions name as their audience.
    pub(crate) authority: String,
    /// The life of the certificate.
    pub(crate) lifetime: Lifetime,
    /// The time before the end of that life at which it is renewed, in seconds.
    renewed_seconds_before: u64,
    contact: Arc<Contact>,
    refusal: Mutex<Option<HostRefusal>>,
}

impl Link {
    /// Takes a certificate into use. The first request under it ends the one before it.
    pub(crate) async fn open(
        to: &ControlPlaneAddress,
        kek: &Kek,
        state: &AgentState,
        contact: &Arc<Contact>,
    ) -> Result<Self, EnrolError> {
        let (key, certificate) = state.open(kek)?;
        let identity = ClientIdentity { certificate_der: &certificate, key_pkcs8: &key };
        let upstream = Upstream::new(to.clone(), Some(identity))?;
        let authority = enrol::installation(&upstream).await?.authority;
        contact.mark();
        let (lifetime, contact) = (state.lifetime()?, Arc::clone(contact));
        let earlier = clock::world().entropy.below(RENEWED_EARLIER_SECONDS_MAX);
        let renewed_seconds_before = HOST_CERTIFICATE_SECONDS / 2 + earlier;
        Ok(Self { upstream, authority, lifetime, renewed_seconds_before, contact, refusal: Mutex::default() })
    }

    /// Sends one request and reads its whole answer, all within `limit`.
    pub(crate) async fn send(
        &self,
        asked: HostRequest,
        limit: Duration,
    ) -> Result<(StatusCode, Bytes), UpstreamFailure> {
        let answer = self.upstream.send(asked, limit).await;
        if let Ok((status, body)) = &answer {
            self.contact.mark();
            if !status.is_success()
                && let Some(refusal) = Refused::read(body).of_host()
            {
                *self.refusal.lock().unwrap_or_else(PoisonError::into_inner) = Some(refusal);
            }
        }
        answer
    }

    /// Renews the certificate, and keeps the new one.
    pub(crate) async fn renew(&self, files: &HostFiles, kek: &Kek) -> Result<AgentState, EnrolError> {
        let key = AgentKey::generate()?;
        let answer = self.send(enrol::renewal(&key)?, enrol::JOIN).await?;
        enrol::keep(files, kek, &key, answer)
    }

    /// The refusal of the host itself that came last, if one did.
    pub(crate) fn refusal(&self) -> Option<HostRefusal> {
        *self.refusal.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The use of its certificate now.
    pub(crate) fn phase(&self) -> Phase {
        match self.refusal() {
            Some(HostRefusal::JoinAgain | HostRefusal::Disabled) => Phase::Outside,
            Some(HostRefusal::Frozen) | None => self.lifetime.phase(clock::now(), self.renewed_seconds_before),
        }
    }
}
