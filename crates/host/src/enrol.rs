//! Getting the host certificate: joining once with a one-use token, renewing from then on.

use crate::files::HostFiles;
use crate::state::{AgentState, StateError, seal_host_key};
use crate::upstream::{ControlPlaneAddress, Upstream, UpstreamFailure};
use bonafide_crypto::{AgentKey, Kek, SignError};
use bonafide_http::clock;
use bonafide_metadata::host::{HostRequest, reason_of_refusal};
use bonafide_types::limits::HOST_CERTIFICATE_SECONDS;
use bonafide_types::{Secret, base64url};
use bonafide_wire::hosts::{
    HostCertificate, INSTALLATION_PATH, Installation, JOIN_PATH, JoinRequest, RENEW_PATH, RenewRequest,
};
use http::{Method, StatusCode};
use serde::Serialize;
use std::time::Duration;

/// Longest time that joining takes.
const JOIN: Duration = Duration::from_secs(10);

/// The reason why the host could not join.
#[derive(Debug, thiserror::Error)]
pub enum EnrolError {
    /// The control plane was not reached.
    #[error(transparent)]
    Upstream(#[from] UpstreamFailure),
    /// It refused.
    #[error("the control plane refused this host: {0}")]
    Refused(String),
    /// No key could be made.
    #[error(transparent)]
    Key(#[from] SignError),
    /// The state could not be kept.
    #[error(transparent)]
    State(#[from] StateError),
}

/// Joins with a one-use token, and keeps the certificate.
pub(crate) async fn join(
    files: &HostFiles,
    kek: &Kek,
    to: &ControlPlaneAddress,
    token: &Secret<String>,
) -> Result<AgentState, EnrolError> {
    let upstream = Upstream::new(to.clone(), None)?;
    let key = AgentKey::generate()?;
    let csr = base64url::encode_standard(&key.certificate_request()?);
    let request = JoinRequest { token: token.expose().clone(), csr };
    certificate(files, kek, &upstream, JOIN_PATH, &request, &key).await
}

/// Renews the certificate over a connection that the old one still opens.
pub(crate) async fn renew(files: &HostFiles, kek: &Kek, upstream: &Upstream) -> Result<AgentState, EnrolError> {
    let key = AgentKey::generate()?;
    let csr = base64url::encode_standard(&key.certificate_request()?);
    certificate(files, kek, upstream, RENEW_PATH, &RenewRequest { csr }, &key).await
}

/// The description that the control plane gives of itself.
pub(crate) async fn installation(upstream: &Upstream) -> Result<Installation, EnrolError> {
    let (status, body) = upstream.send(HostRequest::get(INSTALLATION_PATH), JOIN).await?;
    if status != StatusCode::OK {
        return Err(EnrolError::Refused(reason_of_refusal(&body)));
    }
    serde_json::from_slice(&body).map_err(|error| EnrolError::Refused(error.to_string()))
}

/// True when less than half of the certificate's life is left.
pub(crate) fn is_renewal_due(state: &AgentState) -> bool {
    state.not_after.saturating_sub(clock::now().unix_seconds()) < HOST_CERTIFICATE_SECONDS / 2
}

/// True when the certificate no longer opens a connection, so that only joining again helps.
pub(crate) fn is_expired(state: &AgentState) -> bool {
    state.not_after <= clock::now().unix_seconds()
}

async fn certificate(
    files: &HostFiles,
    kek: &Kek,
    upstream: &Upstream,
    path: &str,
    request: &impl Serialize,
    key: &AgentKey,
) -> Result<AgentState, EnrolError> {
    let body = serde_json::to_vec(request).map_err(|error| EnrolError::Refused(error.to_string()))?;
    let (status, body) = upstream.send(HostRequest::json(Method::POST, path, body), JOIN).await?;
    if status != StatusCode::OK {
        return Err(EnrolError::Refused(reason_of_refusal(&body)));
    }
    let issued: HostCertificate =
        serde_json::from_slice(&body).map_err(|error| EnrolError::Refused(error.to_string()))?;
    let state = AgentState {
        host_id: issued.host_id,
        key: seal_host_key(kek, key)?,
        certificate: issued.certificate,
        not_after: issued.not_after,
    };
    state.write(files)?;
    Ok(state)
}
