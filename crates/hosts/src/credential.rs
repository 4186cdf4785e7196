//! Registering the public half of a key that a host made for one of its identities.

use crate::{Cx, Fault};
use bonafide_core::directory::{CREDENTIALS, Credential, PRINCIPALS, add_certificate};
use bonafide_core::placement::{HOSTS, Host, PLACEMENTS, Placed};
use bonafide_crypto::Certificate;
use bonafide_store::{Read, StoreError, Tx};
use bonafide_types::limits::{CLOCK_SKEW_SECONDS_MAX, IDENTITY_CREDENTIAL_SECONDS};
use bonafide_types::{CredentialId, HostId, ObjectId, base64url};
use bonafide_wire::Reply;
use bonafide_wire::hosts::{CredentialReply, CredentialRequest};
use http::StatusCode;

/// Registers a key for an identity that a workload on this host has, bound to the host. The one
/// before it stays valid until it expires, so that a renewal interrupts nothing; older ones go.
pub(crate) fn register(
    cx: &Cx<'_>,
    host: HostId,
    principal: ObjectId,
    request: &CredentialRequest,
) -> Result<Reply, Fault> {
    let certificate = acceptable(cx, &request.certificate)?;
    let id = cx.store.write(|tx| {
        tx.get(&HOSTS, &host)?.filter(Host::may_speak).ok_or(Fault::UnknownHost(host))?;
        let row = tx.get(&PLACEMENTS, &(host, request.workload))?.ok_or(Fault::NotPlaced)?;
        Placed::read(tx, row)?.identity(principal).ok_or(Fault::NotPlaced)?;
        tx.get(&PRINCIPALS, &principal)?.ok_or(Fault::NotPlaced)?;
        forget_all_but_newest(tx, host, principal)?;
        Ok::<_, Fault>(add_certificate(tx, &cx.world, principal, &certificate, Some(host))?)
    })?;
    Ok(Reply::json(StatusCode::OK, &CredentialReply { credential_id: id, not_after: certificate.not_after_seconds() }))
}

fn acceptable(cx: &Cx<'_>, text: &str) -> Result<Certificate, Fault> {
    let der = base64url::decode_lenient(text).map_err(|_| Fault::Malformed("the certificate is not base64".into()))?;
    let certificate = Certificate::from_der(&der).map_err(|error| Fault::Key(error.to_string()))?;
    // A point that is not on the curve verifies nothing, and is not to be registered.
    certificate.verifying_keys().map_err(|error| Fault::Key(error.to_string()))?;
    let now = cx.world.now.unix_seconds();
    if !certificate.is_valid_at(now) {
        return Err(Fault::Key("it is not valid now".into()));
    }
    if certificate.not_after_seconds() > now + IDENTITY_CREDENTIAL_SECONDS + CLOCK_SKEW_SECONDS_MAX {
        return Err(Fault::Key("it is valid for too long".into()));
    }
    Ok(certificate)
}

fn forget_all_but_newest(tx: &mut Tx<'_>, host: HostId, principal: ObjectId) -> Result<(), StoreError> {
    let mut own: Vec<((ObjectId, CredentialId), Credential)> = tx.page(&CREDENTIALS, &principal, None, usize::MAX)?;
    own.retain(|(_, credential)| credential.host == Some(host));
    own.sort_by_key(|(_, credential)| credential.not_after);
    own.pop();
    for (key, _) in own {
        tx.delete(&CREDENTIALS, &key)?;
    }
    Ok(())
}
