//! `addPassword` and `removePassword` of applications and service principals.

use crate::asked::read_id;
use crate::change::{Change, Done};
use crate::credentials::password;
use crate::fault::Fault;
use crate::kind::Kind;
use crate::sent::{member_text, member_time};
use bonafide_core::directory::{Credential, CredentialProof};
use bonafide_core::lifecycle::{self, CredentialOwner};
use bonafide_crypto::secret_hash;
use bonafide_types::{CredentialId, ObjectId};
use serde_json::{Map, Value};

/// Lifetime of a secret where none is asked for, in seconds. Source: Microsoft Learn, "application: addPassword" (2 years).
const PASSWORD_SECONDS: u64 = 2 * 365 * 86_400;

/// The members of a `passwordCredential` in a request.
const MEMBERS: [&str; 4] = ["customKeyIdentifier", "displayName", "endDateTime", "startDateTime"];

/// `POST /applications/{id}/addPassword`.
pub(crate) fn add_to_application(change: &mut Change<'_, '_>) -> Result<Done, Fault> {
    let (id, _) = change.asked().named_application()?;
    add(change, id, format!("/applications/{id}"))
}

/// `POST /servicePrincipals/{id}/addPassword`.
pub(crate) fn add_to_principal(change: &mut Change<'_, '_>) -> Result<Done, Fault> {
    let (id, _) = change.asked().named_principal()?;
    add(change, id, format!("/servicePrincipals/{id}"))
}

/// `POST /applications/{id}/removePassword`.
pub(crate) fn remove_from_application(change: &mut Change<'_, '_>) -> Result<Done, Fault> {
    let (id, _) = change.asked().named_application()?;
    remove(change, id, format!("/applications/{id}"))
}

/// `POST /servicePrincipals/{id}/removePassword`.
pub(crate) fn remove_from_principal(change: &mut Change<'_, '_>) -> Result<Done, Fault> {
    let (id, _) = change.asked().named_principal()?;
    remove(change, id, format!("/servicePrincipals/{id}"))
}

/// The secret is in this answer and nowhere else.
fn add(change: &mut Change<'_, '_>, object: ObjectId, scope: String) -> Result<Done, Fault> {
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
    let owner = owner(change, object);
    lifecycle::add_password(change.tx, owner, id, &credential)?;
    let mut body = Map::from_iter([(
        "@odata.context".to_owned(),
        change.asked().context("microsoft.graph.passwordCredential").into(),
    )]);
    if let Value::Object(shown) = password(id, &credential, Some(secret.expose())) {
        body.extend(shown);
    }
    Ok(Done::shown(Value::Object(body), scope))
}

fn remove(change: &mut Change<'_, '_>, object: ObjectId, scope: String) -> Result<Done, Fault> {
    let sent = change.body()?;
    let text = sent.get("keyId").and_then(Value::as_str).ok_or(Fault::Missing("keyId"))?;
    let id = CredentialId::new(read_id(text)?.uuid());
    let owner = owner(change, object);
    lifecycle::remove_password(change.tx, owner, id)?;
    Ok(Done::nothing(scope))
}

fn owner<'a>(change: &Change<'a, '_>, id: ObjectId) -> CredentialOwner<'a> {
    CredentialOwner { allowed: change.allowed, tenant: change.request.who.tenant, id }
}
