//! The certificate of a host.

use crate::{Cx, Fault};
use bonafide_core::placement::{self, IssueError};
use bonafide_crypto::ca::{CaError, HostCertificate as Issued};
use bonafide_crypto::thumbprint;
use bonafide_types::limits::HOST_CERTIFICATE_SECONDS;
use bonafide_types::{HostId, base64url};
use bonafide_wire::Reply;
use bonafide_wire::hosts::{HostCertificate, JoinRequest, RenewRequest};
use http::StatusCode;

/// Enrols a host with a one-use token. A bad request does not cost the token: it is used up in the transaction that
/// takes the certificate down.
pub(crate) fn join(cx: &Cx<'_>, request: &JoinRequest) -> Result<Reply, Fault> {
    let csr = csr(&request.csr)?;
    let hash = thumbprint::sha256_hex(request.token.as_bytes());
    let issued =
        cx.store.write(|tx| placement::join(tx, &cx.world, &hash, |id, generation| make(cx, &csr, id, generation)));
    let (host, issued) = issued?;
    Ok(reply(host, &issued))
}

/// A new certificate for a host that still has a valid one.
pub(crate) fn renew(cx: &Cx<'_>, host: HostId, request: &RenewRequest) -> Result<Reply, Fault> {
    let csr = csr(&request.csr)?;
    let make = |id, generation| make(cx, &csr, id, generation);
    let issued = cx.store.write(|tx| placement::renew(tx, &cx.world, host, None, make))?;
    Ok(reply(host, &issued))
}

pub(crate) fn make(cx: &Cx<'_>, csr: &[u8], host: HostId, generation: u64) -> Result<Issued, CaError> {
    cx.ca.issue_host(csr, (host, generation), cx.world.now.unix_seconds(), HOST_CERTIFICATE_SECONDS)
}

pub(crate) fn reply(host: HostId, issued: &Issued) -> Reply {
    let certificate = HostCertificate {
        host_id: host,
        certificate: base64url::encode(&issued.certificate_der),
        not_after: issued.not_after_seconds,
    };
    Reply::json(StatusCode::OK, &certificate)
}

pub(crate) fn csr(text: &str) -> Result<Vec<u8>, Fault> {
    base64url::decode_lenient(text).map_err(|_| Fault::Malformed("the certificate request is not base64".into()))
}

impl From<IssueError> for Fault {
    fn from(error: IssueError) -> Self {
        match error {
            IssueError::Token => Self::Token,
            IssueError::Unknown(host) => Self::UnknownHost(host),
            IssueError::Disabled(host) => Self::Disabled(host),
            IssueError::Frozen(host) => Self::Frozen(host),
            IssueError::NotNewest(host) => Self::JoinAgain(host),
            IssueError::Make(error @ CaError::NotValidNow { .. }) => Self::Clock(error),
            IssueError::Make(error) => Self::Key(error.to_string()),
            IssueError::Store(error) => Self::Store(error),
        }
    }
}
