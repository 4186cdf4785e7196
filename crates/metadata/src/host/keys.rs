//! Identity keys: made on a host, registered with the control plane, renewed in time, and the assertions that
//! they sign.

use super::{HostRequest, Refused};
use bonafide_crypto::{AgentKey, SelfSigned, SignError, thumbprint};
use bonafide_types::limits::{AGENT_ASSERTION_LIFETIME_SECONDS, IDENTITY_CREDENTIAL_SECONDS};
use bonafide_types::{ClientId, ObjectId, ResourceUuid, Timestamp, World, base64url};
use bonafide_wire::hosts::{CredentialReply, CredentialRequest, credential_path};
use http::{Method, StatusCode};
use serde::Serialize;
use std::sync::Arc;

/// Latest age at which a managed identity's certificate is renewed, in seconds (45 days). Source: Azure's own (Microsoft
/// Learn, managed identities FAQ).
const IDENTITY_CREDENTIAL_RENEW_SECONDS: u64 = 45 * 86_400;
/// Longest time that a key is renewed before that age, in seconds: a tenth of its life. Source: ours; it spreads the
/// renewals of keys that were made together (KY-08).
const RENEWED_EARLIER_SECONDS_MAX: u64 = IDENTITY_CREDENTIAL_SECONDS / 10;

/// A registered key of an identity.
pub struct IdentityKey {
    key: AgentKey,
    thumbprint: String,
    not_after: Timestamp,
}

/// The next step before an identity signs.
pub enum KeyStep {
    /// Sign with this one.
    Use(Arc<IdentityKey>),
    /// Make and register the next. If that fails, this one may sign until it expires, if there is one.
    Make(Option<Arc<IdentityKey>>),
}

/// The next step, by the key that is held for an identity. A key lives for 90 days and is renewed at 36 to 45.
pub fn key_step(held: Option<Arc<IdentityKey>>, now: Timestamp) -> KeyStep {
    const RENEW_AT_SECONDS_LEFT: u64 = IDENTITY_CREDENTIAL_SECONDS - IDENTITY_CREDENTIAL_RENEW_SECONDS;
    match held {
        Some(key) if now.plus_seconds(RENEW_AT_SECONDS_LEFT + key.renewed_earlier_seconds()) < key.not_after => {
            KeyStep::Use(key)
        }
        held => KeyStep::Make(held.filter(|key| now < key.not_after)),
    }
}

/// A key that is about to be registered.
pub struct NewKey {
    principal: ObjectId,
    key: AgentKey,
    certificate: Vec<u8>,
}

impl NewKey {
    /// A new key pair for an identity, with its certificate.
    ///
    /// # Errors
    /// [`SignError`] when it cannot be made.
    pub fn make(principal: ObjectId, now: Timestamp) -> Result<Self, SignError> {
        let key = AgentKey::generate()?;
        let name = principal.to_string();
        let spec = SelfSigned::starting(&name, now.unix_seconds(), IDENTITY_CREDENTIAL_SECONDS);
        let certificate = key.self_signed_certificate(&spec)?;
        Ok(Self { principal, key, certificate })
    }

    /// The certificate to register, DER.
    pub fn certificate(&self) -> &[u8] {
        &self.certificate
    }

    /// The request that registers it for an identity of `workload`.
    pub fn request(&self, workload: ResourceUuid) -> HostRequest {
        let body = CredentialRequest { workload, certificate: base64url::encode_standard(&self.certificate) };
        HostRequest::json(Method::PUT, credential_path(self.principal), json(&body))
    }

    /// The registered key, or why the control plane did not take it.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn registered(self, status: StatusCode, body: &[u8]) -> Result<IdentityKey, Refused> {
        if status != StatusCode::OK {
            return Err(Refused::read(body));
        }
        let reply: CredentialReply = serde_json::from_slice(body).map_err(|error| Refused::unreadable(&error))?;
        Ok(self.with_expiry(Timestamp::from_unix_seconds(reply.not_after)))
    }

    /// The key as it is once it is registered until `not_after`.
    pub fn with_expiry(self, not_after: Timestamp) -> IdentityKey {
        let thumbprint = base64url::encode(&thumbprint::sha256(&self.certificate));
        IdentityKey { key: self.key, thumbprint, not_after }
    }
}

impl IdentityKey {
    /// A key that was registered before, and kept: the base64url SHA-256 of its certificate is `thumbprint`.
    pub fn kept(key: AgentKey, thumbprint: String, not_after: Timestamp) -> Self {
        Self { key, thumbprint, not_after }
    }

    /// The key pair, to be kept sealed.
    pub fn pair(&self) -> &AgentKey {
        &self.key
    }

    /// The base64url SHA-256 of the registered certificate.
    pub fn thumbprint(&self) -> &str {
        &self.thumbprint
    }

    /// Its share of [`RENEWED_EARLIER_SECONDS_MAX`]. By its thumbprint, which is as good as random, and the same after a
    /// restart.
    fn renewed_earlier_seconds(&self) -> u64 {
        let thumbprint = base64url::decode(&self.thumbprint).unwrap_or_default();
        let first = thumbprint.first_chunk().map_or(0, |first| u64::from_be_bytes(*first));
        first % RENEWED_EARLIER_SECONDS_MAX
    }

    /// The end of the registration.
    pub fn not_after(&self) -> Timestamp {
        self.not_after
    }

    /// A client assertion (RFC 7523 section 3) of `client_id` for the token endpoint whose URL is
    /// `audience`, good for one minute, for the process whose `nonce` it names and, by its random `jti`, for one use.
    ///
    /// # Errors
    /// [`SignError`] when the signature cannot be made or does not verify.
    pub fn assertion(
        &self,
        client_id: ClientId,
        audience: &str,
        nonce: Option<&str>,
        world: &World<'_>,
    ) -> Result<String, SignError> {
        let now = world.now.unix_seconds();
        let header = Header { alg: "ES256", typ: "JWT", x5t_s256: &self.thumbprint };
        let claims = Claims {
            aud: audience,
            iss: client_id,
            sub: client_id,
            jti: world.entropy.guid().to_string(),
            iat: now,
            nbf: now,
            exp: now + AGENT_ASSERTION_LIFETIME_SECONDS,
            nonce,
        };
        self.key.sign_jwt(&json(&header), &json(&claims))
    }
}

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
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<&'a str>,
}

/// Only a map with keys that are not strings can fail, and none here has one.
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

    fn key(not_after: Timestamp) -> IdentityKey {
        IdentityKey::kept(AgentKey::generate().unwrap(), "a-thumbprint".to_owned(), not_after)
    }

    /// The step by a key with this end.
    fn step(thumbprint: &str, not_after: Timestamp) -> &'static str {
        let key = IdentityKey::kept(AgentKey::generate().unwrap(), thumbprint.to_owned(), not_after);
        match key_step(Some(Arc::new(key)), NOW) {
            KeyStep::Use(_) => "use",
            KeyStep::Make(Some(_)) => "renew",
            KeyStep::Make(None) => "make",
        }
    }

    #[test]
    fn ky_08_a_key_is_renewed_in_the_tenth_before_half_of_its_ninety_days() {
        assert!(matches!(key_step(None, NOW), KeyStep::Make(None)));
        for thumbprint in [base64url::encode(&[0; 32]), base64url::encode(&[255; 32]), "none of ours".to_owned()] {
            let step = |days_left: u64, seconds_less: u64| {
                step(&thumbprint, Timestamp::from_unix_seconds(NOW.unix_seconds() + days_left * DAY - seconds_less))
            };
            assert_eq!(step(90, 0), "use");
            assert_eq!(step(54, 0), "use");
            assert_eq!(step(45, 0), "renew");
            assert_eq!(step(1, DAY - 1), "renew");
            assert_eq!(step(0, 0), "make");
            assert_eq!(step(0, DAY), "make");
        }
    }

    #[test]
    fn ky_08_a_thousand_keys_of_one_moment_are_not_renewed_together() {
        let due = |days_left| {
            let end = NOW.plus_seconds(days_left * DAY);
            let thumbprints = (0..1_000_u32).map(|n| base64url::encode(&thumbprint::sha256(&n.to_be_bytes())));
            thumbprints.filter(|thumbprint| step(thumbprint, end) == "renew").count()
        };
        let each_day: Vec<usize> = (45..=54).map(due).collect();
        assert_eq!((each_day[0], each_day[9]), (1_000, 0));
        for days in each_day.windows(2) {
            assert!((60..170).contains(&(days[0] - days[1])), "{each_day:?}");
        }
    }

    #[test]
    fn an_assertion_names_its_client_lives_a_minute_and_is_never_the_same_twice() {
        let key = key(NOW);
        let client: ClientId = "00000002-0000-4000-8000-000000000001".parse().unwrap();
        let audience = "https://localhost:8443/00000009-0000-4000-8000-000000000000/oauth2/token";
        let world = World { now: NOW, entropy: &SystemEntropy };
        let sign = || key.assertion(client, audience, None, &world).unwrap();
        let (first, second) = (sign(), sign());
        let verified = jws::parse_strict(&first).unwrap().verify(key.pair().verifying_key()).unwrap();
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
        let again = jws::parse_strict(&second).unwrap().verify(key.pair().verifying_key()).unwrap();
        assert_ne!(claims["jti"], again.claims()["jti"]);
    }
}
