//! Credentials of applications and service principals: hashed secrets and certificates.

use bonafide_crypto::Certificate;
use bonafide_crypto::secret_hash::SecretHash;
use bonafide_store::{Absence, StoreError, Table, Tx};
use bonafide_types::{CredentialId, HostId, ObjectId, Timestamp, World};
use serde::{Deserialize, Serialize};

/// One way in which an application or a service principal can prove who it is.
#[derive(Clone, Serialize, Deserialize)]
pub struct Credential {
    /// The secret's hash or the certificate that a proof is checked against.
    pub proof: CredentialProof,
    /// The start of its validity.
    pub not_before: Timestamp,
    /// The end of its validity.
    pub not_after: Timestamp,
    /// The name for people, if it was given one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// For a managed identity: the host on which the key was made, over whose mTLS connection alone
    /// it counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<HostId>,
}

/// The secret's hash or the certificate that a proof is checked against. Neither form is enough to sign in with.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum CredentialProof {
    /// The keyed hash of a client secret, made for this credential's id.
    SecretHash(SecretHash),
    /// The DER of a certificate; its public key checks a client assertion.
    Certificate(#[serde(with = "base64_bytes")] Vec<u8>),
}

/// Credentials by the object of the directory that they hang on, an application or a service principal, and by credential id.
pub const CREDENTIALS: Table<(ObjectId, CredentialId), Credential> = Table::new("credential", Absence::Withholds);

/// Adds a client secret under `id`, for which its hash was made; only the keyed hash is stored.
pub fn add_secret(
    tx: &mut Tx<'_>,
    world: &World<'_>,
    principal: ObjectId,
    id: CredentialId,
    hash: SecretHash,
    not_after: Timestamp,
) -> Result<(), StoreError> {
    let proof = CredentialProof::SecretHash(hash);
    let credential = Credential { proof, not_before: world.now, not_after, display_name: None, host: None };
    tx.put(&CREDENTIALS, &(principal, id), &credential)
}

/// Adds a certificate that has been parsed and found acceptable; `host` binds it to a host.
pub fn add_certificate(
    tx: &mut Tx<'_>,
    world: &World<'_>,
    principal: ObjectId,
    certificate: &Certificate,
    host: Option<HostId>,
) -> Result<CredentialId, StoreError> {
    let id = CredentialId::random(world.entropy);
    let credential = Credential {
        proof: CredentialProof::Certificate(certificate.der().to_vec()),
        not_before: Timestamp::from_unix_seconds(certificate.not_before_seconds()),
        not_after: Timestamp::from_unix_seconds(certificate.not_after_seconds()),
        display_name: None,
        host,
    };
    tx.put(&CREDENTIALS, &(principal, id), &credential)?;
    Ok(id)
}

mod base64_bytes {
    use bonafide_types::base64url;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&base64url::encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        base64url::decode(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}
