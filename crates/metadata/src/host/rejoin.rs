//! Joining anew by the key of the last certificate.

use bonafide_crypto::{AgentKey, SignError, thumbprint};
use bonafide_types::base64url;
use bonafide_wire::hosts::{REJOIN_PATH, RejoinClaims, RejoinRequest};
use serde_json::json;

/// The request for a certificate of `next`, signed by the key of the last `certificate` (DER).
///
/// # Errors
/// [`SignError`] when it cannot be signed.
pub fn rejoin_request(last: &AgentKey, certificate: &[u8], next: &AgentKey) -> Result<RejoinRequest, SignError> {
    let csr = next.certificate_request()?;
    let header = json!({ "alg": "ES256", "typ": "JWT", "x5c": [base64url::encode_standard(certificate)] });
    let claims = RejoinClaims { aud: REJOIN_PATH.to_owned(), csr_sha256: thumbprint::sha256_hex(&csr) };
    // A struct of strings always has a JSON form.
    let claims = serde_json::to_vec(&claims).unwrap_or_default();
    let proof = last.sign_jwt(header.to_string().as_bytes(), &claims)?;
    Ok(RejoinRequest { proof, csr: base64url::encode_standard(&csr) })
}
