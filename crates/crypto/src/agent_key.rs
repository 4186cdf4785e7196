//! The key pair of an identity on a host, and of the host itself: made there, never leaves it.

use crate::p256::P256Key;
use crate::{SelfSigned, SignError, VerifyingKey, compact, x509};
use bonafide_types::Secret;
use rcgen::PublicKeyData;
use std::fmt;

/// A P-256 key pair. Signs ES256 tokens: sixteen times cheaper than RSA-2048.
pub struct AgentKey {
    key: P256Key,
}

impl AgentKey {
    /// Makes a new key pair.
    ///
    /// # Errors
    /// [`SignError::Generation`].
    pub fn generate() -> Result<Self, SignError> {
        Ok(Self { key: P256Key::generate()? })
    }

    /// Reads a key pair back from PKCS #8.
    ///
    /// # Errors
    /// [`SignError::PrivateKey`].
    pub fn from_pkcs8(pkcs8: &Secret<Vec<u8>>) -> Result<Self, SignError> {
        Ok(Self { key: P256Key::from_pkcs8(pkcs8.expose())? })
    }

    /// The private key as PKCS #8 DER, to be sealed or handed to the TLS stack.
    ///
    /// # Errors
    /// [`SignError::PrivateKey`].
    pub fn to_pkcs8(&self) -> Result<Secret<Vec<u8>>, SignError> {
        self.key.to_pkcs8()
    }

    /// The public key as DER `SubjectPublicKeyInfo`.
    pub fn spki_der(&self) -> Vec<u8> {
        self.key.subject_public_key_info()
    }

    /// The public half.
    pub fn verifying_key(&self) -> &VerifyingKey {
        self.key.verifying_key()
    }

    /// A certificate over this key by this key, to be registered as a credential (DER).
    ///
    /// # Errors
    /// [`SignError::Certificate`].
    pub fn self_signed_certificate(&self, spec: &SelfSigned<'_>) -> Result<Vec<u8>, SignError> {
        x509::self_signed(&self.key, spec)
    }

    /// A certificate request (PKCS #10 DER) that proves possession of this key and asks for nothing else.
    ///
    /// # Errors
    /// [`SignError::Certificate`].
    pub fn certificate_request(&self) -> Result<Vec<u8>, SignError> {
        x509::certificate_request(&self.key)
    }

    /// Signs a token. The header's `alg` must be `ES256`; header and claims are taken as they are.
    ///
    /// # Errors
    /// [`SignError::SelfCheck`] where the signature does not verify (JW-11): nothing was released.
    pub fn sign_jwt(&self, header_json: &[u8], claims_json: &[u8]) -> Result<String, SignError> {
        let mut token = compact::signing_input(header_json, claims_json, 64);
        let signature = self.key.sign_token(token.as_bytes())?;
        compact::append_signature(&mut token, &signature);
        Ok(token)
    }
}

impl fmt::Debug for AgentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AgentKey").finish_non_exhaustive()
    }
}

#[cfg(test)]
impl AgentKey {
    pub(crate) fn sign_raw(&self, message: &[u8]) -> [u8; 64] {
        self.key.sign_token(message).unwrap()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_keys::{NOW, SPEC};
    use crate::{Certificate, KeyKind, jws};
    use std::sync::atomic::Ordering;

    const HEADER: &[u8] = br#"{"alg":"ES256"}"#;

    #[test]
    fn the_registered_certificate_verifies_the_assertions_of_its_key() {
        let key = AgentKey::generate().unwrap();
        let certificate = Certificate::from_der(&key.self_signed_certificate(&SPEC).unwrap()).unwrap();
        assert_eq!(certificate.key_kind(), KeyKind::P256);
        assert_eq!(certificate.spki_der(), key.spki_der());
        assert!(certificate.is_valid_at(NOW) && !certificate.is_valid_at(NOW - 1) && !certificate.is_ca());
        let token = key.sign_jwt(HEADER, b"{}").unwrap();
        let keys = certificate.verifying_keys().unwrap();
        assert!(jws::parse_strict(&token).unwrap().verify_with(&keys).is_ok());
    }

    #[test]
    fn a_key_read_back_is_the_same_key() {
        let key = AgentKey::generate().unwrap();
        let again = AgentKey::from_pkcs8(&key.to_pkcs8().unwrap()).unwrap();
        assert_eq!(again.spki_der(), key.spki_der());
        let token = again.sign_jwt(HEADER, b"{}").unwrap();
        assert!(jws::parse_strict(&token).unwrap().verify(key.verifying_key()).is_ok());
        assert_eq!(AgentKey::from_pkcs8(&Secret::new(vec![0; 40])).err(), Some(SignError::PrivateKey));
    }

    #[test]
    fn jw_11_a_faulty_es256_signature_is_withheld() {
        let key = AgentKey::generate().unwrap();
        key.key.fault.store(true, Ordering::Relaxed);
        assert_eq!(key.sign_jwt(HEADER, b"{}").err(), Some(SignError::SelfCheck));
        assert_eq!(key.self_signed_certificate(&SPEC).err(), Some(SignError::Certificate));
        key.key.fault.store(false, Ordering::Relaxed);
        assert!(key.sign_jwt(HEADER, b"{}").is_ok());
    }

    #[test]
    fn times_that_no_certificate_can_name_are_refused() {
        let key = AgentKey::generate().unwrap();
        for (not_before_seconds, not_after_seconds) in [(5, 5), (6, 5), (0, u64::MAX), (0, 253_402_300_800)] {
            let spec = SelfSigned { not_before_seconds, not_after_seconds, ..SPEC };
            assert_eq!(key.self_signed_certificate(&spec).err(), Some(SignError::Certificate));
        }
        let spec = SelfSigned { not_before_seconds: 0, not_after_seconds: 253_402_300_799, ..SPEC };
        let certificate = Certificate::from_der(&key.self_signed_certificate(&spec).unwrap()).unwrap();
        assert_eq!((certificate.not_before_seconds(), certificate.not_after_seconds()), (0, 253_402_300_799));
    }

    #[test]
    fn a_key_does_not_print() {
        assert_eq!(format!("{:?}", AgentKey::generate().unwrap()), "AgentKey { .. }");
    }
}
