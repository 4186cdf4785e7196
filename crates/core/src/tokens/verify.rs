//! Decides whether a token that came with a request is valid here, for every service of ours that
//! accepts tokens. Everything is read from the bytes that the signature covers.

use super::claims::{WORKLOAD_CLAIM, read_workload_claim};
use super::{Authority, TokenId, TokenVersion};
use crate::directory::{IDENTITY_USES, PRINCIPALS, PrincipalKind, RESOURCES};
use crate::placement::identities_of;
use crate::view::{Attested, AttestedTokens, View};
use bonafide_crypto::jws::{self, JwsError};
use bonafide_store::{Read, StoreError};
use bonafide_types::{ClientId, ObjectId, ResourceUuid, TenantId, Timestamp, World};
use serde_json::{Map, Value};
use std::collections::HashSet;
use std::str::FromStr;
use std::sync::Arc;

/// The audiences of one service.
#[derive(Debug, Clone)]
pub struct AcceptedAudiences {
    app_id: ClientId,
    spellings: HashSet<String>,
}

impl AcceptedAudiences {
    /// A service known by its application id (both versions) and by these exact spellings (version 1);
    /// one with and one without a trailing slash are two spellings.
    pub fn new<S: Into<String>>(app_id: ClientId, spellings: impl IntoIterator<Item = S>) -> Self {
        Self { app_id, spellings: spellings.into_iter().map(Into::into).collect() }
    }

    /// The application id of the service.
    pub fn app_id(&self) -> ClientId {
        self.app_id
    }

    /// The exact spellings.
    pub fn spellings(&self) -> impl Iterator<Item = &str> {
        self.spellings.iter().map(String::as_str)
    }

    fn accepts(&self, version: TokenVersion, aud: &str) -> bool {
        aud == self.app_id.to_string() || (version == TokenVersion::V1 && self.spellings.contains(aud))
    }
}

/// The principal that makes a request, by a valid token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// `tid`.
    pub tenant: TenantId,
    /// `oid`.
    pub object_id: ObjectId,
    /// `appid` or `azp`.
    pub client_id: ClientId,
    /// The workload that the token was issued for; none where an application calls, or a system-assigned identity whose
    /// resource is the workload.
    pub workload: Option<ResourceUuid>,
    /// `uti`.
    pub token_id: TokenId,
    /// `exp`.
    pub expires_at: Timestamp,
}

impl Caller {
    /// True when the caller's principal exists and is enabled at the revision that is read, and the workload that its token
    /// names still has that identity: the last token of an identity that was deleted or taken away is refused at once.
    /// In a transaction this becomes one of its compares. [`Grants::of`](crate::access::Grants::of) asks it for every service.
    ///
    /// # Errors
    /// The store's.
    pub(crate) fn is_alive(&self, tx: &impl Read) -> Result<bool, StoreError> {
        let Some(row) = tx.get(&PRINCIPALS, &self.object_id)? else { return Ok(false) };
        if !row.enabled || row.tenant != self.tenant || row.client_id != self.client_id {
            return Ok(false);
        }
        match (self.workload, row.kind) {
            (Some(workload), PrincipalKind::UserAssigned { resource, .. }) => {
                Ok(tx.has_entry(&IDENTITY_USES, &resource, &workload)? || self.is_of_set(tx, workload)?)
            }
            (Some(workload), PrincipalKind::SystemAssigned { .. }) => self.is_of_set(tx, workload),
            // A system-assigned identity's principal goes with its assignment. A token of a version that had no such
            // claim counts as it did then, for the day that it lives at most: none is issued without it any more.
            (None, _) => Ok(true),
            (Some(_), PrincipalKind::Application) => Ok(false),
        }
    }

    /// True when the workload is an instance that has the identity from its scale set.
    fn is_of_set(&self, tx: &impl Read, workload: ResourceUuid) -> Result<bool, StoreError> {
        let Some(instance) = tx.get(&RESOURCES, &workload)?.filter(|row| row.set.is_some()) else { return Ok(false) };
        Ok(identities_of(tx, &instance)?.iter().any(|identity| identity.principal == self.object_id))
    }
}

/// The reason why a token is not valid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// There is none.
    #[error("there is no token")]
    Missing,
    /// Not the `Bearer` scheme.
    #[error("the authorization scheme is not Bearer")]
    Scheme,
    /// Not a token of the form that we issue.
    #[error("the token is malformed: {0}")]
    Malformed(JwsError),
    /// A claim or header member is absent, of another type or has a value that we never issue.
    #[error("the token has no usable '{0}'")]
    Claim(&'static str),
    /// No key of the token's tenant has its `kid`, or that key is no longer valid.
    #[error("the token's key is not known")]
    UnknownKey,
    /// The key did not make the signature.
    #[error("the token's signature is not valid")]
    Signature,
    /// `exp` has passed.
    #[error("the token expired at {at}")]
    Expired {
        /// `exp`.
        at: Timestamp,
    },
    /// `nbf` lies ahead.
    #[error("the token counts from {at}")]
    NotYetValid {
        /// `nbf`.
        at: Timestamp,
    },
    /// The token is for somebody else.
    #[error("the token is for '{aud}'")]
    Audience {
        /// `aud`.
        aud: String,
    },
    /// `iss` is not this installation's for the token's tenant and version.
    #[error("the token is from '{iss}'")]
    Issuer {
        /// `iss`.
        iss: String,
    },
    /// The service principal is gone, disabled, or not the one that the token names.
    #[error("the token's service principal does not exist or is disabled")]
    Principal,
}

/// The token of an `Authorization` header.
///
/// # Errors
/// [`TokenError::Missing`], [`TokenError::Scheme`].
pub fn bearer(authorization: Option<&str>) -> Result<&str, TokenError> {
    let value = authorization.map(str::trim).filter(|value| !value.is_empty()).ok_or(TokenError::Missing)?;
    let (scheme, token) = value.split_once(' ').unwrap_or((value, ""));
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(TokenError::Scheme);
    }
    Some(token.trim_start()).filter(|token| !token.is_empty()).ok_or(TokenError::Missing)
}

/// Checks a token. There is no tolerance for clocks: tokens begin five minutes before their issue,
/// which is that tolerance.
///
/// # Errors
/// [`TokenError`].
pub fn verify(
    view: &View,
    authority: &Authority,
    accepted: &AcceptedAudiences,
    world: &World<'_>,
    token: &str,
) -> Result<Caller, TokenError> {
    let digest = AttestedTokens::digest(token);
    if let Some(attested) = view.attested.find(&digest).filter(|attested| is_key_valid(view, attested, world)) {
        return check_claims(view, authority, accepted, world, &attested.claims);
    }
    let attested = attest(view, world, token)?;
    let caller = check_claims(view, authority, accepted, world, &attested.claims)?;
    view.attested.remember(digest, attested);
    Ok(caller)
}

/// Checks the signature.
fn attest(view: &View, world: &World<'_>, token: &str) -> Result<Attested, TokenError> {
    let parsed = jws::parse_strict(token).map_err(TokenError::Malformed)?;
    if parsed.header().get("typ").and_then(Value::as_str) != Some("JWT") {
        return Err(TokenError::Claim("typ"));
    }
    let kid = parsed.key_id().ok_or(TokenError::Claim("kid"))?;
    // Not yet trusted: it only says whose keys to look among. A key is known to one tenant (JW-03).
    let tenant: TenantId = id(&parsed.unverified_claims().map_err(TokenError::Malformed)?, "tid")?;
    let key = view.keys(tenant).and_then(|keys| keys.verifying(kid, world.now)).ok_or(TokenError::UnknownKey)?;
    let verified = parsed.verify(key.verifying_key()).map_err(|error| match error {
        JwsError::Signature => TokenError::Signature,
        other => TokenError::Malformed(other),
    })?;
    Ok(Attested { tenant, key: Arc::downgrade(key), claims: verified.into_claims() })
}

/// True while the very key that made a signature is one of its tenant's.
fn is_key_valid(view: &View, attested: &Attested, world: &World<'_>) -> bool {
    let Some(made_it) = attested.key.upgrade() else { return false };
    let key = view.keys(attested.tenant).and_then(|keys| keys.verifying(made_it.kid(), world.now));
    key.is_some_and(|key| Arc::ptr_eq(key, &made_it))
}

fn check_claims(
    view: &View,
    authority: &Authority,
    accepted: &AcceptedAudiences,
    world: &World<'_>,
    claims: &Map<String, Value>,
) -> Result<Caller, TokenError> {
    let (version, client) = match text(claims, "ver")? {
        "1.0" => (TokenVersion::V1, "appid"),
        "2.0" => (TokenVersion::V2, "azp"),
        _ => return Err(TokenError::Claim("ver")),
    };
    let tenant: TenantId = id(claims, "tid")?;
    let object_id: ObjectId = id(claims, "oid")?;
    let client_id: ClientId = id(claims, client)?;
    let workload = match claims.get(WORKLOAD_CLAIM) {
        None => None,
        Some(value) => {
            let id = value.as_str().and_then(read_workload_claim);
            Some(id.ok_or(TokenError::Claim(WORKLOAD_CLAIM))?)
        }
    };
    let token_id = TokenId::parse(text(claims, "uti")?).ok_or(TokenError::Claim("uti"))?;
    let (expires_at, not_before) = (time(claims, "exp")?, time(claims, "nbf")?);
    time(claims, "iat")?;
    if text(claims, "idtyp")? != "app" {
        return Err(TokenError::Claim("idtyp"));
    }
    if id::<ObjectId>(claims, "sub")? != object_id {
        return Err(TokenError::Claim("sub"));
    }
    let iss = text(claims, "iss")?;
    if iss != authority.issuer(version, tenant) {
        return Err(TokenError::Issuer { iss: iss.to_owned() });
    }
    let aud = text(claims, "aud")?;
    if !accepted.accepts(version, aud) {
        return Err(TokenError::Audience { aud: aud.to_owned() });
    }
    if expires_at <= world.now {
        return Err(TokenError::Expired { at: expires_at });
    }
    if not_before > world.now {
        return Err(TokenError::NotYetValid { at: not_before });
    }
    let principal = view.principal(tenant, object_id).ok_or(TokenError::Principal)?;
    if !principal.enabled || principal.client_id != client_id {
        return Err(TokenError::Principal);
    }
    Ok(Caller { tenant, object_id, client_id, workload, token_id, expires_at })
}

fn text<'a>(claims: &'a Map<String, Value>, name: &'static str) -> Result<&'a str, TokenError> {
    claims.get(name).and_then(Value::as_str).ok_or(TokenError::Claim(name))
}

fn id<T: FromStr>(claims: &Map<String, Value>, name: &'static str) -> Result<T, TokenError> {
    text(claims, name)?.parse().map_err(|_| TokenError::Claim(name))
}

/// A time: a JSON number without fraction or exponent, in seconds. Nothing else (JW-05).
fn time(claims: &Map<String, Value>, name: &'static str) -> Result<Timestamp, TokenError> {
    claims.get(name).and_then(Value::as_u64).map(Timestamp::from_unix_seconds).ok_or(TokenError::Claim(name))
}
