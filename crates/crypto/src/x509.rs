//! The common part of all certificates that we write.

use crate::self_signed::SelfSigned;
use crate::validity::Validity;
use crate::{SignError, random};
use rcgen::{CertificateParams, DistinguishedName, DnType, IsCa, KeyUsagePurpose, SerialNumber, SigningKey};
use std::time::Duration;

/// Last second that a certificate can name (9999-12-31T23:59:59Z). Source: RFC 5280 section 4.1.2.5.
const CERTIFICATE_SECONDS_MAX: u64 = 253_402_300_799;

/// A certificate that can sign and is no authority: subject, validity and a random serial number.
/// None where the times cannot be written.
pub(crate) fn leaf(common_name: &str, validity: Validity) -> Option<CertificateParams> {
    let Validity { not_before_seconds, not_after_seconds } = validity;
    if not_before_seconds >= not_after_seconds || not_after_seconds > CERTIFICATE_SECONDS_MAX {
        return None;
    }
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    let mut params = CertificateParams::default();
    params.not_before = epoch + Duration::from_secs(not_before_seconds);
    params.not_after = epoch + Duration::from_secs(not_after_seconds);
    params.serial_number = Some(serial_number());
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    Some(params)
}

/// 126 random bits, always positive and 16 bytes long.
fn serial_number() -> SerialNumber {
    let mut bytes: [u8; 16] = random::bytes();
    bytes[0] = bytes[0] & 0x7f | 0x40;
    SerialNumber::from(bytes.to_vec())
}

/// A certificate over a key by the same key (DER).
pub(crate) fn self_signed(key: &impl SigningKey, spec: &SelfSigned<'_>) -> Result<Vec<u8>, SignError> {
    let validity = Validity { not_before_seconds: spec.not_before_seconds, not_after_seconds: spec.not_after_seconds };
    let params = leaf(spec.common_name, validity).ok_or(SignError::Certificate)?;
    let certificate = params.self_signed(key).map_err(|_| SignError::Certificate)?;
    Ok(certificate.der().to_vec())
}

/// A certificate request (PKCS #10 DER) that says nothing but which key it is.
pub(crate) fn certificate_request(key: &impl SigningKey) -> Result<Vec<u8>, SignError> {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    let request = params.serialize_request(key).map_err(|_| SignError::Certificate)?;
    Ok(request.der().to_vec())
}
