//! X.509 certificates of clients: parsed within bounds, pinned by their full DER or key (CA-03).

use crate::verifying_key::{KeyError, KeyKind, P256_POINT_BYTES, VerifyingKeys, key_kind, p256_point};
use crate::{limits, pem, thumbprint};
use serde_json::Value;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

/// Certificates in one `x5c`. Source: CA-06; ours.
const CHAIN_CERTIFICATES_MAX: usize = 10;

/// The reason why a certificate was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// More bytes than the limit.
    #[error("the certificate is too large")]
    TooLarge,
    /// Not a DER certificate, or something after it.
    #[error("the certificate is malformed")]
    Malformed,
    /// No certificate in a PEM text, or `x5c` is not made of base64 strings.
    #[error("there is no certificate")]
    Missing,
    /// `x5c` with more certificates than the limit.
    #[error("the certificate chain is too long")]
    ChainTooLong,
    /// A key that is not accepted.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// A certificate. That it parses says nothing about who made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    der: Box<[u8]>,
    spki_der: Box<[u8]>,
    key_kind: KeyKind,
    not_before_seconds: u64,
    not_after_seconds: u64,
    is_ca: bool,
}

impl Certificate {
    /// Parses DER.
    ///
    /// # Errors
    /// [`CertificateError`], also for keys that are not accepted (CA-06).
    pub fn from_der(der: &[u8]) -> Result<Self, CertificateError> {
        if der.len() > limits::DER_BYTES_MAX {
            return Err(CertificateError::TooLarge);
        }
        let (rest, parsed) = X509Certificate::from_der(der).map_err(|_| CertificateError::Malformed)?;
        if !rest.is_empty() {
            return Err(CertificateError::Malformed);
        }
        let constraints = parsed.basic_constraints().map_err(|_| CertificateError::Malformed)?;
        let spki_der = parsed.tbs_certificate.subject_pki.raw;
        // A time before 1970 is as good as 1970 for every comparison that is ever made.
        let seconds = |at: i64| u64::try_from(at).unwrap_or(0);
        Ok(Self {
            der: der.into(),
            spki_der: spki_der.into(),
            key_kind: key_kind(spki_der)?,
            not_before_seconds: seconds(parsed.validity().not_before.timestamp()),
            not_after_seconds: seconds(parsed.validity().not_after.timestamp()),
            is_ca: constraints.is_some_and(|constraints| constraints.value.ca),
        })
    }

    /// Parses standard base64 without PEM lines, line breaks tolerated: an entry of `x5c`, or a
    /// `keyCredential`'s `key`.
    ///
    /// # Errors
    /// [`CertificateError`].
    pub fn from_base64(text: &str) -> Result<Self, CertificateError> {
        if text.len() > limits::PEM_BYTES_MAX {
            return Err(CertificateError::TooLarge);
        }
        Self::from_der(&pem::decode_wrapped(text).ok_or(CertificateError::Malformed)?)
    }

    /// The sender's own certificate in a header's `x5c`: the first of an array, or, as .NET sends
    /// it, a single string (docs/wire/login.md). The others are counted and not looked at.
    ///
    /// # Errors
    /// [`CertificateError`].
    pub fn from_x5c(x5c: &Value) -> Result<Self, CertificateError> {
        match x5c {
            Value::String(text) => Self::from_base64(text),
            Value::Array(chain) if chain.len() > CHAIN_CERTIFICATES_MAX => Err(CertificateError::ChainTooLong),
            Value::Array(chain) => {
                Self::from_base64(chain.first().and_then(Value::as_str).ok_or(CertificateError::Missing)?)
            }
            _ => Err(CertificateError::Missing),
        }
    }

    /// The whole certificate (DER).
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// Its key as DER `SubjectPublicKeyInfo`.
    pub fn spki_der(&self) -> &[u8] {
        &self.spki_der
    }

    /// The uncompressed point of a P-256 key; `None` for other kinds. Whether it lies on the curve is
    /// checked where it becomes a key.
    pub fn p256_point(&self) -> Option<[u8; P256_POINT_BYTES]> {
        p256_point(&self.spki_der).ok()?.try_into().ok()
    }

    /// The kind of its key.
    pub fn key_kind(&self) -> KeyKind {
        self.key_kind
    }

    /// First second of its validity, in Unix seconds.
    pub fn not_before_seconds(&self) -> u64 {
        self.not_before_seconds
    }

    /// Last second of its validity, in Unix seconds.
    pub fn not_after_seconds(&self) -> u64 {
        self.not_after_seconds
    }

    /// Tells whether it is valid at this time.
    pub fn is_valid_at(&self, now_seconds: u64) -> bool {
        (self.not_before_seconds..=self.not_after_seconds).contains(&now_seconds)
    }

    /// Tells whether it claims to be an authority.
    pub fn is_ca(&self) -> bool {
        self.is_ca
    }

    /// `x5t`: a name to look it up by, never a proof (CA-03).
    pub fn sha1_thumbprint(&self) -> [u8; 20] {
        thumbprint::sha1(&self.der)
    }

    /// The keys that verify its owner's signatures, parsed: keep them with the credential.
    ///
    /// # Errors
    /// [`CertificateError::Key`] where an elliptic-curve point is not on the curve.
    pub fn verifying_keys(&self) -> Result<VerifyingKeys, CertificateError> {
        Ok(VerifyingKeys::from_spki(&self.spki_der)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::AgentKey;
    use crate::SelfSigned;
    use crate::test_keys::{NOW, rsa};
    use bonafide_types::base64url;
    use serde_json::json;

    #[test]
    fn a_certificate_is_read_from_der_and_base64() {
        let der = rsa().certificate_der();
        let certificate = Certificate::from_der(der).unwrap();
        assert_eq!(certificate.key_kind(), KeyKind::Rsa { bits: 2048 });
        assert_eq!((certificate.not_before_seconds(), certificate.not_after_seconds()), (NOW, NOW + 86_400));
        let base64 = base64url::encode_standard(der);
        let wrapped = base64.as_bytes().chunks(76).map(|line| str::from_utf8(line).unwrap()).collect::<Vec<_>>();
        assert_eq!(Certificate::from_base64(&wrapped.join("\r\n")).as_ref(), Ok(&certificate));
    }

    #[test]
    fn a_certificate_that_starts_now_is_valid_a_little_before() {
        let spec = SelfSigned::starting("k", NOW, 60);
        let der = AgentKey::generate().unwrap().self_signed_certificate(&spec).unwrap();
        let certificate = Certificate::from_der(&der).unwrap();
        let valid = [NOW - 86_401, NOW - 86_400, NOW + 60, NOW + 61].map(|at| certificate.is_valid_at(at));
        assert_eq!(valid, [false, true, true, false]);
    }

    #[test]
    fn x5c_may_be_an_array_or_a_single_string() {
        let base64 = base64url::encode_standard(rsa().certificate_der());
        let certificate = Certificate::from_der(rsa().certificate_der());
        assert_eq!(Certificate::from_x5c(&json!(base64)), certificate);
        assert_eq!(Certificate::from_x5c(&json!([base64, "not looked at"])), certificate);
        for none in [json!([]), json!([1]), json!({}), json!(null), json!(7)] {
            assert_eq!(Certificate::from_x5c(&none), Err(CertificateError::Missing));
        }
    }

    #[test]
    fn ca_06_sizes_and_chain_lengths_are_bounded() {
        let base64 = base64url::encode_standard(rsa().certificate_der());
        let chain = vec![base64; CHAIN_CERTIFICATES_MAX + 1];
        assert_eq!(Certificate::from_x5c(&json!(chain)), Err(CertificateError::ChainTooLong));
        assert!(Certificate::from_x5c(&json!(chain[1..])).is_ok());
        let large = vec![0x30; limits::DER_BYTES_MAX + 1];
        assert_eq!(Certificate::from_der(&large), Err(CertificateError::TooLarge));
        let large = "A".repeat(limits::PEM_BYTES_MAX + 1);
        assert_eq!(Certificate::from_base64(&large), Err(CertificateError::TooLarge));
    }

    #[test]
    fn jw_15_a_cut_or_extended_certificate_is_malformed() {
        let der = rsa().certificate_der();
        for length in 0..der.len() {
            assert!(Certificate::from_der(&der[..length]).is_err());
        }
        assert_eq!(Certificate::from_der(&[der, &[0]].concat()), Err(CertificateError::Malformed));
    }
}
