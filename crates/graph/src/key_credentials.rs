//! `keyCredentials` in a request: certificates, each new one whole, each that is to stay by its id.

use crate::change::Change;
use crate::fault::Fault;
use crate::kind::Kind;
use crate::sent::{member_text, member_time};
use bonafide_core::directory::{Credential, CredentialProof};
use bonafide_core::lifecycle::{self, CREDENTIALS_PER_OBJECT_MAX, KeptOrNew};
use bonafide_crypto::{Certificate, KeyKind};
use bonafide_types::{CredentialId, ObjectId, Timestamp};
use serde_json::{Map, Value};

/// Replaces the certificates of an object by those of a list.
pub(crate) fn replace(change: &mut Change<'_, '_>, object: ObjectId, sent: &Value) -> Result<(), Fault> {
    let wrong = || Fault::Value("keyCredentials", Kind::Application);
    let list = sent.as_array().filter(|list| list.len() <= CREDENTIALS_PER_OBJECT_MAX).ok_or_else(wrong)?;
    let read = |item: &Value| read(change, item.as_object().ok_or_else(wrong)?);
    let certificates = list.iter().map(read).collect::<Result<Vec<_>, Fault>>()?;
    let owner = change.credentials_of(object);
    Ok(lifecycle::set_certificates(change.tx, owner, &certificates)?)
}

fn read(change: &Change<'_, '_>, sent: &Map<String, Value>) -> Result<KeptOrNew, Fault> {
    let wrong = || Fault::Value("keyCredentials", Kind::Application);
    let id = match sent.get("keyId") {
        None | Some(Value::Null) => None,
        Some(id) => Some(id.as_str().and_then(|id| id.parse::<CredentialId>().ok()).ok_or_else(wrong)?),
    };
    let key = match (sent.get("key"), id) {
        (Some(Value::String(key)), _) => key,
        // As a client got it: the key of a certificate is never shown.
        (None | Some(Value::Null), Some(id)) => return Ok(KeptOrNew::Kept(id)),
        _ => return Err(wrong()),
    };
    let is = |name: &str, wanted: &str| sent.get(name).and_then(Value::as_str) == Some(wanted);
    if !is("type", "AsymmetricX509Cert") || !is("usage", "Verify") {
        return Err(Fault::KeyType);
    }
    let certificate = Certificate::from_base64(key).map_err(|error| Fault::Certificate(error.to_string()))?;
    if !matches!(certificate.key_kind(), KeyKind::Rsa { .. }) {
        return Err(Fault::Certificate("its key is not an RSA key, with which clients sign".to_owned()));
    }
    certificate.verifying_keys().map_err(|error| Fault::Certificate(error.to_string()))?;
    let world = change.request.cx.world;
    let (from, to) = (certificate.not_before_seconds(), certificate.not_after_seconds());
    let (from, to) = (Timestamp::from_unix_seconds(from), Timestamp::from_unix_seconds(to));
    let not_before = member_time(sent, "startDateTime")?.map_or(from, |asked| asked.max(from));
    let not_after = member_time(sent, "endDateTime")?.unwrap_or(to);
    if not_after > to || not_after <= not_before || not_after <= world.now {
        return Err(Fault::EndDate("Key"));
    }
    let proof = CredentialProof::Certificate(certificate.der().to_vec());
    let display_name = member_text(sent, "displayName")?;
    let credential = Credential { proof, not_before, not_after, display_name, host: None };
    Ok(KeptOrNew::New(id.unwrap_or_else(|| CredentialId::random(world.entropy)), Box::new(credential)))
}
