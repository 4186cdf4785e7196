//! Getting a host certificate: by a one-use token, by the certificate in use, or by the key of the last one.

use crate::control_plane::ControlPlaneAddress;
use crate::files::HostFiles;
use crate::state::{AgentState, StateError, seal_host_key};
use crate::upstream::{Upstream, UpstreamFailure};
use bonafide_crypto::{AgentKey, Kek, SignError};
use bonafide_files::FilesError;
use bonafide_metadata::UpstreamError;
use bonafide_metadata::host::{HostRefusal, HostRequest, Refused, RefusedFor, rejoin_request};
use bonafide_types::{Secret, base64url};
use bonafide_wire::hosts::{
    HostCertificate, INSTALLATION_PATH, Installation, JOIN_PATH, JoinRequest, REJOIN_PATH, RENEW_PATH, RenewRequest,
};
use bytes::Bytes;
use http::{Method, StatusCode};
use serde::Serialize;
use std::path::PathBuf;
use std::time::Duration;

/// Longest time that joining takes.
pub(crate) const JOIN: Duration = Duration::from_secs(10);

/// The reason why the host could not join.
#[derive(Debug, thiserror::Error)]
pub enum EnrolError {
    /// The control plane was not reached.
    #[error(transparent)]
    Upstream(#[from] UpstreamFailure),
    /// It refused.
    #[error("the control plane refused this host: {0}")]
    Refused(#[from] Refused),
    /// An attempt failed a moment ago.
    #[error(transparent)]
    Lately(Refused),
    /// Nobody invited it, and it has no certificate of an earlier time.
    #[error("there is no invitation, and no certificate to join anew with")]
    NoToken,
    /// Nobody ever invited it.
    #[error(
        "this machine is no host yet by what is in {folder}: `bonafide host token create` makes a token, and `bonafide \
         host join --data-dir {folder} --url https://NAME:8444 --ca-sha256 HEX --token-file FILE` joins with it",
        folder = .0.display()
    )]
    NotJoined(PathBuf),
    /// No key could be made.
    #[error(transparent)]
    Key(#[from] SignError),
    /// The state could not be kept.
    #[error(transparent)]
    State(#[from] StateError),
}

impl EnrolError {
    /// The meaning of the control plane's refusal, where it is about the host.
    pub(crate) fn refusal(&self) -> Option<HostRefusal> {
        match self {
            Self::Refused(refused) | Self::Lately(refused) => refused.of_host(),
            Self::Upstream(_) | Self::NoToken | Self::NotJoined(_) | Self::Key(_) | Self::State(_) => None,
        }
    }

    /// True where an operator has to decide before the host can go on.
    pub(crate) fn is_for_an_operator(&self) -> bool {
        matches!(self.refusal(), Some(HostRefusal::Frozen | HostRefusal::Disabled))
    }

    /// True where the control plane was not reached.
    pub(crate) fn is_outage(&self) -> bool {
        matches!(self, Self::Upstream(UpstreamFailure::Connect { .. } | UpstreamFailure::Answer(_)))
    }

    /// Its words and its meaning, for those who ask again too soon.
    pub(crate) fn kept(&self) -> Refused {
        let meaning = match self {
            Self::Refused(refused) | Self::Lately(refused) => refused.meaning,
            Self::State(StateError::Files(FilesError::Full(_))) => RefusedFor::DiskFull,
            Self::Upstream(_) | Self::NoToken | Self::NotJoined(_) | Self::Key(_) | Self::State(_) => RefusedFor::Other,
        };
        Refused { why: self.to_string(), meaning }
    }
}

impl From<EnrolError> for UpstreamError {
    fn from(error: EnrolError) -> Self {
        let Refused { why, meaning } = error.kept();
        match meaning {
            RefusedFor::DiskFull => Self::DiskFull(why),
            RefusedFor::Host(_) | RefusedFor::Other => Self::Unreachable(why),
        }
    }
}

/// Joins with a one-use token, and keeps the certificate.
pub(crate) async fn join(
    files: &HostFiles,
    kek: &Kek,
    to: &ControlPlaneAddress,
    token: &Secret<String>,
) -> Result<AgentState, EnrolError> {
    let (key, issued) = ask(to, token).await?;
    keep_issued(files, kek, &key, issued)
}

/// Joins with a one-use token: a new key, and its certificate.
pub(crate) async fn ask(
    to: &ControlPlaneAddress,
    token: &Secret<String>,
) -> Result<(AgentKey, HostCertificate), EnrolError> {
    let upstream = Upstream::new(to.clone(), None)?;
    let key = AgentKey::generate()?;
    let csr = base64url::encode_standard(&key.certificate_request()?);
    let request = JoinRequest { token: token.expose().clone(), csr };
    let (path, body) = (JOIN_PATH, json(&request));
    let issued = issued(upstream.send(HostRequest::json(Method::POST, path, body), JOIN).await?)?;
    Ok((key, issued))
}

/// Joins anew by the key of the last certificate, whether that is valid or not, and keeps the new one.
pub(crate) async fn rejoin(
    files: &HostFiles,
    kek: &Kek,
    to: &ControlPlaneAddress,
    last: &AgentState,
) -> Result<AgentState, EnrolError> {
    let upstream = Upstream::new(to.clone(), None)?;
    let (last_key, certificate) = last.open(kek)?;
    let key = AgentKey::generate()?;
    let request = rejoin_request(&AgentKey::from_pkcs8(&last_key)?, &certificate, &key)?;
    let (path, body) = (REJOIN_PATH, json(&request));
    keep(files, kek, &key, upstream.send(HostRequest::json(Method::POST, path, body), JOIN).await?)
}

/// The request for the next certificate, over a connection that the one in use opens.
pub(crate) fn renewal(key: &AgentKey) -> Result<HostRequest, EnrolError> {
    let csr = base64url::encode_standard(&key.certificate_request()?);
    Ok(HostRequest::json(Method::POST, RENEW_PATH, json(&RenewRequest { csr })))
}

/// The description that the control plane gives of itself.
pub(crate) async fn installation(upstream: &Upstream) -> Result<Installation, EnrolError> {
    let (status, body) = upstream.send(HostRequest::get(INSTALLATION_PATH), JOIN).await?;
    if status != StatusCode::OK {
        return Err(Refused::read(&body).into());
    }
    Ok(serde_json::from_slice(&body).map_err(|error| Refused::unreadable(&error))?)
}

/// Keeps the certificate that an answer brings. It is on the disk before it is used.
pub(crate) fn keep(
    files: &HostFiles,
    kek: &Kek,
    key: &AgentKey,
    answer: (StatusCode, Bytes),
) -> Result<AgentState, EnrolError> {
    keep_issued(files, kek, key, issued(answer)?)
}

/// The certificate that an answer brings.
fn issued((status, body): (StatusCode, Bytes)) -> Result<HostCertificate, EnrolError> {
    if status != StatusCode::OK {
        return Err(Refused::read(&body).into());
    }
    Ok(serde_json::from_slice(&body).map_err(|error| Refused::unreadable(&error))?)
}

/// Keeps a certificate.
pub(crate) fn keep_issued(
    files: &HostFiles,
    kek: &Kek,
    key: &AgentKey,
    issued: HostCertificate,
) -> Result<AgentState, EnrolError> {
    let state = AgentState {
        host_id: issued.host_id,
        key: seal_host_key(kek, key)?,
        certificate: issued.certificate,
        not_after: issued.not_after,
    };
    state.write(files)?;
    Ok(state)
}

/// Only a map with keys that are not strings can fail, and none here has one.
fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}
