//! Certificates and keys in DER, PEM, base64 and JSON.
#![no_main]

use bonafide_crypto::{Certificate, VerifyingKeys, ca, pem};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(certificate) = Certificate::from_der(data) {
        assert_eq!(certificate.der(), data);
        let _ = (certificate.verifying_keys(), certificate.key_kind(), certificate.p256_point());
        let _ = certificate.is_valid_at(certificate.not_before_seconds());
    }
    let _ = ca::host_name(data);
    if let Ok(keys) = VerifyingKeys::from_spki(data) {
        let _ = keys.kind();
    }
    let Ok(text) = std::str::from_utf8(data) else { return };
    let _ = Certificate::from_base64(text);
    let _ = pem::find(text, "CERTIFICATE").map(|der| Certificate::from_der(&der).is_ok());
    if let Ok(value) = serde_json::from_str(text) {
        let _ = Certificate::from_x5c(&value);
    }
});
