//! The agent: one for all bindings of a host.

use crate::cache::{Taken, Tokens, Wanted};
use crate::caller::Binding;
use crate::counters::{Counters, Tally, count};
use crate::dialects::{Rules, imds};
use crate::fault::{Fault, Logs};
use crate::flight::{Flight, Lead, TokenFetch, UpstreamError, Waiter};
use crate::placement::{Places, applied};
use crate::query::{TokenQuery, check_version};
use crate::route::{Call, route};
use crate::select::select;
use crate::target::Target;
use crate::throttle::{Gate, Permit, Throttle};
use crate::token::Token;
use crate::{guard, path};
use arc_swap::ArcSwap;
use bonafide_types::{Timestamp, World};
use bonafide_wire::hosts::{Desired, Workload};
use bonafide_wire::token::TokenV1;
use bonafide_wire::{Parameters, Reply, Request};
use http::Method;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Waker;

/// How the agent treats its workloads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Limits of token requests per workload; `None` is no limit.
    pub throttle: Option<Throttle>,
    /// Refresh tokens in the background once they are past half of their life.
    pub refresh_ahead: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { throttle: Some(Throttle::default()), refresh_ahead: true }
    }
}

/// The metadata agent of a host: what runs there, and its tokens.
pub struct Agent {
    options: Options,
    logs: Logs,
    places: ArcSwap<Places>,
    /// Held while the placement changes: changes come one after the other.
    applying: Mutex<()>,
    tally: Tally,
}

/// What the shell does with a request.
#[must_use]
pub enum Answer {
    /// Write the reply.
    Reply {
        /// What to write.
        reply: Reply,
        /// To be dropped when it is written.
        permit: Permit,
        /// A fetch to run in the background, after this reply or at once.
        refresh: Option<Lead>,
    },
    /// Wait for a token, then call [`Agent::finish`].
    Wait {
        /// What to wait for.
        waiting: Waiting,
        /// The fetch that ends the wait, unless somebody else leads it.
        lead: Option<Lead>,
    },
}

/// A request that waits for login.
pub struct Waiting {
    waiter: Waiter,
    fetch: TokenFetch,
    rules: &'static Rules,
    forced: bool,
    permit: Permit,
}

impl Waiting {
    /// True once there is something to answer; until then `waker` is woken when there is.
    pub fn poll_landed(&mut self, waker: &Waker) -> bool {
        self.waiter.poll_landed(waker)
    }
}

impl Agent {
    /// An agent that knows of no workload yet.
    pub fn new(options: Options) -> Self {
        Self {
            options,
            logs: Logs::default(),
            places: ArcSwap::default(),
            applying: Mutex::new(()),
            tally: Tally::default(),
        }
    }

    /// The same agent, whose answers of 500 name the file that holds their causes.
    #[must_use]
    pub fn logging_to(self, path: &str) -> Self {
        Self { logs: Logs::in_file(path), ..self }
    }

    /// Takes over what is to run on this host. Requests that begin after the return see it; cached
    /// tokens of identities that are gone or no longer assigned are dropped, and fetches for them
    /// that are on their way end in nothing.
    pub fn apply(&self, desired: Desired) {
        let _one_at_a_time = self.applying.lock().unwrap_or_else(PoisonError::into_inner);
        let changed: Vec<_> = desired.workloads.iter().map(|workload| workload.id).collect();
        let places = Arc::new(applied(&self.places.load(), desired, || Gate::new(self.options.throttle)));
        self.places.store(Arc::clone(&places));
        for place in changed.iter().filter_map(|id| places.get(id)) {
            place.tokens.keep_only(|principal| place.placement.by_principal.contains_key(&principal));
        }
    }

    /// Every workload on this host, in no particular order: the shell keeps a key for each of
    /// their identities.
    pub fn workloads(&self) -> Vec<Workload> {
        self.places.load().values().map(|place| place.placement.workload.clone()).collect()
    }

    /// What has happened so far.
    pub fn counters(&self) -> Counters {
        self.tally.read()
    }

    /// Answers a request that arrived on `binding`.
    pub fn answer(&self, binding: &Binding, request: &Request, world: &World<'_>) -> Answer {
        self.decide(binding, request, world)
            .unwrap_or_else(|fault| self.reply((binding.dialect().rules().fault)(&fault, world)))
    }

    /// The guards and checks, in their order (docs/wire/imds.md, "Order of checks").
    fn decide(&self, binding: &Binding, request: &Request, world: &World<'_>) -> Result<Answer, Fault> {
        let target = Target::read(&request.path);
        guard::check(binding, request, &target)?;
        let path = path::canonical(target.path)?;
        let call = route(binding.dialect(), &path).ok_or(Fault::NotFound)?;
        guard::proof(binding, &request.headers)?;
        if request.method != Method::GET {
            return Err(Fault::Method);
        }
        guard::no_body(request)?;
        match call {
            Call::Token => self.token(binding, &request.query, world.now),
            Call::IdentityInfo => self.identity_info(binding, &request.query),
            Call::Versions => Ok(self.reply(imds::versions())),
        }
    }

    fn identity_info(&self, binding: &Binding, query: &str) -> Result<Answer, Fault> {
        let parameters = Parameters::parse(query)?;
        check_version(&parameters, imds::RULES.oldest)?;
        let places = self.places.load();
        let place = places.get(&binding.workload()).ok_or(Fault::IdentityNotFound)?;
        Ok(self.reply(imds::identity_info(&place.placement.workload)))
    }

    fn token(&self, binding: &Binding, query: &str, now: Timestamp) -> Result<Answer, Fault> {
        let rules = binding.dialect().rules();
        let asked = binding.queries.parse(rules, query)?;
        let TokenQuery { audience, selector, capabilities, forced } = asked.as_ref();
        let forced = *forced;
        let places = self.places.load();
        let place = places.get(&binding.workload()).ok_or(Fault::IdentityNotFound)?;
        // Before the gate: an identity that is not here uses nobody's share, and waiting brings it no nearer.
        let identity = select(&place.placement, selector)?;
        let permit = place.gate.enter(forced, now).inspect_err(|_| count(&self.tally.throttled))?;
        let wanted = Wanted::new(identity.principal_id, audience, capabilities.as_deref());
        let taken = place.tokens.take(&wanted, forced, self.options.refresh_ahead, now)?;
        drop(wanted);
        let fetch = || TokenFetch {
            workload: binding.workload(),
            tenant: place.placement.workload.tenant_id,
            principal: identity.principal_id,
            client_id: identity.client_id,
            audience: audience.clone(),
            capabilities: capabilities.clone(),
        };
        Ok(match taken {
            Taken::Hit(token, flight) => {
                count(&self.tally.hits);
                let reply = (rules.reply)(&token, now);
                Answer::Reply {
                    reply,
                    permit,
                    refresh: flight.map(|flight| self.lead(fetch(), flight, &place.tokens, true)),
                }
            }
            Taken::Wait(flight, lead) => {
                count(&self.tally.waits);
                let fetch = fetch();
                let lead = lead.then(|| self.lead(fetch.clone(), Arc::clone(&flight), &place.tokens, false));
                Answer::Wait { waiting: Waiting { waiter: Waiter::new(flight), fetch, rules, forced, permit }, lead }
            }
        })
    }

    fn lead(&self, fetch: TokenFetch, flight: Arc<Flight>, tokens: &Arc<Tokens>, background: bool) -> Lead {
        count(&self.tally.fetches);
        if background {
            count(&self.tally.refreshes);
        }
        Lead { fetch, flight, tokens: Arc::clone(tokens) }
    }

    /// Ends a fetch with what login said, and wakes everybody who waits for it.
    pub fn complete(&self, lead: Lead, result: Result<TokenV1, UpstreamError>, world: &World<'_>) {
        let landing =
            lead.tokens.land(&lead.fetch, &lead.flight, result, || self.tokens_of(&lead.fetch).is_some(), world);
        if landing.is_err() {
            count(&self.tally.failures);
        }
        lead.flight.land(landing);
    }

    /// Answers a request that has waited, or that the shell will not let wait any longer. The
    /// identity must be assigned now, not only when the request came (ID-06).
    pub fn finish(&self, waiting: Waiting, world: &World<'_>) -> (Reply, Permit) {
        let Waiting { waiter, fetch, rules, forced, permit } = waiting;
        let reply = match self.landed(&waiter.flight, &fetch, forced, world.now) {
            Ok(token) => (rules.reply)(&token, world.now),
            Err(Fault::Upstream(_)) => {
                let reply = (rules.fault)(&Fault::Upstream(self.logs.clone()), world);
                reply.because(&why_there_is_none(&waiter.flight))
            }
            Err(fault) => (rules.fault)(&fault, world),
        };
        (reply, permit)
    }

    fn landed(&self, flight: &Flight, fetch: &TokenFetch, forced: bool, now: Timestamp) -> Result<Arc<Token>, Fault> {
        let tokens = self.tokens_of(fetch).ok_or(Fault::IdentityNotFound)?;
        let fault = match flight.landing() {
            Some(Ok(token)) if token.seconds_left(now) > 0 => return Ok(token),
            Some(Ok(_)) | None => Fault::Upstream(Logs::default()),
            Some(Err(error)) => Fault::from(error.as_ref()),
        };
        // Login is down: what is left of an old token is better than nothing, unless the caller
        // has said that it is not.
        match fault {
            Fault::Upstream(_) if !forced => tokens.still_valid(fetch, now).ok_or(fault),
            fault => Err(fault),
        }
    }

    /// The tokens of the workload of `fetch`, if its identity is assigned there now.
    fn tokens_of(&self, fetch: &TokenFetch) -> Option<Arc<Tokens>> {
        let places = self.places.load();
        let place = places.get(&fetch.workload)?;
        place.placement.has(fetch.principal, fetch.client_id).then(|| Arc::clone(&place.tokens))
    }

    fn reply(&self, reply: Reply) -> Answer {
        Answer::Reply { reply, permit: Permit::default(), refresh: None }
    }
}

/// Why login gave no token that could be used.
fn why_there_is_none(flight: &Flight) -> String {
    match flight.landing() {
        Some(Err(error)) => error.to_string(),
        Some(Ok(_)) => "the token that login gave has expired".to_owned(),
        None => "login did not answer in time".to_owned(),
    }
}
