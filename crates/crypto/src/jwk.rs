//! Key sets of other issuers (RFC 7517). Tests alone read them until credentials can be federated.

use crate::{Algorithm, KeyError, VerifyingKey};
use bonafide_types::base64url;
use bonafide_types::json::{JsonError, parse_object_bounded};
use serde_json::{Map, Value};

/// Largest foreign key set, in bytes. Source: ours; Entra's own is about 25 KiB.
const KEY_SET_BYTES_MAX: usize = 256 * 1024;
/// Members and elements in one foreign key set. Source: ours.
const KEY_SET_MEMBERS_MAX: usize = 5_000;
/// Keys in one foreign key set. Source: ours.
const KEY_SET_KEYS_MAX: usize = 100;

/// The reason why a key set was refused as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum KeySetError {
    /// Not an acceptable JSON object.
    #[error("the key set: {0}")]
    Json(#[from] JsonError),
    /// No array `keys`, or more keys than the limit.
    #[error("the key set has no usable 'keys'")]
    Keys,
}

/// The usable keys of a key set; keys of other kinds, for other uses or outside our bounds are left out.
#[derive(Debug, Clone, Default)]
pub(crate) struct KeySet {
    keys: Vec<(Option<String>, VerifyingKey)>,
}

impl KeySet {
    /// Parses the document behind a `jwks_uri`.
    ///
    /// # Errors
    /// [`KeySetError`]; a single unusable key is no error.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, KeySetError> {
        let set = parse_object_bounded(bytes, KEY_SET_BYTES_MAX, KEY_SET_MEMBERS_MAX)?;
        let keys = set.get("keys").and_then(Value::as_array).ok_or(KeySetError::Keys)?;
        if keys.len() > KEY_SET_KEYS_MAX {
            return Err(KeySetError::Keys);
        }
        let usable = keys.iter().filter_map(Value::as_object).filter_map(|jwk| {
            let kid = jwk.get("kid").and_then(Value::as_str).map(str::to_owned);
            Some((kid, verifying_key(jwk).ok()?))
        });
        Ok(Self { keys: usable.collect() })
    }

    /// The key of this `kid`; none where two keys share it, because then the name decides nothing.
    pub(crate) fn key(&self, kid: &str) -> Option<&VerifyingKey> {
        let mut named = self.keys.iter().filter(|(name, _)| name.as_deref() == Some(kid));
        match (named.next(), named.next()) {
            (Some((_, key)), None) => Some(key),
            _ => None,
        }
    }

    /// The number of usable keys.
    pub(crate) fn len(&self) -> usize {
        self.keys.len()
    }
}

/// The public key of one JWK. Without `alg`, an RSA key is for RS256 and a P-256 key for ES256.
///
/// # Errors
/// [`KeyError`], [`KeyError::WrongAlgorithm`] where `use`, `key_ops` or `alg` say it is for something else.
pub(crate) fn verifying_key(jwk: &Map<String, Value>) -> Result<VerifyingKey, KeyError> {
    if jwk.get("use").is_some_and(|usage| usage != "sig") {
        return Err(KeyError::WrongAlgorithm);
    }
    if let Some(operations) = jwk.get("key_ops") {
        let operations = operations.as_array().ok_or(KeyError::Malformed)?;
        if !operations.iter().any(|operation| operation == "verify") {
            return Err(KeyError::WrongAlgorithm);
        }
    }
    let declared = match jwk.get("alg") {
        None => None,
        Some(alg) => Some(alg.as_str().and_then(Algorithm::from_name).ok_or(KeyError::WrongAlgorithm)?),
    };
    match jwk.get("kty").and_then(Value::as_str) {
        Some("RSA") => {
            let (modulus, exponent) = (member(jwk, "n")?, member(jwk, "e")?);
            VerifyingKey::rsa(declared.unwrap_or(Algorithm::Rs256), strip_zeros(&modulus), strip_zeros(&exponent))
        }
        Some("EC") if declared.is_none_or(|algorithm| algorithm == Algorithm::Es256) => {
            if jwk.get("crv").and_then(Value::as_str) != Some("P-256") {
                return Err(KeyError::UnsupportedKind);
            }
            let (x, y) = (member(jwk, "x")?, member(jwk, "y")?);
            if x.len() != 32 || y.len() != 32 {
                return Err(KeyError::Malformed);
            }
            VerifyingKey::p256(&[&[4], &x[..], &y[..]].concat())
        }
        Some("EC") => Err(KeyError::WrongAlgorithm),
        _ => Err(KeyError::UnsupportedKind),
    }
}

fn member(jwk: &Map<String, Value>, name: &str) -> Result<Vec<u8>, KeyError> {
    let text = jwk.get(name).and_then(Value::as_str).ok_or(KeyError::Malformed)?;
    base64url::decode_lenient(text).map_err(|_| KeyError::Malformed)
}

/// Some issuers write the modulus as a signed integer, with a zero in front.
fn strip_zeros(magnitude: &[u8]) -> &[u8] {
    let zeros = magnitude.iter().take_while(|byte| **byte == 0).count();
    &magnitude[zeros..]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_keys::{other_rsa, rsa};
    use serde_json::json;

    fn jwk(key: &crate::SigningKey, kid: &str) -> Value {
        json!({"kty": "RSA", "kid": kid, "n": key.public_parts().n, "e": key.public_parts().e})
    }

    fn parse(set: &Value) -> Result<KeySet, KeySetError> {
        KeySet::parse(set.to_string().as_bytes())
    }

    #[test]
    fn unusable_keys_are_left_out_and_the_others_found() {
        let set = parse(&json!({"keys": [
            {"kty": "oct", "kid": "a", "k": "AAAA"}, 7, {}, jwk(rsa(), "b"),
            {"kty": "RSA", "kid": "c", "n": "AQAB", "e": "AQAB"},
        ]}));
        let set = set.unwrap();
        assert_eq!(set.len(), 1);
        assert!(set.key("b").is_some() && set.key("a").is_none() && set.key("c").is_none());
    }

    #[test]
    fn a_name_that_two_keys_share_names_none() {
        let set = parse(&json!({"keys": [jwk(rsa(), "a"), jwk(other_rsa(), "a"), jwk(rsa(), "b")]})).unwrap();
        assert!(set.key("a").is_none() && set.key("b").is_some());
    }

    #[test]
    fn jw_15_a_key_set_is_bounded() {
        let keys = vec![json!({}); KEY_SET_KEYS_MAX + 1];
        assert_eq!(parse(&json!({"keys": keys})).err(), Some(KeySetError::Keys));
        assert_eq!(parse(&json!({"keys": {}})).err(), Some(KeySetError::Keys));
        assert_eq!(parse(&json!({})).err(), Some(KeySetError::Keys));
        let large = " ".repeat(KEY_SET_BYTES_MAX + 1);
        assert_eq!(KeySet::parse(large.as_bytes()).err(), Some(KeySetError::Json(JsonError::TooLarge)));
    }
}
