//! The token service: discovery, key sets and the token endpoints, in the spelling of Microsoft
//! Entra ID (docs/wire/login.md). Everything is answered from the view; nothing here waits.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod assertion;
mod capabilities;
mod client;
mod discovery;
mod fault;
mod grants;
mod headers;
mod instance;
mod keys;
mod replay;
mod route;
mod scope;
mod tenant;
mod token;

pub use replay::SpentAssertions;
pub use route::ROUTES;

use bonafide_core::tokens::{Audiences, Authority, TokenId};
use bonafide_core::view::View;
use bonafide_crypto::SignError;
use bonafide_crypto::secret_hash::Pepper;
use bonafide_types::{ClientId, ObjectId, TenantId, World};
use bonafide_wire::{Outcome, Parameters, Reply, Request, Unserved};
use fault::{Fault, Ids};
use uuid::Uuid;

/// What the token service is made of, one for each replica.
pub struct Service {
    /// Its own names.
    pub authority: Authority,
    /// What every tenant can ask tokens for.
    pub audiences: Audiences,
    /// The key of the hashes of client secrets.
    pub pepper: Pepper,
    /// Assertions of agents that were used here.
    pub spent: SpentAssertions,
    /// The file that holds the causes of failures, which an answer of 500 names; `None` where there is none.
    pub log_file: Option<String>,
}

impl Service {
    /// A service that has seen no assertion yet.
    pub fn new(authority: Authority, audiences: Audiences, pepper: Pepper) -> Self {
        Self { authority, audiences, pepper, spent: SpentAssertions::default(), log_file: None }
    }
}

/// What a request is answered from.
#[derive(Clone, Copy)]
pub struct Cx<'a> {
    /// The directory.
    pub view: &'a View,
    /// The service.
    pub service: &'a Service,
    /// Time and chance.
    pub world: World<'a>,
    /// True when the view has caught up with the store since the request came, or could not: then a
    /// negative answer stands.
    pub confirmed: bool,
}

/// The answer would be negative: let the view catch up with the store first (one flight for all who
/// wait, rate-limited), then call [`handle`] again with `confirmed`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Confirm;

/// What the log may know of a request. Nothing in it is a secret.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Record {
    /// The tenant in the path, when it exists.
    pub tenant: Option<TenantId>,
    /// Who wanted to sign in.
    pub client: Option<ClientId>,
    /// Who did.
    pub principal: Option<ObjectId>,
    /// The audience of the token (`aud`), once the client has signed in and the resource was found.
    pub audience: Option<String>,
    /// The id of the token (`uti`).
    pub token: Option<TokenId>,
    /// Why no token could be issued that nothing speaks against: a failure of ours.
    pub failure: Option<Failure>,
    /// The number after `AADSTS`, when the request was refused.
    pub error: Option<u32>,
    /// The request's id on this server (`x-ms-request-id`, `trace_id`).
    pub trace_id: Uuid,
    /// The request's id as the client gave it, or a new one.
    pub correlation_id: Uuid,
}

/// Why the token service failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The tenant has no signing key that counts now.
    #[error("the tenant has no signing key")]
    NoSigningKey,
    /// The key could not be used, or a signature failed its own check (JW-11).
    #[error(transparent)]
    Sign(#[from] SignError),
    /// The claims could not be written.
    #[error("the claims cannot be written")]
    Claims,
}

/// A reply, or what is needed for one, and what the log may know.
#[derive(Debug)]
pub struct Answer {
    /// The reply, or what is needed for one.
    pub outcome: Outcome<Confirm>,
    /// What the log may know.
    pub record: Record,
}

/// True when a path is one of this surface's.
pub fn serves(path: &str) -> bool {
    route::find(path).is_some()
}

/// Answers one request.
pub fn handle(cx: &Cx<'_>, request: &Request) -> Answer {
    let form = token::read_form(request);
    let ids = Ids::of(cx, request, form.as_ref().ok());
    let mut record = Record { trace_id: ids.trace, correlation_id: ids.correlation, ..Record::default() };
    let result = match route::route(request) {
        Err(refusal) => Err(refusal),
        Ok(route::Call::Token { tenant, version }) => token::handle(cx, request, tenant, version, form, &mut record),
        Ok(route::Call::Discovery { tenant, version }) => discovery::handle(cx, tenant, version, &mut record),
        Ok(route::Call::Keys { tenant, version }) => keys::handle(cx, request, tenant, version, &mut record),
        Ok(route::Call::Instance) => instance::handle(cx, request),
    };
    let reply = match result {
        Ok(reply) => reply,
        Err(fault) if fault.is_negative() && !cx.confirmed => {
            return Answer { outcome: Outcome::Need(Confirm), record };
        }
        Err(fault) => refusal(cx, &fault, &ids, &mut record),
    };
    Answer { outcome: Outcome::Reply(headers::finish(reply, cx, &ids)), record }
}

/// Answers a request that the shell does not serve; its body need not be there.
pub fn refuse(cx: &Cx<'_>, request: &Request, why: Unserved) -> (Reply, Record) {
    let ids = Ids::of(cx, request, None);
    let mut record = Record { trace_id: ids.trace, correlation_id: ids.correlation, ..Record::default() };
    let reply = refusal(cx, &Fault::Unserved(why), &ids, &mut record);
    (headers::finish(reply, cx, &ids), record)
}

fn refusal(cx: &Cx<'_>, fault: &Fault, ids: &Ids, record: &mut Record) -> Reply {
    record.error = fault.code();
    fault.reply(cx.world.now, ids, cx.service.log_file.as_deref())
}

type Form = Result<Parameters, Fault>;
