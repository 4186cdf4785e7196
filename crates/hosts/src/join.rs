//! The certificate of a host.

use crate::{Cx, Fault};
use bonafide_core::placement::{self, ENROLMENTS, JoinError};
use bonafide_crypto::thumbprint;
use bonafide_store::Read;
use bonafide_types::limits::HOST_CERTIFICATE_SECONDS;
use bonafide_types::{HostId, base64url};
use bonafide_wire::Reply;
use bonafide_wire::hosts::{HostCertificate, JoinRequest, RenewRequest};
use http::StatusCode;

/// Enrols a host with a one-use token. The certificate is made first, so that a bad request does not
/// cost the token; it is handed out only if the token was this request's to use.
pub(crate) fn join(cx: &Cx<'_>, request: &JoinRequest) -> Result<Reply, Fault> {
    let csr = csr(&request.csr)?;
    let hash = thumbprint::sha256_hex(request.token.as_bytes());
    let enrolment = cx.store.read(|tx| tx.get(&ENROLMENTS, &hash))?;
    let enrolment = enrolment.filter(|enrolment| cx.world.now < enrolment.expires_at).ok_or(Fault::Token)?;
    let reply = certificate(cx, enrolment.host, &csr)?;
    let joined = cx.store.write(|tx| placement::join(tx, &cx.world, &hash)).map_err(|error| match error {
        JoinError::Token => Fault::Token,
        JoinError::Store(error) => Fault::Store(error),
    })?;
    if joined == enrolment.host { Ok(reply) } else { Err(Fault::Token) }
}

/// A new certificate for a host that still has a valid one.
pub(crate) fn renew(cx: &Cx<'_>, host: HostId, request: &RenewRequest) -> Result<Reply, Fault> {
    certificate(cx, host, &csr(&request.csr)?)
}

fn certificate(cx: &Cx<'_>, host: HostId, csr: &[u8]) -> Result<Reply, Fault> {
    let now = cx.world.now.unix_seconds();
    let issued =
        cx.ca.issue_host(csr, host, now, HOST_CERTIFICATE_SECONDS).map_err(|error| Fault::Key(error.to_string()))?;
    let certificate = HostCertificate {
        host_id: host,
        certificate: base64url::encode(&issued.certificate_der),
        not_after: issued.not_after_seconds,
    };
    Ok(Reply::json(StatusCode::OK, &certificate))
}

fn csr(text: &str) -> Result<Vec<u8>, Fault> {
    base64url::decode_lenient(text).map_err(|_| Fault::Malformed("the certificate request is not base64".into()))
}
