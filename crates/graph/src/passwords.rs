//! `addPassword` and `removePassword` of applications and service principals.

use crate::asked::read_id;
use crate::change::{Change, Done};
use crate::credentials::password;
use crate::fault::Fault;
use crate::kind::Kind;
use crate::sent::{member_text, member_time};
use bonafide_core::directory::{Credential, CredentialProof};
use bonafide_core::lifecycle;
use bonafide_crypto::secret_hash;
use bonafide_types::CredentialId;
use serde_json::{Map, Value};

/// Lifetime of a secret where none is asked for, in seconds. Source: Microsoft Learn, "application: addPassword" (2 years).
const PASSWORD_SECONDS: u64 = 2 * 365 * 86_400;

/// The members of a `passwordCredential` in a request.
const MEMBERS: [&str; 4] = ["customKeyIdentifier", "displayName", "endDateTime", "startDateTime"];

/// `POST …/{id}/addPassword` of an application or a service principal. The secret is in this answer and nowhere else.
pub(crate) fn add(change: &mut Change<'_, '_>) -> Result<Done, Fault> {
    let object = change.named()?;
    let sent = change.body()?;
    let sent = match sent.get("passwordCredential") {
        Some(Value::Object(credential)) => credential.clone(),
        None | Some(Value::Null) => Map::new(),
        Some(_) => return Err(Fault::Value("passwordCredential", Kind::Application)),
    };
    if let Some(name) = sent.keys().find(|name| !MEMBERS.contains(&name.as_str()) && !sent[*name].is_null()) {
        return Err(Fault::Property(name.clone(), Kind::Application));
    }
    let world = change.request.cx.world;
    let not_before = member_time(&sent, "startDateTime")?.unwrap_or(world.now);
    let not_after = member_time(&sent, "endDateTime")?.unwrap_or_else(|| not_before.plus_seconds(PASSWORD_SECONDS));
    if not_after <= not_before || not_after <= world.now {
        return Err(Fault::EndDate("Password"));
    }
    let id = CredentialId::random(world.entropy);
    let secret = secret_hash::generate();
    let proof = CredentialProof::SecretHash(change.request.cx.pepper.hash(&id.to_string(), secret.expose()));
    let display_name = member_text(&sent, "displayName")?;
    let credential = Credential { proof, not_before, not_after, display_name, host: None };
    let owner = change.credentials_of(object.id);
    lifecycle::add_password(change.tx, owner, id, &credential)?;
    let shown = password(id, &credential, Some(secret.expose()));
    let body = change.asked().entity("microsoft.graph.passwordCredential", shown);
    Ok(Done::shown(body, object.scope()))
}

/// `POST …/{id}/removePassword` of an application or a service principal.
pub(crate) fn remove(change: &mut Change<'_, '_>) -> Result<Done, Fault> {
    let object = change.named()?;
    let sent = change.body()?;
    let text = sent.get("keyId").and_then(Value::as_str).ok_or(Fault::Missing("keyId"))?;
    let id = CredentialId::new(read_id(text)?.uuid());
    let owner = change.credentials_of(object.id);
    lifecycle::remove_password(change.tx, owner, id)?;
    Ok(Done::nothing(object.scope()))
}
