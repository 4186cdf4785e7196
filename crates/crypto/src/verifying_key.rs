//! Public keys that verify signatures: bounded in size, and each good for one algorithm only.

use crate::limits::DER_BYTES_MAX;
use crate::{Algorithm, roca};
use aws_lc_rs::rsa::PublicKeyComponents;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256, RsaParameters,
};
use std::borrow::Cow;
use std::fmt;
use x509_parser::oid_registry::{OID_EC_P256, OID_KEY_TYPE_EC_PUBLIC_KEY, OID_PKCS1_RSAENCRYPTION};
use x509_parser::prelude::FromDer;
use x509_parser::public_key::RSAPublicKey;
use x509_parser::x509::SubjectPublicKeyInfo;

/// Smallest RSA modulus, in bits. Source: CA-06, RFC 7518 section 3.3.
const RSA_BITS_MIN: u32 = 2048;
/// Largest RSA modulus, in bits. Source: CA-06 (cost of a verification is bounded).
const RSA_BITS_MAX: u32 = 4096;
/// The only RSA exponent, 65537, big-endian. Source: CA-06.
const RSA_EXPONENT_BYTES: [u8; 3] = [1, 0, 1];

/// The reason why a public key was refused (CA-06).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not a well-formed key, or a point that is not on the curve.
    #[error("the public key is malformed")]
    Malformed,
    /// Neither RSA nor P-256.
    #[error("the public key is neither RSA nor P-256")]
    UnsupportedKind,
    /// An RSA modulus outside 2048..=4096 bits.
    #[error("the RSA key has {bits} bits; {RSA_BITS_MIN} to {RSA_BITS_MAX} are accepted")]
    RsaBits {
        /// Size of the modulus, in bits.
        bits: u32,
    },
    /// An RSA exponent other than 65537.
    #[error("the RSA key's exponent is not 65537")]
    RsaExponent,
    /// An RSA modulus of the generator of CVE-2017-15361.
    #[error("the RSA key was made by a broken generator (CVE-2017-15361)")]
    Roca,
    /// This kind of key does not do this algorithm, or its owner declares another use for it.
    #[error("the public key is not for this algorithm")]
    WrongAlgorithm,
}

/// Length of an uncompressed point on P-256 (SEC 1 section 2.3.3).
pub const P256_POINT_BYTES: usize = 65;

/// The kind of a key, and its size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// RSA with exponent 65537.
    Rsa {
        /// Size of the modulus, in bits.
        bits: u32,
    },
    /// An elliptic-curve key on P-256.
    P256,
}

/// A public key and the one algorithm that it verifies (JW-01). Parsed once, used many times.
#[derive(Clone)]
pub struct VerifyingKey {
    algorithm: Algorithm,
    key: ParsedPublicKey,
}

impl VerifyingKey {
    /// The key of a DER `SubjectPublicKeyInfo`, for one algorithm.
    ///
    /// # Errors
    /// [`KeyError`], also where the kind of key does not do that algorithm.
    pub fn from_spki(algorithm: Algorithm, spki_der: &[u8]) -> Result<Self, KeyError> {
        match (algorithm, public_part(spki_der)?) {
            (Algorithm::Rs256 | Algorithm::Ps256, PublicPart::Rsa { modulus, exponent, .. }) => {
                Self::rsa(algorithm, modulus, exponent)
            }
            (Algorithm::Es256, PublicPart::P256 { point }) => Self::p256(point),
            _ => Err(KeyError::WrongAlgorithm),
        }
    }

    /// The algorithm that this key verifies.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Tells whether `signature` is this key's over `message`. ES256 signatures are the 64 bytes r and s (RFC 7518
    /// section 3.4).
    pub fn is_valid(&self, message: &[u8], signature: &[u8]) -> bool {
        self.key.verify_sig(message, signature).is_ok()
    }

    pub(crate) fn rsa(algorithm: Algorithm, modulus: &[u8], exponent: &[u8]) -> Result<Self, KeyError> {
        check_rsa(modulus, exponent)?;
        let parameters: &'static RsaParameters = match algorithm {
            Algorithm::Rs256 => &RSA_PKCS1_2048_8192_SHA256,
            Algorithm::Ps256 => &RSA_PSS_2048_8192_SHA256,
            Algorithm::Es256 => return Err(KeyError::WrongAlgorithm),
        };
        let key = PublicKeyComponents { n: modulus, e: exponent }
            .to_parsed_public_key(parameters)
            .map_err(|_| KeyError::Malformed)?;
        Ok(Self { algorithm, key })
    }

    pub(crate) fn p256(point: &[u8]) -> Result<Self, KeyError> {
        let key =
            ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, check_p256(point)?).map_err(|_| KeyError::Malformed)?;
        Ok(Self { algorithm: Algorithm::Es256, key })
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifyingKey").field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

/// The verifying keys of one certificate: RS256 and PS256 for an RSA key, ES256 for a P-256 key.
#[derive(Debug, Clone)]
pub struct VerifyingKeys {
    kind: KeyKind,
    keys: Box<[VerifyingKey]>,
}

impl VerifyingKeys {
    /// All keys that a DER `SubjectPublicKeyInfo` gives.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn from_spki(spki_der: &[u8]) -> Result<Self, KeyError> {
        let (kind, keys) = match public_part(spki_der)? {
            PublicPart::Rsa { modulus, exponent, bits } => (
                KeyKind::Rsa { bits },
                vec![
                    VerifyingKey::rsa(Algorithm::Rs256, modulus, exponent)?,
                    VerifyingKey::rsa(Algorithm::Ps256, modulus, exponent)?,
                ],
            ),
            PublicPart::P256 { point } => (KeyKind::P256, vec![VerifyingKey::p256(point)?]),
        };
        Ok(Self { kind, keys: keys.into() })
    }

    /// The key of an uncompressed point on P-256, as [`Certificate::p256_point`](crate::Certificate::p256_point) gives it.
    ///
    /// # Errors
    /// [`KeyError::Malformed`] where the point is not on the curve.
    pub fn from_p256_point(point: &[u8; P256_POINT_BYTES]) -> Result<Self, KeyError> {
        Ok(Self { kind: KeyKind::P256, keys: [VerifyingKey::p256(point)?].into() })
    }

    /// The kind of the key.
    pub fn kind(&self) -> KeyKind {
        self.kind
    }

    /// The key for this algorithm, if the kind of key does it.
    pub fn for_algorithm(&self, algorithm: Algorithm) -> Option<&VerifyingKey> {
        self.keys.iter().find(|key| key.algorithm == algorithm)
    }
}

/// The kind of the key in a DER `SubjectPublicKeyInfo`, if it is one that we accept.
pub(crate) fn key_kind(spki_der: &[u8]) -> Result<KeyKind, KeyError> {
    match public_part(spki_der)? {
        PublicPart::Rsa { bits, .. } => Ok(KeyKind::Rsa { bits }),
        PublicPart::P256 { .. } => Ok(KeyKind::P256),
    }
}

/// The uncompressed point of a P-256 key in a DER `SubjectPublicKeyInfo`.
pub(crate) fn p256_point(spki_der: &[u8]) -> Result<&[u8], KeyError> {
    match public_part(spki_der)? {
        PublicPart::P256 { point } => Ok(point),
        PublicPart::Rsa { .. } => Err(KeyError::UnsupportedKind),
    }
}

/// Modulus and exponent of an RSA key in a DER `SubjectPublicKeyInfo`.
pub(crate) fn rsa_parts(spki_der: &[u8]) -> Result<(&[u8], &[u8]), KeyError> {
    match public_part(spki_der)? {
        PublicPart::Rsa { modulus, exponent, .. } => Ok((modulus, exponent)),
        PublicPart::P256 { .. } => Err(KeyError::UnsupportedKind),
    }
}

enum PublicPart<'a> {
    Rsa { modulus: &'a [u8], exponent: &'a [u8], bits: u32 },
    P256 { point: &'a [u8] },
}

fn public_part(spki_der: &[u8]) -> Result<PublicPart<'_>, KeyError> {
    if spki_der.len() > DER_BYTES_MAX {
        return Err(KeyError::Malformed);
    }
    let (rest, spki) = SubjectPublicKeyInfo::from_der(spki_der).map_err(|_| KeyError::Malformed)?;
    if !rest.is_empty() || spki.subject_public_key.unused_bits != 0 {
        return Err(KeyError::Malformed);
    }
    let (algorithm, Cow::Borrowed(key)) = (spki.algorithm, spki.subject_public_key.data) else {
        return Err(KeyError::Malformed);
    };
    if algorithm.algorithm == OID_KEY_TYPE_EC_PUBLIC_KEY {
        let curve = algorithm.parameters.as_ref().and_then(|curve| curve.as_oid().ok());
        if curve != Some(OID_EC_P256) {
            return Err(KeyError::UnsupportedKind);
        }
        return Ok(PublicPart::P256 { point: check_p256(key)? });
    }
    if algorithm.algorithm != OID_PKCS1_RSAENCRYPTION {
        return Err(KeyError::UnsupportedKind);
    }
    let (rest, key) = RSAPublicKey::from_der(key).map_err(|_| KeyError::Malformed)?;
    let (Some(modulus), Some(exponent), true) = (positive(key.modulus), positive(key.exponent), rest.is_empty()) else {
        return Err(KeyError::Malformed);
    };
    Ok(PublicPart::Rsa { modulus, exponent, bits: check_rsa(modulus, exponent)? })
}

/// The magnitude of a DER integer, without leading zeros; none where it is negative.
fn positive(integer: &[u8]) -> Option<&[u8]> {
    match integer {
        [0, magnitude @ ..] => Some(magnitude),
        [first, ..] if *first < 0x80 => Some(integer),
        _ => None,
    }
}

/// Bounds an RSA key (big-endian, no leading zeros) and gives its size in bits.
fn check_rsa(modulus: &[u8], exponent: &[u8]) -> Result<u32, KeyError> {
    let Some(first) = modulus.first().filter(|first| **first != 0) else {
        return Err(KeyError::Malformed);
    };
    if modulus.last().is_some_and(|last| last % 2 == 0) {
        return Err(KeyError::Malformed);
    }
    let bits = u32::try_from(modulus.len()).unwrap_or(u32::MAX).saturating_mul(8) - first.leading_zeros();
    if !(RSA_BITS_MIN..=RSA_BITS_MAX).contains(&bits) {
        return Err(KeyError::RsaBits { bits });
    }
    if exponent != RSA_EXPONENT_BYTES {
        return Err(KeyError::RsaExponent);
    }
    if roca::is_weak(modulus) {
        return Err(KeyError::Roca);
    }
    Ok(bits)
}

/// Only the uncompressed form; that the point is on the curve is checked where it becomes a key.
fn check_p256(point: &[u8]) -> Result<&[u8], KeyError> {
    match point {
        [4, ..] if point.len() == P256_POINT_BYTES => Ok(point),
        _ => Err(KeyError::Malformed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jwk;
    use crate::test_keys::{p256, rsa};
    use serde_json::{Value, json};

    fn rsa_key(bits: usize, change: impl Fn(&mut Vec<u8>), exponent: &[u8]) -> Result<VerifyingKey, KeyError> {
        let mut modulus = vec![0xc3; bits.div_ceil(8)];
        modulus[0] >>= (8 - bits % 8) % 8;
        change(&mut modulus);
        VerifyingKey::rsa(Algorithm::Rs256, &modulus, exponent)
    }

    #[test]
    fn ca_06_only_rsa_of_2048_to_4096_bits_with_the_usual_exponent_is_accepted() {
        for bits in [2048, 2056, 3072, 4096] {
            assert!(rsa_key(bits, |_| (), &[1, 0, 1]).is_ok(), "{bits}");
        }
        for bits in [512, 1024, 2047, 4097, 8192, 16_384] {
            let found = u32::try_from(bits).unwrap();
            assert_eq!(rsa_key(bits, |_| (), &[1, 0, 1]).err(), Some(KeyError::RsaBits { bits: found }));
        }
        for exponent in [&[][..], &[1], &[3], &[1, 0, 0], &[1, 0, 3], &[0, 1, 0, 1], &[0xff; 256]] {
            assert_eq!(rsa_key(2048, |_| (), exponent).err(), Some(KeyError::RsaExponent), "{exponent:?}");
        }
        assert_eq!(rsa_key(2048, |modulus| modulus[0] = 0, &[1, 0, 1]).err(), Some(KeyError::Malformed));
        assert_eq!(rsa_key(2048, |modulus| modulus[255] = 2, &[1, 0, 1]).err(), Some(KeyError::Malformed));
    }

    #[test]
    fn ca_06_curves_other_than_p256_are_refused() {
        let spki = p256().spki_der();
        assert!(VerifyingKeys::from_spki(&spki).is_ok());
        let at = spki.windows(8).position(|oid| oid == [0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7]).unwrap();
        let mut other_curve = spki.clone();
        other_curve[at + 7] = 6;
        assert_eq!(VerifyingKeys::from_spki(&other_curve).err(), Some(KeyError::UnsupportedKind));
        let mut off_curve = spki.clone();
        *off_curve.last_mut().unwrap() ^= 1;
        assert_eq!(VerifyingKeys::from_spki(&off_curve).err(), Some(KeyError::Malformed));
        assert_eq!(VerifyingKeys::from_spki(&[&spki[..], &[0]].concat()).err(), Some(KeyError::Malformed));
        for length in 0..spki.len() {
            assert!(VerifyingKeys::from_spki(&spki[..length]).is_err());
        }
    }

    #[test]
    fn jw_01_a_key_is_made_only_for_an_algorithm_of_its_kind() {
        let rsa_spki = crate::Certificate::from_der(rsa().certificate_der()).unwrap().spki_der().to_vec();
        assert!(VerifyingKey::from_spki(Algorithm::Ps256, &rsa_spki).is_ok());
        assert_eq!(VerifyingKey::from_spki(Algorithm::Es256, &rsa_spki).err(), Some(KeyError::WrongAlgorithm));
        let spki = p256().spki_der();
        assert_eq!(VerifyingKey::from_spki(Algorithm::Rs256, &spki).err(), Some(KeyError::WrongAlgorithm));
    }

    #[test]
    fn jw_01_a_jwk_for_another_use_or_algorithm_is_refused() {
        let parts = rsa().public_parts();
        let with = |name: &str, value: Value| {
            let mut jwk = json!({"kty": "RSA", "n": parts.n, "e": parts.e});
            jwk[name] = value;
            jwk::verifying_key(jwk.as_object().unwrap()).map(|key| key.algorithm())
        };
        assert_eq!(with("alg", json!("PS256")), Ok(Algorithm::Ps256));
        assert_eq!(with("use", json!("sig")), Ok(Algorithm::Rs256));
        assert_eq!(with("key_ops", json!(["verify"])), Ok(Algorithm::Rs256));
        for (name, value) in [
            ("use", json!("enc")),
            ("use", json!(null)),
            ("key_ops", json!(["encrypt"])),
            ("alg", json!("HS256")),
            ("alg", json!("ES256")),
            ("alg", json!("rs256")),
            ("alg", json!(null)),
        ] {
            assert_eq!(with(name, value.clone()), Err(KeyError::WrongAlgorithm), "{name} {value}");
        }
        assert_eq!(with("kty", json!("oct")), Err(KeyError::UnsupportedKind));
        assert_eq!(with("n", json!("")), Err(KeyError::Malformed));
    }
}
