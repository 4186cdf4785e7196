//! Issues a token: a decision from the view, then one signature.

use super::claims::{Claims, Method, Subject, Validity, Workload};
use super::{Authority, TokenId, TokenVersion};
use crate::directory::Resolved;
use crate::view::{KnownPrincipal, View};
use bonafide_crypto::SignError;
use bonafide_types::{ObjectId, PROGRAM_MADE_AT, Timestamp, World};

/// A client that proved who it is. Only the login surface makes one.
#[derive(Clone, Copy)]
pub struct Authenticated<'v> {
    /// Its object id.
    pub object_id: ObjectId,
    /// The principal as the view has it; the tenant in it is the tenant it signed in to.
    pub principal: &'v KnownPrincipal,
    /// The means by which it proved its identity.
    pub method: Method,
    /// The workload that the token is for, when the host on which it is placed asked.
    pub workload: Option<Workload<'v>>,
}

/// A token is not issued.
#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    /// The principal is disabled.
    #[error("the service principal is disabled")]
    Disabled,
    /// The tenant has no signing key that is valid now.
    #[error("the tenant has no signing key")]
    NoSigningKey,
    /// The clock shows a time before this program was made, at which nothing signs (OP-08).
    #[error("the clock shows a time before this program was made: set the clock")]
    Clock,
    /// The key could not be used, or a signature failed its own check (JW-11).
    #[error(transparent)]
    Sign(#[from] SignError),
    /// The claims could not be written.
    #[error("the claims cannot be written: {0}")]
    Claims(#[from] serde_json::Error),
}

/// A token and what a reply says of it.
pub struct Issued {
    /// The token. Never logged.
    pub token: String,
    /// Its id, which may be logged.
    pub id: TokenId,
    /// Its validity.
    pub validity: Validity,
}

/// Issues a token for an authenticated client at a resource.
///
/// # Errors
/// [`IssueError`].
pub fn issue(
    view: &View,
    authority: &Authority,
    world: &World<'_>,
    client: &Authenticated<'_>,
    resource: &Resolved,
    capabilities: &[String],
) -> Result<Issued, IssueError> {
    let principal = client.principal;
    if !principal.enabled {
        return Err(IssueError::Disabled);
    }
    let identity = principal.resource_id();
    let subject = Subject {
        tenant: principal.tenant,
        object_id: client.object_id,
        client_id: principal.client_id,
        identity: identity.as_ref(),
        roles: view.app_roles(principal.tenant, client.object_id, resource.app_id),
        // That of a system-assigned identity is its own resource, unless it is a scale set's and an instance asks.
        workload: client.workload.filter(|workload| identity.as_ref().is_some_and(|id| id != workload.resource_id)),
    };
    let key =
        view.keys(subject.tenant).and_then(|keys| keys.signing(world.now)).ok_or_else(|| without_key(world.now))?;
    let id = TokenId::new(world);
    let of_policy = view.token_lifetime(subject.tenant, (client.object_id, principal.client_id), resource.app_id);
    let validity = Validity::of(&subject, world.now, of_policy.or(authority.token_lifetime()));
    let claims = Claims::new(authority, world, id, &subject, client.method, (resource, validity), capabilities);
    let token = key.sign_jwt(header(resource.version, key.kid()).as_bytes(), &serde_json::to_vec(&claims)?)?;
    Ok(Issued { token, id, validity })
}

/// The reason why no key of a tenant signs.
fn without_key(now: Timestamp) -> IssueError {
    if now < PROGRAM_MADE_AT { IssueError::Clock } else { IssueError::NoSigningKey }
}

/// The header; version 1 repeats the key id as `x5t` (docs/wire/tokens.md).
fn header(version: TokenVersion, kid: &str) -> String {
    match version {
        TokenVersion::V1 => format!(r#"{{"typ":"JWT","alg":"RS256","x5t":"{kid}","kid":"{kid}"}}"#),
        TokenVersion::V2 => format!(r#"{{"typ":"JWT","alg":"RS256","kid":"{kid}"}}"#),
    }
}
