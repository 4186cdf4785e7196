//! The authority for hosts: client certificates for the hosts' own mTLS listener.

use super::authority::{Authority, CaError, is_issued_by};
use crate::validity::Validity;
use crate::x509;
use crate::{Certificate, limits, pem, verifying_key};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use bonafide_types::{CertificateNumber, HostId, Secret, Serial};
use rcgen::{ExtendedKeyUsagePurpose, SanType, SubjectPublicKeyInfo};
use std::fmt;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::extensions::GeneralName;
use x509_parser::oid_registry::OID_SIG_ECDSA_WITH_SHA256;
use x509_parser::prelude::{FromDer, X509Certificate};

/// The beginning of the name in a host's certificate; the host's id follows, and after a colon the generation, which
/// certificates of an earlier version have not.
const HOST_URN: &str = "urn:bonafide:host:";

/// The authority that signs host certificates.
pub struct HostCa {
    authority: Authority,
}

/// A host's certificate. Its key stays on the host.
#[derive(Debug, Clone)]
pub struct HostCertificate {
    /// The certificate (DER).
    pub certificate_der: Vec<u8>,
    /// Last second of its validity, in Unix seconds.
    pub not_after_seconds: u64,
    /// Its number.
    pub number: CertificateNumber,
}

/// The name that a host's certificate gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HostName {
    /// The host.
    pub host: HostId,
    /// The number of the certificate.
    pub number: CertificateNumber,
}

impl HostCa {
    /// Makes a new authority that lasts `lifetime_seconds`.
    ///
    /// # Errors
    /// [`CaError`].
    pub fn create(now_seconds: u64, lifetime_seconds: u64) -> Result<Self, CaError> {
        let authority = Authority::create(
            "bonafide hosts",
            ExtendedKeyUsagePurpose::ClientAuth,
            Validity::lasting(now_seconds, lifetime_seconds),
        )?;
        Ok(Self { authority })
    }

    /// Reads an authority back.
    ///
    /// # Errors
    /// [`CaError::Key`], [`CaError::Certificate`].
    pub fn load(pkcs8: &Secret<Vec<u8>>, certificate_der: &[u8]) -> Result<Self, CaError> {
        Ok(Self { authority: Authority::load(pkcs8, certificate_der)? })
    }

    /// The authority's certificate: what the hosts' listener is to trust.
    pub fn certificate(&self) -> &Certificate {
        self.authority.certificate()
    }

    /// The authority's certificate as PEM.
    pub fn certificate_pem(&self) -> String {
        pem::encode(pem::CERTIFICATE, self.certificate().der())
    }

    /// The authority's private key (PKCS #8 DER), to be sealed.
    ///
    /// # Errors
    /// [`CaError::Key`].
    pub fn to_pkcs8(&self) -> Result<Secret<Vec<u8>>, CaError> {
        self.authority.to_pkcs8()
    }

    /// Makes the certificate of a host from its certificate request (PKCS #10 DER). Only the key
    /// is taken from the request, once it has proved to hold it; names and extensions that it asks
    /// for are ignored (KY-11).
    ///
    /// # Errors
    /// [`CaError::Request`], [`CaError::NoPossession`] and those of issuing.
    pub fn issue_host(
        &self,
        request_der: &[u8],
        (host, generation): (HostId, u64),
        now_seconds: u64,
        lifetime_seconds: u64,
    ) -> Result<HostCertificate, CaError> {
        let spki_der = proven_key(request_der)?;
        let key = SubjectPublicKeyInfo::from_der(&spki_der).map_err(|_| CaError::Request)?;
        let validity = self.authority.validity(now_seconds, lifetime_seconds)?;
        let mut params = x509::leaf("bonafide host", validity).ok_or(CaError::Unwritable)?;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let name = format!("{HOST_URN}{host}:{generation}").try_into().map_err(|_| CaError::Unwritable)?;
        params.subject_alt_names = vec![SanType::URI(name)];
        let certificate_der = self.authority.issue(params, &key)?;
        let number = host_name(&certificate_der)?.number;
        Ok(HostCertificate { certificate_der, not_after_seconds: validity.not_after_seconds, number })
    }

    /// The name in a certificate that this authority signed, at whatever time it is valid. Where TLS has verified a
    /// certificate, [`host_name`] is enough.
    ///
    /// # Errors
    /// [`CaError::NotAHost`].
    pub fn issued_to(&self, certificate: &Certificate) -> Result<HostName, CaError> {
        match is_issued_by(certificate, self.certificate()) {
            true => host_name(certificate.der()),
            false => Err(CaError::NotAHost),
        }
    }
}

impl fmt::Debug for HostCa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostCa").finish_non_exhaustive()
    }
}

/// The name in a client certificate. The TLS stack must have verified it against the host
/// authority before: this only reads.
///
/// # Errors
/// [`CaError::NotAHost`] unless the certificate has exactly one alternative name, a host's in its
/// canonical spelling, and is for clients.
pub fn host_name(certificate_der: &[u8]) -> Result<HostName, CaError> {
    if certificate_der.len() > limits::DER_BYTES_MAX {
        return Err(CaError::NotAHost);
    }
    let (_, certificate) = X509Certificate::from_der(certificate_der).map_err(|_| CaError::NotAHost)?;
    let usage = certificate.extended_key_usage().ok().flatten().ok_or(CaError::NotAHost)?;
    let names = certificate.subject_alternative_name().ok().flatten().ok_or(CaError::NotAHost)?;
    let [GeneralName::URI(name)] = &names.value.general_names[..] else {
        return Err(CaError::NotAHost);
    };
    let text = name.strip_prefix(HOST_URN).ok_or(CaError::NotAHost)?;
    let (id, generation) = text.split_once(':').map_or((text, None), |(id, generation)| (id, Some(generation)));
    let host: HostId = id.parse().map_err(|_| CaError::NotAHost)?;
    let number: u64 = generation.unwrap_or("0").parse().map_err(|_| CaError::NotAHost)?;
    let is_canonical = host.to_string() == id && generation.is_none_or(|text| number.to_string() == text && number > 0);
    if !is_canonical || !usage.value.client_auth || certificate.is_ca() {
        return Err(CaError::NotAHost);
    }
    let serial = Serial::try_from(certificate.raw_serial()).map_err(|_| CaError::NotAHost)?;
    Ok(HostName { host, number: CertificateNumber { generation: number, serial } })
}

/// The P-256 key of a certificate request that is signed by that very key.
fn proven_key(request_der: &[u8]) -> Result<Vec<u8>, CaError> {
    if request_der.len() > limits::DER_BYTES_MAX {
        return Err(CaError::Request);
    }
    let (rest, request) = X509CertificationRequest::from_der(request_der).map_err(|_| CaError::Request)?;
    if !rest.is_empty() || request.signature_algorithm.algorithm != OID_SIG_ECDSA_WITH_SHA256 {
        return Err(CaError::Request);
    }
    let info = &request.certification_request_info;
    let point = verifying_key::p256_point(info.subject_pki.raw).map_err(|_| CaError::Request)?;
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point)
        .verify(info.raw, &request.signature_value.data)
        .map_err(|_| CaError::NoPossession)?;
    Ok(info.subject_pki.raw.to_vec())
}
