//! Joining anew by the key of the last certificate: a machine that was asleep, or away, for longer than a certificate
//! lives has nobody who invites it.

use crate::{Cx, Fault, join};
use bonafide_core::placement;
use bonafide_crypto::{Certificate, jws, thumbprint};
use bonafide_types::{HostId, Timestamp};
use bonafide_wire::hosts::{REJOIN_PATH, RejoinClaims, RejoinRequest};
use bonafide_wire::{Answer, Record};
use serde_json::Value;

/// Time after its end, or before its beginning, at which a certificate still serves for joining anew, in seconds (30
/// days). Source: ours (THREAT_MODEL.md, KY-09).
const REJOIN_SECONDS_MAX: u64 = 30 * 86_400;

/// A new certificate for a host whose last one is the newest, and ended at most 30 days ago. One that is not valid yet
/// is as good: one of the two clocks was set. One that is not the newest any more says here what it says on a connection.
pub(crate) fn rejoin(cx: &Cx<'_>, request: &RejoinRequest) -> Result<Answer, Fault> {
    let csr = join::csr(&request.csr)?;
    let certificate = proven(&request.proof, &csr)?;
    let name = cx.ca.issued_to(&certificate).map_err(|_| Fault::Proof)?;
    if !is_recent(&certificate, cx.world.now) {
        return Err(Fault::TooOld);
    }
    // In a transaction of its own, which no refusal undoes.
    if cx.store.write(|tx| placement::show(tx, &cx.world, name.host, name.number))? {
        return Ok(frozen(name.host));
    }
    let make = |id, generation| join::make(cx, &csr, id, generation);
    let issued = cx.store.write(|tx| placement::renew(tx, &cx.world, name.host, Some(name.number), make))?;
    Ok(join::reply(name.host, &issued).into())
}

/// The refusal of the second host that shows a certificate of this one.
fn frozen(host: HostId) -> Answer {
    let fault = Fault::Frozen(host);
    let record = Record::default().with("host", Some(host)).with_event("hostFrozen", &fault);
    Answer { reply: fault.reply(), record }
}

/// The certificate whose key signed the proof, which is for this certificate request.
fn proven(proof: &str, csr: &[u8]) -> Result<Certificate, Fault> {
    let jws = jws::parse_strict(proof).map_err(|_| Fault::Proof)?;
    let certificate = jws.header().get("x5c").ok_or(Fault::Proof)?;
    let certificate = Certificate::from_x5c(certificate).map_err(|_| Fault::Proof)?;
    let keys = certificate.verifying_keys().map_err(|_| Fault::Proof)?;
    let verified = jws.verify_with(&keys).map_err(|_| Fault::Proof)?;
    let claims = Value::Object(verified.claims().clone());
    let claims: RejoinClaims = serde_json::from_value(claims).map_err(|_| Fault::Proof)?;
    let is_for_this = claims.aud == REJOIN_PATH && claims.csr_sha256 == thumbprint::sha256_hex(csr);
    is_for_this.then_some(certificate).ok_or(Fault::Proof)
}

fn is_recent(certificate: &Certificate, now: Timestamp) -> bool {
    let now = now.unix_seconds();
    now <= certificate.not_after_seconds().saturating_add(REJOIN_SECONDS_MAX)
        && certificate.not_before_seconds() <= now.saturating_add(REJOIN_SECONDS_MAX)
}
