//! Writes a compact JWS (RFC 7515 section 3.1) into one allocation.

use bonafide_types::base64url::{encode_into, encoded_chars};

/// Header and claims in base64url with a dot between, and room left for a signature of `signature_bytes`.
pub(crate) fn signing_input(header_json: &[u8], claims_json: &[u8], signature_bytes: usize) -> String {
    let chars = [header_json.len(), claims_json.len(), signature_bytes].map(encoded_chars);
    let mut token = String::with_capacity(chars.iter().sum::<usize>() + 2);
    encode_into(header_json, &mut token);
    token.push('.');
    encode_into(claims_json, &mut token);
    token
}

/// Appends the signature and so completes the token.
pub(crate) fn append_signature(token: &mut String, signature: &[u8]) {
    token.push('.');
    encode_into(signature, token);
}
