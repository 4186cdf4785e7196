//! The key that signs access tokens.

use crate::{Algorithm, Certificate, KeyKind, SelfSigned, SignError, VerifyingKey, compact, verifying_key, x509};
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use bonafide_types::{Secret, base64url};
use rcgen::{PKCS_RSA_SHA256, PublicKeyData, SignatureAlgorithm};
use std::fmt;

/// The parts of an RSA public key as a JWK has them (RFC 7518 section 6.3.1), base64url.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RsaPublicParts {
    /// The modulus.
    pub n: String,
    /// The exponent.
    pub e: String,
}

/// An RSA-2048 key pair with its self-signed certificate. Kept parsed: parsing it anew for every
/// token would cost more than signing.
pub struct SigningKey {
    pair: RsaPair,
    certificate_der: Vec<u8>,
    kid: String,
    public_parts: RsaPublicParts,
}

impl SigningKey {
    /// Makes a new key pair and its certificate. Takes a tenth of a second or more.
    ///
    /// # Errors
    /// [`SignError::Generation`], [`SignError::Certificate`].
    pub fn generate(spec: &SelfSigned<'_>) -> Result<Self, SignError> {
        Self::certified(RsaKey::generate()?, spec)
    }

    /// Makes the certificate of a key pair.
    ///
    /// # Errors
    /// [`SignError::Certificate`].
    pub fn certified(key: RsaKey, spec: &SelfSigned<'_>) -> Result<Self, SignError> {
        let certificate_der = x509::self_signed(&key.0, spec)?;
        Self::new(key.0, certificate_der)
    }

    /// Reads a key pair back from PKCS #8, with the certificate that was made for it.
    ///
    /// # Errors
    /// [`SignError::PrivateKey`] where it is not an RSA-2048 key, [`SignError::CertificateMismatch`].
    pub fn from_pkcs8(pkcs8: &Secret<Vec<u8>>, certificate_der: &[u8]) -> Result<Self, SignError> {
        let pair = RsaKeyPair::from_pkcs8(pkcs8.expose()).map_err(|_| SignError::PrivateKey)?;
        Self::new(RsaPair::new(pair)?, certificate_der.to_vec())
    }

    fn new(pair: RsaPair, certificate_der: Vec<u8>) -> Result<Self, SignError> {
        let spki = pair.subject_public_key_info();
        let certificate = Certificate::from_der(&certificate_der).map_err(|_| SignError::CertificateMismatch)?;
        if certificate.spki_der() != spki {
            return Err(SignError::CertificateMismatch);
        }
        let (modulus, exponent) = verifying_key::rsa_parts(&spki).map_err(|_| SignError::PrivateKey)?;
        let public_parts = RsaPublicParts { n: base64url::encode(modulus), e: base64url::encode(exponent) };
        let kid = base64url::encode(&certificate.sha1_thumbprint());
        Ok(Self { pair, certificate_der, kid, public_parts })
    }

    /// The private key as PKCS #8 DER, to be sealed.
    ///
    /// # Errors
    /// [`SignError::PrivateKey`].
    pub fn to_pkcs8(&self) -> Result<Secret<Vec<u8>>, SignError> {
        let document: Pkcs8V1Der<'_> = self.pair.pair.as_der().map_err(|_| SignError::PrivateKey)?;
        Ok(Secret::new(document.as_ref().to_vec()))
    }

    /// `kid`, and `x5t` likewise: the base64url SHA-1 thumbprint of the certificate, as Azure
    /// publishes it (docs/wire/tokens.md). It names the key and proves nothing.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The self-signed certificate (DER), the only entry of `x5c`.
    pub fn certificate_der(&self) -> &[u8] {
        &self.certificate_der
    }

    /// `n` and `e` for the published key set.
    pub fn public_parts(&self) -> &RsaPublicParts {
        &self.public_parts
    }

    /// The public half, for RS256.
    pub fn verifying_key(&self) -> &VerifyingKey {
        &self.pair.verifying
    }

    /// Signs a token. The header's `alg` must be `RS256`; header and claims are taken as they are.
    ///
    /// # Errors
    /// [`SignError::SelfCheck`] where the signature does not verify (JW-11): nothing was released.
    pub fn sign_jwt(&self, header_json: &[u8], claims_json: &[u8]) -> Result<String, SignError> {
        let mut signature = [0; RSA_2048_BYTES];
        let mut token = compact::signing_input(header_json, claims_json, signature.len());
        self.pair.sign_checked(token.as_bytes(), &mut signature)?;
        compact::append_signature(&mut token, &signature);
        Ok(token)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("kid", &self.kid).finish_non_exhaustive()
    }
}

/// An RSA-2048 key pair that has no certificate yet.
pub struct RsaKey(RsaPair);

impl RsaKey {
    /// Makes a new key pair. Takes a tenth of a second or more, now and then several times as long.
    ///
    /// # Errors
    /// [`SignError::Generation`].
    pub fn generate() -> Result<Self, SignError> {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).map_err(|_| SignError::Generation)?;
        Ok(Self(RsaPair::new(pair)?))
    }

    /// The public half, to be certified.
    pub(crate) fn public(&self) -> &impl PublicKeyData {
        &self.0
    }

    /// Signs bytes (PKCS #1 version 1.5, SHA-256), and checks the signature before it leaves (JW-11).
    pub(crate) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        let mut signature = [0; RSA_2048_BYTES];
        self.0.sign_checked(message, &mut signature)?;
        Ok(signature.to_vec())
    }
}

impl fmt::Debug for RsaKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RsaKey").finish_non_exhaustive()
    }
}

const RSA_2048_BYTES: usize = 256;

struct RsaPair {
    pair: RsaKeyPair,
    verifying: VerifyingKey,
    #[cfg(test)]
    fault: std::sync::atomic::AtomicBool,
}

impl RsaPair {
    fn new(pair: RsaKeyPair) -> Result<Self, SignError> {
        let spki: PublicKeyX509Der<'_> = pair.public_key().as_der().map_err(|_| SignError::PrivateKey)?;
        let kind = verifying_key::key_kind(spki.as_ref()).map_err(|_| SignError::PrivateKey)?;
        if kind != (KeyKind::Rsa { bits: 2048 }) {
            return Err(SignError::PrivateKey);
        }
        let verifying = VerifyingKey::from_spki(Algorithm::Rs256, spki.as_ref()).map_err(|_| SignError::PrivateKey)?;
        Ok(Self {
            pair,
            verifying,
            #[cfg(test)]
            fault: false.into(),
        })
    }

    /// Signs and checks the signature before it leaves (JW-11).
    fn sign_checked(&self, message: &[u8], signature: &mut [u8; RSA_2048_BYTES]) -> Result<(), SignError> {
        self.pair
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, signature)
            .map_err(|_| SignError::Signature)?;
        #[cfg(test)]
        if self.fault.load(std::sync::atomic::Ordering::Relaxed) {
            signature[20] ^= 1;
        }
        if !self.verifying.is_valid(message, signature) {
            return Err(SignError::SelfCheck);
        }
        Ok(())
    }
}

impl PublicKeyData for RsaPair {
    fn der_bytes(&self) -> &[u8] {
        self.pair.public_key().as_ref()
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_RSA_SHA256
    }
}

impl rcgen::SigningKey for RsaPair {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        let mut signature = [0; RSA_2048_BYTES];
        self.sign_checked(message, &mut signature).map_err(|_| rcgen::Error::RemoteKeyError)?;
        Ok(signature.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_keys::{SPEC, other_rsa, rsa};
    use crate::{jwk, jws, thumbprint};
    use std::sync::atomic::Ordering;

    const HEADER: &[u8] = br#"{"alg":"RS256"}"#;

    #[test]
    fn the_published_parts_verify_what_the_key_signs() {
        let token = rsa().sign_jwt(HEADER, b"{}").unwrap();
        let parts = rsa().public_parts();
        let set = serde_json::json!({"keys": [
            {"kty": "RSA", "use": "sig", "kid": rsa().kid(), "n": parts.n, "e": parts.e}
        ]});
        let set = jwk::KeySet::parse(set.to_string().as_bytes()).unwrap();
        assert_eq!(parts.e, "AQAB");
        assert!(jws::parse_strict(&token).unwrap().verify(set.key(rsa().kid()).unwrap()).is_ok());
    }

    #[test]
    fn the_key_id_is_the_thumbprint_of_the_certificate() {
        assert_eq!(rsa().kid(), base64url::encode(&thumbprint::sha1(rsa().certificate_der())));
        assert_eq!(rsa().kid().len(), 27);
    }

    #[test]
    fn the_token_is_written_into_one_allocation() {
        let (header, claims) = (br#"{"alg":"RS256","typ":"JWT"}"#, [b'x'; 1000]);
        let token = rsa().sign_jwt(header, &claims).unwrap();
        assert_eq!(token.capacity(), token.len());
        let parts: Vec<_> = token.split('.').map(|part| base64url::decode(part).unwrap()).collect();
        assert_eq!((&parts[0][..], &parts[1][..], parts[2].len()), (&header[..], &claims[..], 256));
    }

    #[test]
    fn a_key_read_back_is_the_same_key_with_the_same_id() {
        let pkcs8 = rsa().to_pkcs8().unwrap();
        let again = SigningKey::from_pkcs8(&pkcs8, rsa().certificate_der()).unwrap();
        assert_eq!((again.kid(), again.public_parts()), (rsa().kid(), rsa().public_parts()));
        assert_eq!(again.sign_jwt(HEADER, b"{}"), rsa().sign_jwt(HEADER, b"{}"));
        let wrong = SigningKey::from_pkcs8(&pkcs8, other_rsa().certificate_der());
        assert_eq!(wrong.err(), Some(SignError::CertificateMismatch));
        let p256 = crate::test_keys::p256().to_pkcs8().unwrap();
        assert_eq!(SigningKey::from_pkcs8(&p256, rsa().certificate_der()).err(), Some(SignError::PrivateKey));
    }

    #[test]
    fn jw_11_a_faulty_signature_is_withheld() {
        let key = SigningKey::from_pkcs8(&rsa().to_pkcs8().unwrap(), rsa().certificate_der()).unwrap();
        key.pair.fault.store(true, Ordering::Relaxed);
        assert_eq!(key.sign_jwt(HEADER, b"{}").err(), Some(SignError::SelfCheck));
        assert_eq!(x509::self_signed(&key.pair, &SPEC).err(), Some(SignError::Certificate));
        key.pair.fault.store(false, Ordering::Relaxed);
        assert!(key.sign_jwt(HEADER, b"{}").is_ok());
    }

    #[test]
    fn jw_11_a_key_that_does_not_match_its_public_half_signs_nothing() {
        let pair = RsaKeyPair::from_pkcs8(rsa().to_pkcs8().unwrap().expose()).unwrap();
        let mixed = RsaPair { verifying: other_rsa().verifying_key().clone(), ..RsaPair::new(pair).unwrap() };
        assert_eq!(mixed.sign_checked(b"x", &mut [0; RSA_2048_BYTES]), Err(SignError::SelfCheck));
    }

    #[test]
    fn a_key_does_not_print() {
        assert_eq!(format!("{:?}", rsa()), format!("SigningKey {{ kid: {:?}, .. }}", rsa().kid()));
    }
}
