//! The token service: discovery, key sets and the token endpoints, in the spelling of Microsoft
//! Entra ID (docs/wire/login.md). Everything is answered from the view; nothing here waits.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod asked;
mod assertion;
mod capabilities;
mod client;
mod discovery;
mod fault;
mod grants;
mod headers;
mod ids;
mod instance;
mod keys;
mod replay;
mod route;
mod scope;
mod shares;
mod sign_in;
mod tenant;
mod token;

pub use replay::SpentAssertions;
pub use shares::{SHARE_BURST, SHARE_PER_SECOND, Shares};

use bonafide_core::directory::Audiences;
use bonafide_core::tokens::Authority;
use bonafide_core::view::View;
use bonafide_crypto::secret_hash::Pepper;
use bonafide_types::{ObjectId, World};
use bonafide_wire::{Answer, Outcome, Parameters, Reply, Request, Route, Surface, Unserved};
use fault::Fault;
use http::Method;
use ids::Ids;
use sign_in::SignIn;

/// The parts of the token service, one for each replica.
pub struct Service {
    /// Its own names.
    pub authority: Authority,
    /// The audiences that every tenant can ask tokens for.
    pub audiences: Audiences,
    /// The key of the hashes of client secrets.
    pub pepper: Pepper,
    /// Assertions of agents that were used here.
    pub spent: SpentAssertions,
    /// The share that each client has; `None` is no limit.
    pub shares: Option<Shares>,
    /// The file that holds the causes of failures, which an answer of 500 names; `None` where there is none.
    pub log_file: Option<String>,
}

impl Service {
    /// A service that has seen no assertion yet, with the shares that clients have by default.
    pub fn new(authority: Authority, audiences: Audiences, pepper: Pepper) -> Self {
        Self {
            authority,
            audiences,
            pepper,
            spent: SpentAssertions::default(),
            shares: Some(Shares::default()),
            log_file: None,
        }
    }
}

/// The context in which a request is answered.
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

/// The answer would be negative: let the view catch up with the store first (one fetch for all who
/// wait, rate-limited), then call [`handle`] again with `confirmed`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Confirm;

impl Surface for Cx<'_> {
    type Need = Confirm;

    fn routes() -> Vec<&'static Route> {
        route::ENDPOINTS.iter().map(AsRef::as_ref).collect()
    }

    fn handle(&self, request: &Request) -> Outcome<Confirm> {
        let form = token::read_form(request);
        let ids = Ids::of(self, request, form.as_ref().ok());
        let mut sign_in = SignIn::default();
        let answered = route::answer(self, request, form, &mut sign_in);
        match answered.map_err(|fault| self.counted(request, &sign_in, fault)) {
            Ok(reply) => Outcome::Answer(finish(self, reply, &ids, &sign_in)),
            Err(fault) if fault.is_negative() && !self.confirmed => Outcome::Need(Confirm),
            Err(fault) => Outcome::Answer(refusal(self, &fault, &ids, sign_in)),
        }
    }

    fn refuse(&self, head: &Request, why: Unserved) -> Answer {
        refusal(self, &Fault::Unserved(why), &Ids::of(self, head, None), SignIn::default())
    }
}

impl Cx<'_> {
    /// A failure to sign in, counted once: it is said as long as there is something left of the share of all who fail.
    fn counted(&self, request: &Request, sign_in: &SignIn, fault: Fault) -> Fault {
        if request.method != Method::POST || sign_in.principal.is_some() || self.confirmed {
            return fault;
        }
        let shares = self.service.shares.as_ref();
        let is_in = shares.is_none_or(|shares| shares.take_for_failure(request.peer, self.world.now));
        if is_in { fault } else { Fault::throttled(self.world.entropy) }
    }

    /// Lets a client go on that has signed in, as long as there is something left of its share.
    fn let_client_in(&self, request: &Request, client: ObjectId) -> Result<(), Fault> {
        let shares = self.service.shares.as_ref().filter(|_| !self.confirmed);
        let is_in = shares.is_none_or(|shares| shares.take_for_client(client, request.peer, self.world.now));
        if is_in { Ok(()) } else { Err(Fault::throttled(self.world.entropy)) }
    }
}

fn refusal(cx: &Cx<'_>, fault: &Fault, ids: &Ids, mut sign_in: SignIn) -> Answer {
    sign_in.error = Some(fault.code());
    let reply = fault.reply(cx.world.now, ids, cx.service.log_file.as_deref());
    finish(cx, reply, ids, &sign_in)
}

fn finish(cx: &Cx<'_>, reply: Reply, ids: &Ids, sign_in: &SignIn) -> Answer {
    let reply = headers::finish(reply, cx, ids);
    // An event is logged once a minute, the cause of each failed request with its line.
    let reply = match &sign_in.failure {
        Some(why) => reply.because(why),
        None => reply,
    };
    Answer { reply, record: sign_in.record(ids.correlation) }
}

type Form = Result<Parameters, Fault>;
