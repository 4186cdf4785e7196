//! Client secrets: made by us, stored as a keyed hash, checked in microseconds.
//!
//! A secret has 240 random bits, so no dictionary helps and no slow hash is needed; the key (the
//! pepper, sealed like any other secret) keeps the hashes useless to a reader of the database. The
//! hash covers the credential's id as well: a row copied to another credential matches nothing.

use crate::random;
use aws_lc_rs::hmac;
use bonafide_types::{Secret, base64url};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use zeroize::Zeroizing;

/// Longest client secret that is looked at, in bytes. Source: ours; generated ones have 44.
const CLIENT_SECRET_BYTES_MAX: usize = 1024;

/// The beginning of every generated secret, by which scanners can find leaked ones.
pub const SECRET_PREFIX: &str = "bfs_";

/// Random bytes in a secret; 40 characters.
const SECRET_BYTES: usize = 30;

/// A new client secret: 44 characters, letters, digits, `-` and `_` only.
pub fn generate() -> Secret<String> {
    let bytes = Zeroizing::new(random::bytes::<SECRET_BYTES>());
    let mut secret = String::with_capacity(SECRET_PREFIX.len() + base64url::encoded_chars(SECRET_BYTES));
    secret.push_str(SECRET_PREFIX);
    base64url::encode_into(&*bytes, &mut secret);
    Secret::new(secret)
}

/// The key of the hashes; one for an installation.
pub struct Pepper(hmac::Key);

impl Pepper {
    /// Size of the key, in bytes.
    pub const BYTES: usize = 32;

    /// A new random key, to be sealed and kept.
    pub fn generate() -> Secret<[u8; Self::BYTES]> {
        Secret::new(random::bytes())
    }

    /// The key of these bytes.
    pub fn new(key: &Secret<[u8; Self::BYTES]>) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, key.expose()))
    }

    /// The hash to store for a credential's secret.
    pub fn hash(&self, credential_id: &str, secret: &str) -> SecretHash {
        SecretHash(self.tag(credential_id, secret))
    }

    /// Tells whether this is the credential's secret; takes the same time wherever a wrong one differs.
    pub fn is_secret(&self, credential_id: &str, secret: &str, stored: &SecretHash) -> bool {
        secret.len() <= CLIENT_SECRET_BYTES_MAX && random::ct_eq(&self.tag(credential_id, secret), &stored.0)
    }

    fn tag(&self, credential_id: &str, secret: &str) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.0);
        for field in ["bonafide client secret v1", credential_id] {
            context.update(&(field.len() as u64).to_be_bytes());
            context.update(field.as_bytes());
        }
        context.update(secret.as_bytes());
        let mut out = [0; 32];
        out.copy_from_slice(context.sign().as_ref());
        out
    }
}

impl fmt::Debug for Pepper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pepper").finish_non_exhaustive()
    }
}

/// The stored form of a client secret.
#[derive(Clone, Copy)]
pub struct SecretHash([u8; 32]);

impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretHash").finish_non_exhaustive()
    }
}

impl Serialize for SecretHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&base64url::encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for SecretHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        let bytes = base64url::decode(&text).map_err(serde::de::Error::custom)?;
        <[u8; 32]>::try_from(bytes).map(Self).map_err(|_| serde::de::Error::custom("not a hash of 32 bytes"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generated_secret_is_recognisable_and_travels_unescaped() {
        let (one, two) = (generate(), generate());
        assert_ne!(one.expose(), two.expose());
        assert_eq!(one.expose().len(), 44);
        assert!(one.expose().starts_with(SECRET_PREFIX));
        assert!(one.expose().bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'));
    }

    #[test]
    fn only_the_same_secret_of_the_same_credential_under_the_same_key_matches() {
        let pepper = Pepper::new(&Pepper::generate());
        let secret = generate();
        let stored = pepper.hash("c1", secret.expose());
        let stored: SecretHash = serde_json::from_str(&serde_json::to_string(&stored).unwrap()).unwrap();
        assert!(pepper.is_secret("c1", secret.expose(), &stored));
        assert!(!pepper.is_secret("c2", secret.expose(), &stored));
        assert!(!pepper.is_secret("c1", generate().expose(), &stored));
        assert!(!pepper.is_secret("c1", "", &stored));
        assert!(!pepper.is_secret("c1", &format!("{} ", secret.expose()), &stored));
        assert!(!Pepper::new(&Pepper::generate()).is_secret("c1", secret.expose(), &stored));
    }

    #[test]
    fn the_boundary_between_credential_and_secret_counts() {
        let pepper = Pepper::new(&Pepper::generate());
        assert!(!pepper.is_secret("c1", "2x", &pepper.hash("c12", "x")));
    }

    #[test]
    fn an_overlong_secret_is_not_hashed() {
        let pepper = Pepper::new(&Pepper::generate());
        let long = "x".repeat(CLIENT_SECRET_BYTES_MAX + 1);
        assert!(!pepper.is_secret("c1", &long, &pepper.hash("c1", &long)));
    }
}
