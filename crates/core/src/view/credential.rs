//! Credentials as the view holds them: read once, ready to check a proof.

use crate::directory::{Credential, CredentialProof};
use bonafide_crypto::secret_hash::SecretHash;
use bonafide_crypto::{Certificate, P256_POINT_BYTES, VerifyingKeys, thumbprint};
use bonafide_types::{CredentialId, HostId, Timestamp};
use std::sync::Arc;

/// A credential, parsed.
#[derive(Clone)]
pub struct KnownCredential {
    /// Its id on the service principal.
    pub id: CredentialId,
    /// The secret's hash or the certificate that a proof is checked against.
    pub proof: KnownProof,
    /// The start of its validity.
    pub not_before: Timestamp,
    /// The end of its validity.
    pub not_after: Timestamp,
    /// The host over whose mTLS connection alone it is valid.
    pub host: Option<HostId>,
}

/// The secret's hash or the certificate that a proof is checked against.
#[derive(Clone)]
pub enum KnownProof {
    /// The keyed hash of a secret.
    SecretHash(SecretHash),
    /// A registered certificate.
    Certificate {
        /// Its public key.
        key: RegisteredKey,
        /// SHA-1 of its DER: for looking it up, never for trusting it.
        sha1: [u8; 20],
        /// SHA-256 of its DER.
        sha256: [u8; 32],
    },
}

/// A registered public key, in the form that is worth its room: parsed, an RSA key saves a third of a
/// check; a P-256 key takes 550 bytes to save 1 µs of 60, and there is one for every managed identity.
#[derive(Clone)]
pub enum RegisteredKey {
    /// Parsed.
    Parsed(Arc<VerifyingKeys>),
    /// An uncompressed point.
    P256([u8; P256_POINT_BYTES]),
}

impl RegisteredKey {
    fn of(certificate: &Certificate) -> Option<Self> {
        match certificate.p256_point() {
            Some(point) => Some(Self::P256(point)),
            None => Some(Self::Parsed(Arc::new(certificate.verifying_keys().ok()?))),
        }
    }

    /// The key, to check a signature with; `None` for a point that is not on the curve, which was
    /// refused when it was registered.
    pub fn open(&self) -> Option<Arc<VerifyingKeys>> {
        match self {
            Self::Parsed(keys) => Some(Arc::clone(keys)),
            Self::P256(point) => VerifyingKeys::from_p256_point(point).ok().map(Arc::new),
        }
    }
}

impl KnownCredential {
    /// Reads a stored credential; `None` when its certificate cannot be used, which was refused
    /// when it was registered.
    pub(super) fn from_row(id: CredentialId, row: &Credential) -> Option<Self> {
        let proof = match &row.proof {
            CredentialProof::SecretHash(hash) => KnownProof::SecretHash(*hash),
            CredentialProof::Certificate(der) => {
                let certificate = Certificate::from_der(der).ok()?;
                KnownProof::Certificate {
                    key: RegisteredKey::of(&certificate)?,
                    sha1: thumbprint::sha1(der),
                    sha256: thumbprint::sha256(der),
                }
            }
        };
        Some(Self { id, proof, not_before: row.not_before, not_after: row.not_after, host: row.host })
    }

    /// True while the credential is valid.
    pub fn is_valid_at(&self, now: Timestamp) -> bool {
        self.not_before <= now && now < self.not_after
    }
}
