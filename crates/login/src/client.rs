//! Client authentication: who signs in, and how they prove it.

use crate::Cx;
use crate::assertion::{self, Assertion};
use crate::fault::Fault;
use crate::replay::SingleUse;
use crate::sign_in::SignIn;
use bonafide_core::placement::Host;
use bonafide_core::tokens::{Authenticated, Method, Workload};
use bonafide_core::view::{KnownCredential, KnownPrincipal, KnownProof};
use bonafide_types::{ClientId, HostId, ObjectId, ResourceUuid, Secret, TenantId};
use bonafide_wire::token::JWT_BEARER;
use bonafide_wire::{Parameters, Peer, Request};
use http::header::AUTHORIZATION;
use percent_encoding::percent_decode_str;

/// A client that proved who it is.
pub(crate) struct SignedIn<'v> {
    pub(crate) client: Authenticated<'v>,
    /// An agent's assertion, which is valid once: spend it before the token is issued.
    pub(crate) single_use: Option<SingleUse>,
}

enum Proof<'r> {
    Secret(Secret<String>),
    Assertion(Box<Assertion<'r>>),
}

/// Authenticates the client of a token request in one tenant.
pub(crate) fn authenticate<'v>(
    cx: &Cx<'v>,
    request: &Request,
    form: &Parameters,
    tenant: TenantId,
    record: &mut SignIn,
) -> Result<SignedIn<'v>, Fault> {
    let (named, proof) = presented(request, form)?;
    let named = match (&proof, named) {
        (Proof::Assertion(assertion), None) => assertion.claimed_client.to_string(),
        (_, Some(named)) => named,
        (Proof::Secret(_), None) => return Err(Fault::MissingParameter("client_id")),
    };
    let unknown = || Fault::UnknownClient { client: named.clone(), tenant: tenant.to_string() };
    let client: ClientId = named.parse().map_err(|_| unknown())?;
    record.client = Some(client);
    if let Proof::Assertion(assertion) = &proof
        && assertion.claimed_client != client
    {
        return Err(Fault::AssertionClient);
    }
    let (object_id, principal) = cx.view.principal_by_client(tenant, client).ok_or_else(unknown)?;
    let found = Found { object_id, principal, client, tenant };
    let signed_in = match proof {
        Proof::Secret(secret) => by_secret(cx, &found, &secret),
        Proof::Assertion(assertion) => by_assertion(cx, request, form, &found, *assertion),
    }?;
    record.principal = Some(object_id);
    cx.let_client_in(request, object_id)?;
    Ok(signed_in)
}

struct Found<'v> {
    object_id: ObjectId,
    principal: &'v KnownPrincipal,
    client: ClientId,
    tenant: TenantId,
}

/// The client and its proof as sent: in the form, or a secret by HTTP Basic (RFC 6749 section 2.3.1).
/// Two proofs are refused, whichever of them is right (CA-10); one secret in both places is one proof,
/// which msrestazure sends so.
fn presented<'r>(request: &Request, form: &'r Parameters) -> Result<(Option<String>, Proof<'r>), Fault> {
    let given = |name| form.get(name).filter(|value| !value.is_empty());
    let client = given("client_id").map(str::to_owned);
    let basic = match request.headers.contains_key(AUTHORIZATION) {
        true => Some(basic(request)?),
        false => None,
    };
    match (given("client_assertion"), given("client_secret"), basic) {
        (Some(text), None, None) => {
            if form.get("client_assertion_type") != Some(JWT_BEARER) {
                return Err(Fault::AssertionType);
            }
            Ok((client, Proof::Assertion(Box::new(Assertion::parse(text)?))))
        }
        (None, Some(secret), None) => Ok((client, Proof::Secret(Secret::new(secret.to_owned())))),
        (None, secret, Some(basic)) if secret.is_none_or(|secret| basic.repeats(secret)) => match client {
            Some(client) if !client.eq_ignore_ascii_case(&basic.user) => Err(Fault::Malformed),
            _ => Ok((Some(basic.user), Proof::Secret(basic.secret))),
        },
        (None, None, None) if client.is_none() => Err(Fault::MissingParameter("client_id")),
        (None, None, None) => Err(Fault::NoProof),
        _ => Err(Fault::TwoProofs),
    }
}

/// Client and secret by HTTP Basic. Both should be encoded as in a form and often are not.
struct Basic {
    user: String,
    secret: Secret<String>,
    as_sent: Secret<String>,
}

impl Basic {
    fn repeats(&self, secret: &str) -> bool {
        [&self.secret, &self.as_sent].iter().any(|own| own.expose() == secret)
    }
}

fn basic(request: &Request) -> Result<Basic, Fault> {
    let value = request.header("authorization").ok_or(Fault::Malformed)?;
    let (scheme, encoded) = value.trim().split_once(' ').ok_or(Fault::Malformed)?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(Fault::Malformed);
    }
    let bytes = bonafide_types::base64url::decode_lenient(encoded.trim()).map_err(|_| Fault::Malformed)?;
    let text = Secret::new(String::from_utf8(bytes).map_err(|_| Fault::Malformed)?);
    let (user, secret) = text.expose().split_once(':').ok_or(Fault::Malformed)?;
    let decode = |part: &str| {
        let spaced = part.replace('+', " ");
        percent_decode_str(&spaced).decode_utf8().map_or_else(|_| part.to_owned(), |part| part.into_owned())
    };
    Ok(Basic { user: decode(user), secret: Secret::new(decode(secret)), as_sent: Secret::new(secret.to_owned()) })
}

fn by_secret<'v>(cx: &Cx<'v>, found: &Found<'v>, secret: &Secret<String>) -> Result<SignedIn<'v>, Fault> {
    let client = found.client.to_string();
    // A managed identity has no secret, whatever its rows say.
    if found.principal.is_managed() {
        return Err(Fault::ManagedIdentity { client });
    }
    let mut credentials = cx.view.credentials_to_sign_in(found.object_id, found.principal);
    let is_right = |credential: &&'v KnownCredential| match &credential.proof {
        KnownProof::SecretHash(hash) => cx.service.pepper.is_secret(&credential.id.to_string(), secret.expose(), hash),
        KnownProof::Certificate { .. } => false,
    };
    let credential = credentials.find(is_right).ok_or_else(|| Fault::Secret { client: client.clone() })?;
    if !credential.is_valid_at(cx.world.now) {
        return Err(Fault::SecretExpired { client });
    }
    Ok(SignedIn { client: found.authenticated(Method::Secret, None), single_use: None })
}

fn by_assertion<'v>(
    cx: &Cx<'v>,
    request: &Request,
    form: &Parameters,
    found: &Found<'v>,
    assertion: Assertion<'_>,
) -> Result<SignedIn<'v>, Fault> {
    // A key that was made on a host is valid over that host's connection only; a managed identity has
    // no other keys. To anybody else they do not exist.
    let counts = |credential: &&KnownCredential| match credential.host {
        Some(host) => request.peer == Peer::Host(host) && cx.view.host(host).is_some_and(Host::may_speak),
        None => !found.principal.is_managed(),
    };
    let credentials = cx.view.credentials_to_sign_in(found.object_id, found.principal).filter(counts);
    let (credential, verified) = assertion.verify(credentials, cx.world.now)?;
    let checked = assertion::check(cx, found.tenant, found.client, credential.host.is_some(), &verified)?;
    let Some(host) = credential.host else {
        return Ok(SignedIn { client: found.authenticated(Method::Certificate, None), single_use: None });
    };
    let id = checked.id.ok_or(Fault::MissingField("jti"))?;
    let workload = workload(cx, form, found, host)?;
    Ok(SignedIn {
        client: found.authenticated(Method::Certificate, Some(workload)),
        single_use: Some(SingleUse {
            credential: credential.id,
            id,
            expires_at: checked.expires_at,
            nonce: checked.nonce,
        }),
    })
}

/// The workload for which an agent asks: placed on its host, in this tenant, with this identity.
fn workload<'v>(cx: &Cx<'v>, form: &Parameters, found: &Found<'v>, host: HostId) -> Result<Workload<'v>, Fault> {
    let text = form.get("workload").ok_or(Fault::MissingParameter("workload"))?;
    let id: ResourceUuid = text.parse().map_err(|_| Fault::NotPlaced)?;
    let placed = cx.view.placement(host, id).ok_or(Fault::NotPlaced)?;
    let is_its = placed.row.tenant == found.tenant && placed.identity(found.object_id).is_some();
    is_its.then_some(Workload { id, resource_id: &placed.row.resource_id }).ok_or(Fault::NotPlaced)
}

impl<'v> Found<'v> {
    fn authenticated(&self, method: Method, workload: Option<Workload<'v>>) -> Authenticated<'v> {
        Authenticated { object_id: self.object_id, principal: self.principal, method, workload }
    }
}
