//! The credentials of an application or a service principal as Microsoft Graph shows them: when they are valid, and the
//! name of a certificate. Nothing of a secret but what all begin with.

use bonafide_core::directory::{CREDENTIALS, Credential, CredentialProof};
use bonafide_crypto::secret_hash::SECRET_PREFIX;
use bonafide_crypto::thumbprint;
use bonafide_store::{Read, StoreError};
use bonafide_types::{CredentialId, ObjectId};
use serde_json::{Map, Value, json};

/// Characters of a secret that `hint` shows. Source: Microsoft Learn, "passwordCredential resource type" (3).
const HINT_CHARS: usize = 3;

/// `keyCredentials` and `passwordCredentials`.
#[derive(Default)]
pub(crate) struct Credentials {
    pub(crate) keys: Vec<Value>,
    pub(crate) passwords: Vec<Value>,
}

impl Credentials {
    /// Reads those of one object, expired ones included.
    pub(crate) fn of(tx: &impl Read, object: ObjectId) -> Result<Self, StoreError> {
        let mut credentials = Self::default();
        for ((_, id), credential) in tx.page(&CREDENTIALS, &object, None, usize::MAX)? {
            match &credential.proof {
                CredentialProof::Certificate(der) => credentials.keys.push(json!({
                    "customKeyIdentifier": thumbprint::hex(&thumbprint::sha1(der)).to_ascii_uppercase(),
                    "displayName": credential.display_name,
                    "endDateTime": credential.not_after.second(),
                    "key": null,
                    "keyId": id,
                    "startDateTime": credential.not_before.second(),
                    "type": "AsymmetricX509Cert",
                    "usage": "Verify",
                })),
                CredentialProof::SecretHash(_) => credentials.passwords.push(password(id, &credential, None).into()),
            }
        }
        Ok(credentials)
    }
}

/// A secret, with its text in the one answer that shows it.
pub(crate) fn password(id: CredentialId, credential: &Credential, text: Option<&str>) -> Map<String, Value> {
    Map::from_iter(
        [
            ("customKeyIdentifier", Value::Null),
            ("displayName", json!(credential.display_name)),
            ("endDateTime", json!(credential.not_after.second())),
            // The same of every secret that was made here.
            ("hint", json!(SECRET_PREFIX.get(..HINT_CHARS))),
            ("keyId", json!(id)),
            ("secretText", json!(text)),
            ("startDateTime", json!(credential.not_before.second())),
        ]
        .map(|(name, value)| (name.to_owned(), value)),
    )
}
