//! Envelope encryption of secrets at rest (KY-04, KY-05).
//!
//! Each item has a random key of its own, which encrypts it (AES-256-GCM) and is itself encrypted
//! by the key-encryption key. Both encryptions are bound to the item's whole context, so that no
//! row can be moved to another tenant, name, version or purpose. Nonces are random: one
//! key-encryption key may wrap 2^32 items (NIST SP 800-38D section 8.3).

use crate::{Kek, random, thumbprint};
use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use bonafide_types::{Secret, base64url};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use zeroize::Zeroizing;

/// Largest plaintext that is sealed, in bytes. Source: a store value is 1 MiB at most, base64 and JSON included.
const PLAINTEXT_BYTES_MAX: usize = 512 * 1024;

/// The reason why something could not be sealed or opened. It repeats nothing of the content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// More bytes than the limit.
    #[error("the secret is too large to be sealed")]
    TooLarge,
    /// The library could not encrypt.
    #[error("sealing failed")]
    Encryption,
    /// Sealed under another key-encryption key.
    #[error("sealed under another key-encryption key")]
    OtherKek,
    /// Changed, moved from another context, or opened as something that it is not.
    #[error("the sealed item was changed or belongs to another context")]
    Refused,
}

/// The kind and the owner of a sealed item. Every field matters: an item opens only under the context it was sealed
/// for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SealContext<'a> {
    /// The kind of secret, such as `signing-key`; one constant for each use.
    pub purpose: &'a str,
    /// The tenant's id; empty for a secret of the installation.
    pub tenant: &'a str,
    /// The item's name within purpose and tenant.
    pub name: &'a str,
    /// The item's version; empty where there is only one.
    pub version: &'a str,
}

impl SealContext<'_> {
    /// Layer and fields, each preceded by its length: no two contexts give the same bytes.
    pub(crate) fn associated_data(&self, layer: &str) -> Vec<u8> {
        let mut out = Vec::new();
        for field in ["bonafide seal v1", layer, self.purpose, self.tenant, self.name, self.version] {
            out.extend_from_slice(&(field.len() as u64).to_be_bytes());
            out.extend_from_slice(field.as_bytes());
        }
        out
    }
}

/// A sealed item, as it is stored. All of it may be read by anybody.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sealed {
    kek: Bytes,
    key: Bytes,
    data: Bytes,
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealed").field("kek", &thumbprint::hex(&self.kek.0)).finish_non_exhaustive()
    }
}

const WRAPPED_KEY: &str = "key";
const CONTENT: &str = "data";
pub(crate) const TAG_BYTES: usize = 16;

/// Seals a secret.
///
/// # Errors
/// [`SealError::TooLarge`], [`SealError::Encryption`].
pub fn seal(kek: &Kek, context: &SealContext<'_>, plaintext: &[u8]) -> Result<Sealed, SealError> {
    if plaintext.len() > PLAINTEXT_BYTES_MAX {
        return Err(SealError::TooLarge);
    }
    let item_key = Secret::new(random::bytes());
    Ok(Sealed {
        kek: Bytes(kek.id().to_vec()),
        key: Bytes(encrypt(kek.key(), &context.associated_data(WRAPPED_KEY), item_key.expose())?),
        data: Bytes(encrypt(item_key.expose(), &context.associated_data(CONTENT), plaintext)?),
    })
}

/// Opens a sealed item under the context that it was sealed for.
///
/// # Errors
/// [`SealError::OtherKek`], [`SealError::Refused`].
pub fn open(kek: &Kek, context: &SealContext<'_>, sealed: &Sealed) -> Result<Secret<Vec<u8>>, SealError> {
    let item_key = unwrap_key(kek, context, sealed)?;
    decrypt(item_key.expose(), &context.associated_data(CONTENT), &sealed.data.0)
}

fn unwrap_key(kek: &Kek, context: &SealContext<'_>, sealed: &Sealed) -> Result<Secret<[u8; 32]>, SealError> {
    if sealed.kek.0 != kek.id() {
        return Err(SealError::OtherKek);
    }
    let key = decrypt(kek.key(), &context.associated_data(WRAPPED_KEY), &sealed.key.0)?;
    let key = Zeroizing::new(<[u8; 32]>::try_from(&key.expose()[..]).map_err(|_| SealError::Refused)?);
    Ok(Secret::new(*key))
}

/// Nonce, ciphertext and tag in one.
pub(crate) fn encrypt(key: &[u8; 32], associated_data: &[u8], plaintext: &[u8]) -> Result<Vec<u8>, SealError> {
    let key = RandomizedNonceKey::new(&AES_256_GCM, key).map_err(|_| SealError::Encryption)?;
    let mut out = Vec::with_capacity(NONCE_LEN + plaintext.len() + TAG_BYTES);
    out.extend_from_slice(&[0; NONCE_LEN]);
    out.extend_from_slice(plaintext);
    let sealed = key.seal_in_place_separate_tag(Aad::from(associated_data), &mut out[NONCE_LEN..]);
    let (nonce, tag) = sealed.map_err(|_| SealError::Encryption)?;
    out[..NONCE_LEN].copy_from_slice(nonce.as_ref());
    out.extend_from_slice(tag.as_ref());
    Ok(out)
}

pub(crate) fn decrypt(key: &[u8; 32], associated_data: &[u8], sealed: &[u8]) -> Result<Secret<Vec<u8>>, SealError> {
    let (nonce, ciphertext) = sealed.split_first_chunk::<NONCE_LEN>().ok_or(SealError::Refused)?;
    decrypt_parts(key, *nonce, associated_data, ciphertext)
}

/// Takes ciphertext and tag together.
pub(crate) fn decrypt_parts(
    key: &[u8; 32],
    nonce: [u8; NONCE_LEN],
    associated_data: &[u8],
    ciphertext: &[u8],
) -> Result<Secret<Vec<u8>>, SealError> {
    let key = RandomizedNonceKey::new(&AES_256_GCM, key).map_err(|_| SealError::Refused)?;
    let mut buffer = Zeroizing::new(ciphertext.to_vec());
    let nonce = Nonce::assume_unique_for_key(nonce);
    let plaintext_bytes =
        key.open_in_place(nonce, Aad::from(associated_data), &mut buffer).map_err(|_| SealError::Refused)?.len();
    buffer.truncate(plaintext_bytes);
    Ok(Secret::new(std::mem::take(&mut *buffer)))
}

/// Bytes that are base64url in JSON.
#[derive(Clone, PartialEq, Eq)]
struct Bytes(Vec<u8>);

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&base64url::encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        base64url::decode(&text).map(Self).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTEXT: SealContext<'static> =
        SealContext { purpose: "signing-key", tenant: "t1", name: "k1", version: "1" };

    #[test]
    fn what_was_sealed_opens_and_survives_storage() {
        let kek = Kek::generate();
        for plaintext in [&b""[..], b"secret", &[7; 5000]] {
            let sealed = seal(&kek, &CONTEXT, plaintext).unwrap();
            let stored = serde_json::to_string(&sealed).unwrap();
            let sealed: Sealed = serde_json::from_str(&stored).unwrap();
            assert_eq!(open(&kek, &CONTEXT, &sealed).unwrap().expose(), plaintext);
        }
    }

    #[test]
    fn ky_05_an_item_moved_to_any_other_context_does_not_open() {
        let kek = Kek::generate();
        let sealed = seal(&kek, &CONTEXT, b"secret").unwrap();
        for other in [
            SealContext { purpose: "client-secret", ..CONTEXT },
            SealContext { tenant: "t2", ..CONTEXT },
            SealContext { tenant: "", ..CONTEXT },
            SealContext { name: "k2", ..CONTEXT },
            SealContext { version: "2", ..CONTEXT },
            SealContext { tenant: "t1k", name: "1", ..CONTEXT },
            SealContext { name: "k11", version: "", ..CONTEXT },
        ] {
            assert_eq!(open(&kek, &other, &sealed).err(), Some(SealError::Refused), "{other:?}");
        }
    }

    #[test]
    fn ky_05_keys_and_contents_of_two_items_cannot_be_exchanged() {
        let kek = Kek::generate();
        let one = seal(&kek, &CONTEXT, b"one").unwrap();
        let two = seal(&kek, &CONTEXT, b"two").unwrap();
        let mixed = Sealed { key: one.key.clone(), ..two.clone() };
        assert_eq!(open(&kek, &CONTEXT, &mixed).err(), Some(SealError::Refused));
        let layers = Sealed { data: one.key.clone(), ..one };
        assert_eq!(open(&kek, &CONTEXT, &layers).err(), Some(SealError::Refused));
    }

    #[test]
    fn ky_05_every_changed_byte_is_noticed() {
        let kek = Kek::generate();
        let sealed = seal(&kek, &CONTEXT, b"secret").unwrap();
        for part in 0..2 {
            let length = [&sealed.key, &sealed.data][part].0.len();
            for at in 0..length {
                let mut changed = sealed.clone();
                [&mut changed.key, &mut changed.data][part].0[at] ^= 1;
                assert_eq!(open(&kek, &CONTEXT, &changed).err(), Some(SealError::Refused));
                let mut cut = sealed.clone();
                [&mut cut.key, &mut cut.data][part].0.truncate(at);
                assert_eq!(open(&kek, &CONTEXT, &cut).err(), Some(SealError::Refused));
            }
        }
    }

    #[test]
    fn ky_06_an_item_needs_the_key_that_it_was_sealed_under() {
        let (one, other) = (Kek::generate(), Kek::generate());
        let sealed = seal(&one, &CONTEXT, b"secret").unwrap();
        assert_eq!(open(&other, &CONTEXT, &sealed).err(), Some(SealError::OtherKek));
        let forged = Sealed { kek: Bytes(other.id().to_vec()), ..sealed };
        assert_eq!(open(&other, &CONTEXT, &forged).err(), Some(SealError::Refused));
    }

    #[test]
    fn ky_04_the_same_secret_is_sealed_differently_each_time_and_never_in_clear() {
        let kek = Kek::generate();
        let secret = b"a secret that is long enough to be found";
        let (one, two) = (seal(&kek, &CONTEXT, secret).unwrap(), seal(&kek, &CONTEXT, secret).unwrap());
        assert!(one.key.0 != two.key.0 && one.data.0 != two.data.0);
        assert!(!one.data.0.windows(8).any(|window| secret.windows(8).any(|clear| clear == window)));
        assert!(!format!("{one:?}").contains("data"));
    }

    #[test]
    fn what_is_too_large_is_refused_before_it_is_sealed() {
        let large = vec![0; PLAINTEXT_BYTES_MAX + 1];
        assert_eq!(seal(&Kek::generate(), &CONTEXT, &large).err(), Some(SealError::TooLarge));
    }
}
