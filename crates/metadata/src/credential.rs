//! The proof by which a host signs in as one of its identities: a key pair made here, renewed in
//! time, and the assertion that it signs.

use bonafide_crypto::{AgentKey, SignError};
use bonafide_types::limits::{
    AGENT_ASSERTION_LIFETIME_SECONDS, IDENTITY_CREDENTIAL_RENEW_SECONDS, IDENTITY_CREDENTIAL_SECONDS,
};
use bonafide_types::{ClientId, Timestamp, World};
use serde::Serialize;

/// What to do about the key of an identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CredentialStep {
    /// There is none that counts: no token before one is made and registered.
    Make,
    /// It counts, but is past half of its life: make the next, and use this one until that is registered.
    Renew,
    /// Nothing.
    Keep,
}

/// What is due for a credential that expires at `not_after`, or for none. A credential lives for 90
/// days and is renewed at 45.
pub fn credential_step(not_after: Option<Timestamp>, now: Timestamp) -> CredentialStep {
    const RENEW_AT_SECONDS_LEFT: u64 = IDENTITY_CREDENTIAL_SECONDS - IDENTITY_CREDENTIAL_RENEW_SECONDS;
    match not_after {
        Some(end) if now.plus_seconds(RENEW_AT_SECONDS_LEFT) < end => CredentialStep::Keep,
        Some(end) if now < end => CredentialStep::Renew,
        Some(_) | None => CredentialStep::Make,
    }
}

/// A client assertion (RFC 7523 section 3) of `client_id` for the token endpoint whose URL is
/// `audience`, good for one minute and, by its random `jti`, for one use. `thumbprint` is the
/// base64url SHA-256 of the registered certificate (`x5t#S256`).
///
/// # Errors
/// [`SignError`] when the signature cannot be made or does not verify.
pub fn assertion(
    key: &AgentKey,
    thumbprint: &str,
    client_id: ClientId,
    audience: &str,
    world: &World<'_>,
) -> Result<String, SignError> {
    #[derive(Serialize)]
    struct Header<'a> {
        alg: &'static str,
        typ: &'static str,
        #[serde(rename = "x5t#S256")]
        x5t_s256: &'a str,
    }
    #[derive(Serialize)]
    struct Claims<'a> {
        aud: &'a str,
        iss: ClientId,
        sub: ClientId,
        jti: String,
        iat: u64,
        nbf: u64,
        exp: u64,
    }
    let now = world.now.unix_seconds();
    let header = Header { alg: "ES256", typ: "JWT", x5t_s256: thumbprint };
    let claims = Claims {
        aud: audience,
        iss: client_id,
        sub: client_id,
        jti: world.entropy.guid().to_string(),
        iat: now,
        nbf: now,
        exp: now + AGENT_ASSERTION_LIFETIME_SECONDS,
    };
    key.sign_jwt(&json(&header), &json(&claims))
}

/// Only a map with keys that are not strings can fail, and neither has one.
fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use bonafide_crypto::{SystemEntropy, jws};
    use std::collections::HashSet;

    const NOW: Timestamp = Timestamp::from_unix_seconds(1_795_253_405);
    const DAY: u64 = 86_400;

    #[test]
    fn ky_08_a_credential_is_renewed_at_half_of_its_ninety_days() {
        let step = |days_left: u64, seconds_less: u64| {
            let end = Timestamp::from_unix_seconds(NOW.unix_seconds() + days_left * DAY - seconds_less);
            credential_step(Some(end), NOW)
        };
        assert_eq!(credential_step(None, NOW), CredentialStep::Make);
        assert_eq!(step(90, 0), CredentialStep::Keep);
        assert_eq!(step(46, 0), CredentialStep::Keep);
        assert_eq!(step(45, 0), CredentialStep::Renew);
        assert_eq!(step(1, DAY - 1), CredentialStep::Renew);
        assert_eq!(step(0, 0), CredentialStep::Make);
        assert_eq!(step(0, DAY), CredentialStep::Make);
    }

    #[test]
    fn an_assertion_names_its_client_lives_a_minute_and_is_never_the_same_twice() {
        let key = AgentKey::generate().unwrap();
        let client: ClientId = "00000002-0000-4000-8000-000000000001".parse().unwrap();
        let audience = "https://localhost:8443/00000009-0000-4000-8000-000000000000/oauth2/token";
        let world = World { now: NOW, entropy: &SystemEntropy };
        let sign = || assertion(&key, "a-thumbprint", client, audience, &world).unwrap();
        let (first, second) = (sign(), sign());
        let verified = jws::parse_strict(&first).unwrap().verify(key.verifying_key()).unwrap();
        let header: HashSet<&str> = verified.header().keys().map(String::as_str).collect();
        assert_eq!(header, HashSet::from(["alg", "typ", "x5t#S256"]));
        assert_eq!(
            (&verified.header()["alg"], &verified.header()["x5t#S256"]),
            (&"ES256".into(), &"a-thumbprint".into())
        );
        let claims = verified.claims();
        for name in ["iss", "sub"] {
            assert_eq!(claims[name], client.to_string());
        }
        assert_eq!(claims["aud"], audience);
        let time = |name: &str| claims[name].as_u64().unwrap();
        assert_eq!((time("iat"), time("nbf")), (NOW.unix_seconds(), NOW.unix_seconds()));
        assert_eq!(time("exp"), NOW.unix_seconds() + 60);
        let again = jws::parse_strict(&second).unwrap().verify(key.verifying_key()).unwrap();
        assert_ne!(claims["jti"], again.claims()["jti"]);
    }
}
