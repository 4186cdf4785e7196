//! P-256 key pairs, for agents and certificate authorities.

use crate::SignError;
use crate::{Algorithm, VerifyingKey, verifying_key};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair,
    UnparsedPublicKey,
};
use bonafide_types::Secret;
use rcgen::{PKCS_ECDSA_P256_SHA256, PublicKeyData, SignatureAlgorithm};

/// One private key twice: parsed for tokens (r and s side by side) and for certificates (ASN.1).
pub(crate) struct P256Key {
    token: EcdsaKeyPair,
    certificate: EcdsaKeyPair,
    verifying: VerifyingKey,
    #[cfg(test)]
    pub(crate) fault: std::sync::atomic::AtomicBool,
}

impl P256Key {
    pub(crate) fn generate() -> Result<Self, SignError> {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(|_| SignError::Generation)?;
        let pkcs8 = pair.to_pkcs8v1().map_err(|_| SignError::Generation)?;
        Self::from_pkcs8(pkcs8.as_ref())
    }

    pub(crate) fn from_pkcs8(pkcs8: &[u8]) -> Result<Self, SignError> {
        let parse = |algorithm| EcdsaKeyPair::from_pkcs8(algorithm, pkcs8).map_err(|_| SignError::PrivateKey);
        let token = parse(&ECDSA_P256_SHA256_FIXED_SIGNING)?;
        let verifying = VerifyingKey::p256(token.public_key().as_ref()).map_err(|_| SignError::PrivateKey)?;
        Ok(Self {
            token,
            certificate: parse(&ECDSA_P256_SHA256_ASN1_SIGNING)?,
            verifying,
            #[cfg(test)]
            fault: false.into(),
        })
    }

    pub(crate) fn to_pkcs8(&self) -> Result<Secret<Vec<u8>>, SignError> {
        let document = self.token.to_pkcs8v1().map_err(|_| SignError::PrivateKey)?;
        Ok(Secret::new(document.as_ref().to_vec()))
    }

    pub(crate) fn verifying_key(&self) -> &VerifyingKey {
        &self.verifying
    }

    /// Tells whether a `SubjectPublicKeyInfo` holds this key.
    pub(crate) fn is_key_of(&self, spki_der: &[u8]) -> bool {
        verifying_key::p256_point(spki_der).is_ok_and(|point| point == self.token.public_key().as_ref())
    }

    /// Signs for a token and checks the signature before it leaves (JW-11).
    pub(crate) fn sign_token(&self, message: &[u8]) -> Result<[u8; 64], SignError> {
        debug_assert_eq!(self.verifying.algorithm(), Algorithm::Es256);
        let made = self.token.sign(&SystemRandom::new(), message).map_err(|_| SignError::Signature)?;
        let mut signature: [u8; 64] = made.as_ref().try_into().map_err(|_| SignError::Signature)?;
        self.inject_fault(&mut signature);
        if !self.verifying.is_valid(message, &signature) {
            return Err(SignError::SelfCheck);
        }
        Ok(signature)
    }

    fn sign_certificate(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        let made = self.certificate.sign(&SystemRandom::new(), message).map_err(|_| SignError::Signature)?;
        let mut signature = made.as_ref().to_vec();
        self.inject_fault(&mut signature);
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, self.token.public_key().as_ref())
            .verify(message, &signature)
            .map_err(|_| SignError::SelfCheck)?;
        Ok(signature)
    }

    #[cfg(test)]
    fn inject_fault(&self, signature: &mut [u8]) {
        if self.fault.load(std::sync::atomic::Ordering::Relaxed) {
            signature[20] ^= 1;
        }
    }

    #[cfg(not(test))]
    fn inject_fault(&self, _: &mut [u8]) {}
}

impl PublicKeyData for P256Key {
    fn der_bytes(&self) -> &[u8] {
        self.token.public_key().as_ref()
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ECDSA_P256_SHA256
    }
}

impl rcgen::SigningKey for P256Key {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        self.sign_certificate(message).map_err(|_| rcgen::Error::RemoteKeyError)
    }
}
