//! The common part of both authorities.

use crate::p256::P256Key;
use crate::validity::Validity;
use crate::x509;
use crate::{Certificate, SignError, random, thumbprint};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use bonafide_types::{Secret, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyUsagePurpose, PublicKeyData,
};
use std::net::IpAddr;
use x509_parser::prelude::{FromDer, X509Certificate};

/// The reason why an authority could not be made or read, or refused to issue.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CaError {
    /// The private key is unusable, or signing failed.
    #[error(transparent)]
    Key(#[from] SignError),
    /// The authority's certificate is unusable, or another key's.
    #[error("the authority's certificate is not usable")]
    Certificate,
    /// The authority's certificate is not valid at this time.
    #[error(
        "the clock shows {}, and the installation's authority is valid from {} to {}: set the clock",
        at(*now_seconds), at(*not_before_seconds), at(*not_after_seconds)
    )]
    NotValidNow {
        /// The time that the clock shows, in Unix seconds.
        now_seconds: u64,
        /// First second of the authority's validity.
        not_before_seconds: u64,
        /// Last second of it.
        not_after_seconds: u64,
    },
    /// Names or times that cannot be written into a certificate.
    #[error("a certificate with these names and times cannot be made")]
    Unwritable,
    /// No names to certify.
    #[error("a server certificate needs at least one name")]
    NoNames,
    /// A DNS name outside the authority's constraints.
    #[error("'{0}' is outside the names that this authority may certify")]
    ForbiddenName(String),
    /// An address outside the authority's constraints.
    #[error("{0} is outside the addresses that this authority may certify")]
    ForbiddenAddress(IpAddr),
    /// Not a well-formed certificate request with a P-256 key.
    #[error("the certificate request is malformed or not for a P-256 key")]
    Request,
    /// The request is not signed by the key it is for.
    #[error("the certificate request does not prove possession of its key")]
    NoPossession,
    /// Not the certificate of a host.
    #[error("the certificate is not a host's")]
    NotAHost,
}

fn at(seconds: u64) -> String {
    Timestamp::from_unix_seconds(seconds).second()
}

pub(super) struct Authority {
    key: P256Key,
    certificate: Certificate,
}

impl Authority {
    /// A new key and its self-signed certificate.
    pub(super) fn create(name: &str, purpose: ExtendedKeyUsagePurpose, validity: Validity) -> Result<Self, CaError> {
        Self::self_signed(params(&distinct(name), purpose, validity)?)
    }

    /// A new authority below a new root, and the root's certificate. The root's private key ends here, so that the root
    /// never signs anything else. `limit` adds what both may certify.
    pub(super) fn create_below_root(
        name: &str,
        purpose: ExtendedKeyUsagePurpose,
        validity: Validity,
        limit: impl Fn(&mut CertificateParams),
    ) -> Result<(Self, Certificate), CaError> {
        let name = distinct(name);
        let mut of_root = params(&name, purpose.clone(), validity)?;
        of_root.is_ca = IsCa::Ca(BasicConstraints::Constrained(1));
        of_root.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        limit(&mut of_root);
        let root = Self::self_signed(of_root)?;
        let mut of_authority = params(&format!("{name} authority"), purpose, validity)?;
        limit(&mut of_authority);
        let key = P256Key::generate()?;
        let certificate = root.issue(of_authority, &key)?;
        let certificate = Certificate::from_der(&certificate).map_err(|_| CaError::Unwritable)?;
        Ok((Self { key, certificate }, root.certificate))
    }

    fn self_signed(params: CertificateParams) -> Result<Self, CaError> {
        let key = P256Key::generate()?;
        let certificate = params.self_signed(&key).map_err(|_| CaError::Unwritable)?;
        let certificate = Certificate::from_der(certificate.der()).map_err(|_| CaError::Unwritable)?;
        Ok(Self { key, certificate })
    }

    pub(super) fn load(pkcs8: &Secret<Vec<u8>>, certificate_der: &[u8]) -> Result<Self, CaError> {
        let key = P256Key::from_pkcs8(pkcs8.expose())?;
        let certificate = Certificate::from_der(certificate_der).map_err(|_| CaError::Certificate)?;
        if !certificate.is_ca() || !key.is_key_of(certificate.spki_der()) {
            return Err(CaError::Certificate);
        }
        Ok(Self { key, certificate })
    }

    pub(super) fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    pub(super) fn to_pkcs8(&self) -> Result<Secret<Vec<u8>>, CaError> {
        Ok(self.key.to_pkcs8()?)
    }

    /// The validity of a certificate issued now: never longer than the authority's own.
    pub(super) fn validity(&self, now_seconds: u64, lifetime_seconds: u64) -> Result<Validity, CaError> {
        if !self.certificate.is_valid_at(now_seconds) {
            return Err(CaError::NotValidNow {
                now_seconds,
                not_before_seconds: self.certificate.not_before_seconds(),
                not_after_seconds: self.certificate.not_after_seconds(),
            });
        }
        let wanted = Validity::starting(now_seconds, lifetime_seconds);
        Ok(Validity {
            not_before_seconds: wanted.not_before_seconds.max(self.certificate.not_before_seconds()),
            not_after_seconds: wanted.not_after_seconds.min(self.certificate.not_after_seconds()),
        })
    }

    pub(super) fn issue(&self, mut params: CertificateParams, key: &impl PublicKeyData) -> Result<Vec<u8>, CaError> {
        params.use_authority_key_identifier_extension = true;
        let issuer = Issuer::from_ca_cert_der(&self.certificate.der().into(), &self.key);
        let issuer = issuer.map_err(|_| CaError::Certificate)?;
        let certificate = params.signed_by(key, &issuer).map_err(|_| CaError::Unwritable)?;
        Ok(certificate.der().to_vec())
    }
}

/// The name with random digits, so that a client that trusts two installations tells them apart.
fn distinct(name: &str) -> String {
    format!("{name} {}", thumbprint::hex(&random::bytes::<4>()))
}

/// An authority that signs no other authority.
fn params(name: &str, purpose: ExtendedKeyUsagePurpose, validity: Validity) -> Result<CertificateParams, CaError> {
    let mut params = x509::leaf(name, validity).ok_or(CaError::Unwritable)?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.extended_key_usages = vec![purpose];
    Ok(params)
}

/// Tells whether a certificate is signed by the key of another, which is an authority's.
pub(super) fn is_issued_by(certificate: &Certificate, issuer: &Certificate) -> bool {
    let Ok((_, parsed)) = X509Certificate::from_der(certificate.der()) else { return false };
    let signed = |point: &[u8]| {
        let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point);
        key.verify(parsed.tbs_certificate.as_ref(), &parsed.signature_value.data).is_ok()
    };
    issuer.is_ca() && issuer.p256_point().is_some_and(|point| signed(&point))
}
