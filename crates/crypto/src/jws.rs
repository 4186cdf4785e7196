//! Reads compact JWS: the only form in which a token is accepted (JW-07).
//!
//! A parsed token is [`Unverified`]; its claims are reached through [`Unverified::verify`], so that
//! the parts that were attested are the parts that are used. Nothing in the header names a key to
//! trust: `jku`, `x5u`, `jwk` and `x5c` are members like any other here, and `kid` is a key of the
//! caller's own map (JW-02).

use crate::{Algorithm, VerifyingKey, VerifyingKeys};
use bonafide_types::base64url;
use bonafide_types::json::{JsonError, parse_object_strict};
use serde_json::{Map, Value};

/// Largest access token, in bytes. Source: ours; half of the largest request head (`HEAD_BYTES_MAX`).
pub(crate) const TOKEN_BYTES_MAX: usize = 16 * 1024;
/// Largest client assertion, in bytes. Source: ours; half of a token request's body, room for an `x5c` chain.
pub(crate) const ASSERTION_BYTES_MAX: usize = 32 * 1024;

/// The reason why a token was refused. It repeats nothing of the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JwsError {
    /// More bytes than the limit.
    #[error("the token is too large")]
    TooLarge,
    /// A character that no compact JWS has; the JSON serialization and blanks end here.
    #[error("the token has a character that compact JWS does not have")]
    Character,
    /// Not three parts, or no header or signature.
    #[error("the token does not have three parts")]
    Parts,
    /// A part is not base64url.
    #[error("a part of the token is not valid base64url")]
    Base64,
    /// The header is not an acceptable JSON object.
    #[error("the token's header: {0}")]
    Header(JsonError),
    /// A header member is missing or has the wrong type.
    #[error("the token's header has no usable '{0}'")]
    HeaderMember(&'static str),
    /// `crit`, `zip`, `enc` or `b64`: extensions and encryption are not understood here.
    #[error("the token's header has '{0}', which is not supported")]
    Extension(&'static str),
    /// `alg` is not RS256, PS256 or ES256, in exactly this spelling.
    #[error("the token's algorithm is not supported")]
    UnsupportedAlgorithm,
    /// `alg` is not the algorithm of the key (JW-01).
    #[error("the token's algorithm is not the key's")]
    AlgorithmMismatch,
    /// The signature is not the key's over this token.
    #[error("the token's signature is not valid")]
    Signature,
    /// The claims are not an acceptable JSON object.
    #[error("the token's claims: {0}")]
    Claims(JsonError),
}

/// A token that is well-formed and nothing more.
pub struct Unverified<'a> {
    header: Map<String, Value>,
    algorithm: Algorithm,
    payload: Vec<u8>,
    signing_input: &'a str,
    signature: Vec<u8>,
}

/// A token whose signature was found to be the key's.
pub struct Verified {
    header: Map<String, Value>,
    claims: Map<String, Value>,
}

/// Parses an access token: base64url without padding, at most [`TOKEN_BYTES_MAX`].
///
/// # Errors
/// [`JwsError`].
pub fn parse_strict(token: &str) -> Result<Unverified<'_>, JwsError> {
    let parsed = parse(token, TOKEN_BYTES_MAX, is_strict_character, base64url::decode)?;
    if parsed.header.get("kid").is_some_and(|kid| !kid.is_string()) {
        return Err(JwsError::HeaderMember("kid"));
    }
    Ok(parsed)
}

/// Parses a client assertion: as [`parse_strict`], but each part may be padded and in the standard
/// alphabet, as stock clients send it (docs/wire/login.md), at most [`ASSERTION_BYTES_MAX`], and
/// with anything as `kid`, which is the client's own.
///
/// # Errors
/// [`JwsError`].
pub fn parse_lenient(token: &str) -> Result<Unverified<'_>, JwsError> {
    let is_lenient = |byte| is_strict_character(byte) || matches!(byte, b'+' | b'/' | b'=');
    parse(token, ASSERTION_BYTES_MAX, is_lenient, base64url::decode_lenient)
}

fn is_strict_character(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
}

fn parse(
    token: &str,
    bytes_max: usize,
    is_allowed: impl Fn(u8) -> bool,
    decode: impl Fn(&str) -> Result<Vec<u8>, base64url::DecodeError>,
) -> Result<Unverified<'_>, JwsError> {
    if token.len() > bytes_max {
        return Err(JwsError::TooLarge);
    }
    if !token.bytes().all(is_allowed) {
        return Err(JwsError::Character);
    }
    let (signing_input, signature) = token.rsplit_once('.').ok_or(JwsError::Parts)?;
    let (header, payload) = signing_input.split_once('.').ok_or(JwsError::Parts)?;
    if header.is_empty() || signature.is_empty() || payload.contains('.') {
        return Err(JwsError::Parts);
    }
    let decode = |part| decode(part).map_err(|_| JwsError::Base64);
    let header = parse_object_strict(&decode(header)?).map_err(JwsError::Header)?;
    let algorithm = check_header(&header)?;
    Ok(Unverified { header, algorithm, payload: decode(payload)?, signing_input, signature: decode(signature)? })
}

fn check_header(header: &Map<String, Value>) -> Result<Algorithm, JwsError> {
    for extension in ["crit", "zip", "enc", "b64"] {
        if header.contains_key(extension) {
            return Err(JwsError::Extension(extension));
        }
    }
    let name = header.get("alg").and_then(Value::as_str).ok_or(JwsError::HeaderMember("alg"))?;
    Algorithm::from_name(name).ok_or(JwsError::UnsupportedAlgorithm)
}

impl Unverified<'_> {
    /// The header. It is the sender's word: use it to look a key up, never to trust one.
    pub fn header(&self) -> &Map<String, Value> {
        &self.header
    }

    /// The algorithm that the header names.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The header's `kid`: an opaque name, for a lookup among keys that are already trusted.
    pub fn key_id(&self) -> Option<&str> {
        self.header.get("kid").and_then(Value::as_str)
    }

    /// The claims before anybody vouched for them, to find out whose key to try (`iss`, `sub`).
    ///
    /// # Errors
    /// [`JwsError::Claims`].
    pub fn unverified_claims(&self) -> Result<Map<String, Value>, JwsError> {
        parse_object_strict(&self.payload).map_err(JwsError::Claims)
    }

    /// Checks the signature with a key, whose one algorithm must be the header's.
    ///
    /// # Errors
    /// [`JwsError::AlgorithmMismatch`], [`JwsError::Signature`], [`JwsError::Claims`].
    pub fn verify(self, key: &VerifyingKey) -> Result<Verified, JwsError> {
        self.check_signature(key)?;
        let claims = self.unverified_claims()?;
        Ok(Verified { header: self.header, claims })
    }

    /// Checks the signature with the key of a certificate that does the header's algorithm.
    ///
    /// # Errors
    /// As [`Unverified::verify`].
    pub fn verify_with(self, keys: &VerifyingKeys) -> Result<Verified, JwsError> {
        let key = keys.for_algorithm(self.algorithm).ok_or(JwsError::AlgorithmMismatch)?;
        self.verify(key)
    }

    pub(crate) fn check_signature(&self, key: &VerifyingKey) -> Result<(), JwsError> {
        if key.algorithm() != self.algorithm {
            return Err(JwsError::AlgorithmMismatch);
        }
        if !key.is_valid(self.signing_input.as_bytes(), &self.signature) {
            return Err(JwsError::Signature);
        }
        Ok(())
    }
}

impl std::fmt::Debug for Unverified<'_> {
    /// Without the signature: what is left is of no use to a thief.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Unverified").field("header", &self.header).finish_non_exhaustive()
    }
}

impl Verified {
    /// The header, covered by the signature.
    pub fn header(&self) -> &Map<String, Value> {
        &self.header
    }

    /// The claims, covered by the signature.
    pub fn claims(&self) -> &Map<String, Value> {
        &self.claims
    }

    /// The claims alone.
    pub fn into_claims(self) -> Map<String, Value> {
        self.claims
    }
}

impl std::fmt::Debug for Verified {
    /// Without the claims: what they say of people belongs into no log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Verified").field("header", &self.header).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
