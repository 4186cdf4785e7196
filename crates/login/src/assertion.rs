//! Client assertions (RFC 7523), in every spelling that stock clients use (docs/wire/login.md,
//! "Client assertion"). Thumbprints look a registered certificate up; the certificate decides.

use crate::Cx;
use crate::fault::Fault;
use bonafide_core::view::{KnownCredential, KnownProof, RegisteredKey};
use bonafide_crypto::certificate::CertificateError;
use bonafide_crypto::jws::{self, JwsError, Unverified, Verified};
use bonafide_crypto::{Algorithm, Certificate, thumbprint};
use bonafide_types::limits::{AGENT_ASSERTION_LIFETIME_SECONDS, CLOCK_SKEW_SECONDS_MAX};
use bonafide_types::{ClientId, TenantId, Timestamp, base64url};
use serde_json::{Map, Value};
use uuid::Uuid;

/// Longest time from now to the end of a client assertion, in seconds. Source: ours; Entra sets no limit, the SDKs use 10 to 30
/// minutes, and clients that sign for themselves up to a day.
const ASSERTION_LIFETIME_SECONDS_MAX: u64 = 86_400;

/// Size of a SHA-1 thumbprint, in bytes. Source: FIPS 180-4.
const SHA1_BYTES: usize = 20;
/// Size of a SHA-256 thumbprint, in bytes. Source: FIPS 180-4.
const SHA256_BYTES: usize = 32;
/// Length of a tenant's id as text; other spellings of a GUID are no path of ours. Source: RFC 9562.
const GUID_CHARS: usize = 36;

/// An assertion that is well-formed and names its client; nobody vouches for it yet.
pub(crate) struct Assertion<'a> {
    jws: Unverified<'a>,
    hints: Hints,
    /// The claimed client. Only good for finding the certificates to choose from.
    pub(crate) claimed_client: ClientId,
}

/// The facts of a verified assertion that are still needed once every claim has been checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Checked {
    /// `jti`, when it is a GUID: that of an agent must be.
    pub(crate) id: Option<Uuid>,
    /// `exp`, in seconds since the epoch.
    pub(crate) expires_at: u64,
    /// `nonce`: an agent's names the process that it is for.
    pub(crate) nonce: Option<Box<str>>,
}

/// The header's hints at the certificate. All of them must be true of one certificate.
#[derive(Debug, Default)]
struct Hints {
    sha1: Option<Vec<u8>>,
    sha256: Option<Vec<u8>>,
    /// SHA-256 of the whole certificate in `x5c`.
    leaf: Option<[u8; 32]>,
}

impl<'a> Assertion<'a> {
    /// Reads an assertion. Costs no signature verification.
    pub(crate) fn parse(text: &'a str) -> Result<Self, Fault> {
        let jws = jws::parse_lenient(text).map_err(malformed)?;
        // The issuer first: an external one's assertion has the header that suits its own keys.
        let claims = jws.unverified_claims().map_err(malformed)?;
        let issuer = text_claim(&claims, "iss")?;
        let claimed_client = issuer.parse().map_err(|_| Fault::AssertionIssuer(issuer.to_owned()))?;
        let typ = given(jws.header(), "typ").map(|typ| typ.as_str().unwrap_or_default().to_ascii_lowercase());
        if !typ.is_none_or(|typ| typ == "jwt" || typ == "client-authentication+jwt") {
            return Err(Fault::AssertionMalformed("Its type is not JWT."));
        }
        let hints = Hints::read(jws.header())?;
        Ok(Self { jws, hints, claimed_client })
    }

    /// Finds the certificate among a client's and checks the signature with its key: one
    /// verification at most (CA-06).
    pub(crate) fn verify<'c>(
        self,
        credentials: impl Iterator<Item = &'c KnownCredential>,
        now: Timestamp,
    ) -> Result<(&'c KnownCredential, Verified), Fault> {
        let thumbprint = self.hints.shown();
        let is_agent_algorithm = self.jws.algorithm() == Algorithm::Es256;
        let (credential, key) = credentials
            .filter_map(|credential| Some((credential, self.hints.find(&credential.proof)?)))
            .find(|(credential, _)| credential.host.is_some() || !is_agent_algorithm)
            .ok_or_else(|| Fault::KeyNotFound { thumbprint: thumbprint.clone() })?;
        if !credential.is_valid_at(now) {
            return Err(Fault::KeyExpired { thumbprint });
        }
        let keys = key.open().ok_or_else(|| Fault::KeyNotFound { thumbprint: thumbprint.clone() })?;
        let verified = self.jws.verify_with(&keys).map_err(|error| match error {
            JwsError::Signature | JwsError::AlgorithmMismatch => Fault::Signature { thumbprint },
            other => malformed(other),
        })?;
        Ok((credential, verified))
    }
}

/// Checks the claims of a verified assertion. An agent's lives for a minute; a client's ends within a day,
/// whenever it began.
pub(crate) fn check(
    cx: &Cx<'_>,
    tenant: TenantId,
    client: ClientId,
    is_agent: bool,
    assertion: &Verified,
) -> Result<Checked, Fault> {
    let claims = assertion.claims();
    let client = client.to_string();
    for name in ["iss", "sub"] {
        if !text_claim(claims, name)?.eq_ignore_ascii_case(&client) {
            return Err(Fault::AssertionClient);
        }
    }
    let audience = match claims.get("aud") {
        Some(Value::Array(list)) if list.len() == 1 => list[0].as_str(),
        Some(aud) => aud.as_str(),
        None => return Err(Fault::MissingField("aud")),
    };
    if !audience.is_some_and(|audience| is_own_audience(cx, tenant, audience)) {
        return Err(Fault::AssertionAudience);
    }
    let expires_at = time(claims, "exp")?.ok_or(Fault::MissingField("exp"))?;
    let (not_before, issued_at) = (time(claims, "nbf")?, time(claims, "iat")?);
    check_times(cx.world.now, is_agent, expires_at, not_before, issued_at)?;
    let id = claims.get("jti").and_then(Value::as_str).and_then(|id| Uuid::try_parse(id).ok());
    let nonce = claims.get("nonce").and_then(Value::as_str).map(Box::from).filter(|_| is_agent);
    Ok(Checked { id, expires_at, nonce })
}

fn check_times(now: Timestamp, is_agent: bool, exp: u64, nbf: Option<u64>, iat: Option<u64>) -> Result<(), Fault> {
    // Only an agent's is valid once, so only an agent's must not be older than what is remembered of it.
    let (lifetime_max, begins) = if is_agent {
        (AGENT_ASSERTION_LIFETIME_SECONDS, Some(iat.ok_or(Fault::MissingField("iat"))?))
    } else {
        (ASSERTION_LIFETIME_SECONDS_MAX, None)
    };
    let (seconds, skew) = (now.unix_seconds(), CLOCK_SKEW_SECONDS_MAX);
    let right = seconds <= exp.saturating_add(skew)
        && [nbf, iat].into_iter().flatten().all(|time| time <= seconds.saturating_add(skew) && time <= exp)
        && exp <= seconds.saturating_add(lifetime_max + skew)
        && begins.is_none_or(|begins| exp - begins <= lifetime_max);
    if right {
        return Ok(());
    }
    // Without `nbf` Entra shows 1970.
    let at = |seconds: u64| Timestamp::from_unix_seconds(seconds);
    Err(Fault::AssertionTime { now, from: at(nbf.unwrap_or(0)), until: at(exp) })
}

/// True for a token endpoint of this tenant at our origin, for its authority, and for its issuers:
/// nothing else (CA-02). Clients put there what they were configured with: scheme, host and tenant in
/// any case, slashes written twice or at the end, a query behind it (docs/wire/login.md).
fn is_own_audience(cx: &Cx<'_>, tenant: TenantId, audience: &str) -> bool {
    let (url, query) = audience.split_once('?').unwrap_or((audience, ""));
    if !query.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#') {
        return false;
    }
    let origin = cx.service.authority.origin();
    let Some((start, path)) = url.split_at_checked(origin.len()) else { return false };
    if !start.eq_ignore_ascii_case(origin) || !path.starts_with('/') {
        return false;
    }
    let mut segments = path.split('/').filter(|segment| !segment.is_empty());
    let is_tenant = segments.next().is_some_and(|id| id.len() == GUID_CHARS && id.parse() == Ok(tenant));
    is_tenant
        && matches!(
            segments.take(4).collect::<Vec<_>>()[..],
            [] | ["v2.0"] | ["oauth2", "token"] | ["oauth2", "v2.0", "token"]
        )
}

impl Hints {
    fn read(header: &Map<String, Value>) -> Result<Self, Fault> {
        let digest = |name, bytes: usize| match given(header, name) {
            None => Ok(None),
            Some(value) => value
                .as_str()
                .and_then(|text| base64url::decode_lenient(text.trim()).ok())
                .filter(|digest| digest.len() == bytes)
                .map(Some)
                .ok_or(Fault::AssertionMalformed("Its certificate thumbprint is not base64 of a digest.")),
        };
        let leaf = match given(header, "x5c") {
            None => None,
            Some(x5c) => match Certificate::from_x5c(x5c) {
                Ok(leaf) => Some(thumbprint::sha256(leaf.der())),
                Err(CertificateError::Key(_)) => {
                    return Err(Fault::AssertionMalformed("The key of its certificate is not accepted."));
                }
                Err(_) => return Err(Fault::AssertionMalformed("Its 'x5c' is not a certificate chain.")),
            },
        };
        let hints = Self { sha1: digest("x5t", SHA1_BYTES)?, sha256: digest("x5t#S256", SHA256_BYTES)?, leaf };
        if hints.sha1.is_some() || hints.sha256.is_some() || hints.leaf.is_some() {
            return Ok(hints);
        }
        Self::from_key_id(header).ok_or(Fault::NoThumbprint)
    }

    /// The thumbprint in `kid`, of a client that gives no other hint. Beside one, `kid` is a name of the
    /// client's own.
    fn from_key_id(header: &Map<String, Value>) -> Option<Self> {
        let text = header.get("kid")?.as_str()?.trim();
        let digest = thumbprint::parse_hex(text).or_else(|| base64url::decode_lenient(text).ok())?;
        match digest.len() {
            SHA1_BYTES => Some(Self { sha1: Some(digest), ..Self::default() }),
            SHA256_BYTES => Some(Self { sha256: Some(digest), ..Self::default() }),
            _ => None,
        }
    }

    /// The keys of a registered certificate, if all hints are true of it.
    fn find<'c>(&self, proof: &'c KnownProof) -> Option<&'c RegisteredKey> {
        let KnownProof::Certificate { key, sha1, sha256 } = proof else { return None };
        let agrees = self.sha1.as_deref().is_none_or(|hint| hint == sha1)
            && self.sha256.as_deref().is_none_or(|hint| hint == sha256)
            && self.leaf.is_none_or(|leaf| leaf == *sha256);
        agrees.then_some(key)
    }

    /// The thumbprint as an error names it: upper-case hexadecimal digits.
    fn shown(&self) -> String {
        let bytes = self.sha1.as_deref().or(self.sha256.as_deref()).or(self.leaf.as_ref().map(<[u8; 32]>::as_slice));
        thumbprint::hex(bytes.unwrap_or_default()).to_ascii_uppercase()
    }
}

/// A member of a header. Some writers print what they do not have as `null` or as empty.
fn given<'h>(header: &'h Map<String, Value>, name: &str) -> Option<&'h Value> {
    header.get(name).filter(|value| match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(list) => !list.is_empty(),
        _ => true,
    })
}

fn text_claim<'c>(claims: &'c Map<String, Value>, name: &'static str) -> Result<&'c str, Fault> {
    let value = claims.get(name).ok_or(Fault::MissingField(name))?;
    value.as_str().ok_or(Fault::AssertionMalformed("One of its claims is not a string."))
}

/// A time in seconds: a number, with or without a fraction, or the same in a string, as .NET and
/// Python send it.
fn time(claims: &Map<String, Value>, name: &str) -> Result<Option<u64>, Fault> {
    let number = match claims.get(name) {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Number(number)) => number.as_f64(),
        Some(Value::String(text)) if text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') => {
            text.parse().ok()
        }
        Some(_) => None,
    };
    // Beyond 2^53 whole seconds cannot be told apart; no time that is meant lies there.
    number
        .filter(|seconds: &f64| (0.0..9.0e15).contains(seconds))
        .map(|seconds| Some(seconds as u64))
        .ok_or(Fault::AssertionMalformed("One of its times is not a number."))
}

fn malformed(error: JwsError) -> Fault {
    match error {
        JwsError::UnsupportedAlgorithm => Fault::AssertionAlgorithm,
        JwsError::TooLarge => Fault::AssertionMalformed("It is too large."),
        _ => Fault::AssertionMalformed("It is malformed."),
    }
}
