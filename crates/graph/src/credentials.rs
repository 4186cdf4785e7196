//! The credentials of a service principal as Microsoft Graph shows them: when they are valid, and the name of a
//! certificate. Nothing of a secret.

use bonafide_core::directory::{CREDENTIALS, CredentialProof};
use bonafide_crypto::thumbprint;
use bonafide_store::{Read, StoreError};
use bonafide_types::ObjectId;
use serde_json::{Value, json};

/// `keyCredentials` and `passwordCredentials`.
#[derive(Default)]
pub(crate) struct Credentials {
    pub(crate) keys: Vec<Value>,
    pub(crate) passwords: Vec<Value>,
}

impl Credentials {
    /// Reads those of one service principal, expired ones included.
    pub(crate) fn of(tx: &impl Read, principal: ObjectId) -> Result<Self, StoreError> {
        let mut credentials = Self::default();
        for ((_, id), credential) in tx.page(&CREDENTIALS, &principal, None, usize::MAX)? {
            let (start, end) = (credential.not_before.second(), credential.not_after.second());
            match &credential.proof {
                CredentialProof::Certificate(der) => credentials.keys.push(json!({
                    "customKeyIdentifier": thumbprint::hex(&thumbprint::sha1(der)).to_ascii_uppercase(),
                    "displayName": null,
                    "endDateTime": end,
                    "key": null,
                    "keyId": id,
                    "startDateTime": start,
                    "type": "AsymmetricX509Cert",
                    "usage": "Verify",
                })),
                CredentialProof::SecretHash(_) => credentials.passwords.push(json!({
                    "customKeyIdentifier": null,
                    "displayName": null,
                    "endDateTime": end,
                    "hint": null,
                    "keyId": id,
                    "secretText": null,
                    "startDateTime": start,
                })),
            }
        }
        Ok(credentials)
    }
}
