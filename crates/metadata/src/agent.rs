//! The agent: one for all bindings of a host.

use crate::binding::{Binding, Speech};
use crate::cache::{FetchDuty, How, Pending, Taken, Tokens, Waiter, Wanted};
use crate::counters::{Counters, Tally, count};
use crate::dialect::Call;
use crate::gate;
use crate::host::LoginNonce;
use crate::knowledge::{Knowledge, Looks};
use crate::moment::{Clocks, Moment};
use crate::placement::{Places, applied};
use crate::query::TokenQuery;
use crate::question::Question;
use crate::refusal::{Logs, Refusal};
use crate::select::select;
use crate::throttle::{Gate, Share, Throttle};
use crate::token::Token;
use crate::upstream::{TokenFetch, UpstreamError};
use arc_swap::ArcSwap;
use bonafide_types::{ResourceUuid, Timestamp, World};
use bonafide_wire::hosts::{Desired, ExtensionEndpoint, Workload};
use bonafide_wire::token::TokenV1;
use bonafide_wire::{Reply, Request};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Waker;
use std::time::Duration;

/// The agent's settings for all workloads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Limits of requests per workload; `None` is no limit.
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
    login_nonce: LoginNonce,
    clocks: Clocks,
    knowledge: Knowledge,
    /// Looks for the sake of workloads that are not here.
    looks: Looks,
    /// The gate of the workloads that are not on this host.
    pub(crate) unplaced: Gate,
    pub(crate) tally: Tally,
}

/// The next step of the shell with a request.
#[must_use]
pub enum Answer {
    /// Write the reply.
    Reply {
        /// The reply to write.
        reply: Reply,
        /// A fetch to run in the background, after this reply or at once.
        refresh: Option<FetchDuty>,
    },
    /// Wait for a token, then call [`Agent::finish`].
    Wait {
        /// The wait.
        waiting: Waiting,
        /// The fetch that ends the wait, unless another request has the duty.
        duty: Option<FetchDuty>,
    },
    /// Ask the control plane, then call [`Agent::told`].
    Ask(Question),
}

/// A request that waits for login.
pub struct Waiting {
    waiter: Waiter,
    fetch: TokenFetch,
    asked: Arc<TokenQuery>,
    speech: Speech,
    can_fall_back: bool,
}

/// A request for an identity that is not known, which is held for a look at the control plane.
#[must_use]
pub struct Held {
    began: Moment,
}

impl Waiting {
    /// True once there is something to answer; until then `waker` is woken when there is.
    pub fn poll_finished(&mut self, waker: &Waker) -> bool {
        self.waiter.poll_finished(waker)
    }

    /// True when there is an older token that is valid still, for which nobody need wait long.
    pub fn can_fall_back(&self) -> bool {
        self.can_fall_back
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
            login_nonce: LoginNonce::default(),
            clocks: Clocks::default(),
            knowledge: Knowledge::default(),
            looks: Looks::default(),
            unplaced: Gate::new(options.throttle),
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
        let places = Arc::new(applied(&self.places.load(), desired, self.options.throttle));
        self.places.store(Arc::clone(&places));
        self.knowledge.load();
        for place in changed.iter().filter_map(|id| places.get(id)) {
            place.tokens.keep_only(|principal| place.placement.by_principal.contains_key(&principal));
        }
    }

    /// Every workload on this host, in no particular order: the shell keeps a key for each of
    /// their identities.
    pub fn workloads(&self) -> Vec<Workload> {
        self.places.load().values().map(|place| place.placement.workload.clone()).collect()
    }

    /// The endpoints that workloads on this host are to have by their extensions.
    pub fn extensions(&self) -> Vec<(ResourceUuid, ExtensionEndpoint)> {
        let places = self.places.load();
        places.iter().filter_map(|(id, place)| Some((*id, place.placement.workload.extension?))).collect()
    }

    /// Forgets everything that is to run here, and every token.
    pub fn forget_all(&self) {
        let nothing =
            Desired { cursor: String::new(), complete: true, workloads: Vec::new(), removed: Vec::new(), nonce: None };
        self.apply(nothing);
    }

    /// Compares the clock of this machine with the time since it started. To be done before the first request and every
    /// second or so: within that time a clock that is set back prolongs no token.
    pub fn look_at_clock(&self, now: Timestamp, since_boot: Duration) {
        self.clocks.look(now, since_boot);
    }

    /// Drops every token that is held, as when those of before do not count any more.
    pub fn forget_tokens(&self) {
        for place in self.places.load().values() {
            place.tokens.keep_only(|_| false);
        }
    }

    pub(crate) fn places(&self) -> arc_swap::Guard<Arc<Places>> {
        self.places.load()
    }

    pub(crate) fn moment(&self, now: Timestamp) -> Moment {
        self.clocks.at(now)
    }

    /// The nonce of the token service.
    pub fn login_nonce(&self) -> &LoginNonce {
        &self.login_nonce
    }

    /// The events so far.
    pub fn counters(&self) -> Counters {
        self.tally.read()
    }

    /// An answer of the control plane is in force, from `now` on.
    pub fn hear(&self, now: Timestamp) {
        self.knowledge.hear(self.clocks.at(now));
    }

    /// The control plane gave no answer.
    pub fn miss(&self, now: Timestamp) {
        self.knowledge.miss(self.clocks.at(now));
    }

    /// Something has changed that is not in force yet, or may have while nobody asked.
    pub fn fall_behind(&self, now: Timestamp) {
        self.knowledge.fall_behind(self.clocks.at(now));
    }

    /// Answers a request that arrived on `binding`, by what is known.
    pub fn answer(&self, binding: &Binding, request: &Request, world: &World<'_>) -> Answer {
        self.decide(binding, request, world).unwrap_or_else(|refusal| self.refuse(refusal, binding, request, world))
    }

    /// The same, or holds a request for an identity that is not known, where a look at the control plane could tell more.
    pub fn answer_or_hold(&self, binding: &Binding, request: &Request, world: &World<'_>) -> Result<Answer, Held> {
        match self.decide(binding, request, world) {
            Ok(answer) => Ok(answer),
            Err(refusal) if refusal.is_of_something_unknown() && self.wants_look(binding, world.now) => {
                count(&self.tally.held);
                Err(Held { began: self.clocks.at(world.now) })
            }
            Err(refusal) => Ok(self.refuse(refusal, binding, request, world)),
        }
    }

    /// Answers a request that is held: once its identity is known, or the control plane has answered since, or else, when it
    /// `is_late`, by what is known. Until then it is held on.
    pub fn answer_held(
        &self,
        held: Held,
        binding: &Binding,
        request: &Request,
        is_late: bool,
        world: &World<'_>,
    ) -> Result<Answer, Held> {
        match self.decide(binding, request, world) {
            Ok(answer) => Ok(answer),
            Err(refusal)
                if refusal.is_of_something_unknown() && !is_late && !self.knowledge.is_news_since(held.began) =>
            {
                Err(held)
            }
            Err(refusal) => Ok(self.refuse(refusal, binding, request, world)),
        }
    }

    fn wants_look(&self, binding: &Binding, now: Timestamp) -> bool {
        let places = self.places.load();
        let looks = places.get(&binding.workload()).map_or(&self.looks, |place| &place.looks);
        self.knowledge.wants_look(looks, self.clocks.at(now))
    }

    /// "Not here" is said only where it is known.
    fn refuse(&self, refusal: Refusal, binding: &Binding, request: &Request, world: &World<'_>) -> Answer {
        let is_known = !refusal.is_of_something_unknown() || self.knowledge.is_decisive(self.clocks.at(world.now));
        let refusal = if is_known { refusal } else { Refusal::Updating };
        written(binding.speech.refuse(&refusal, Some(request), world))
    }

    fn decide(&self, binding: &Binding, request: &Request, world: &World<'_>) -> Result<Answer, Refusal> {
        let passed = gate::pass(binding, request, world)?;
        match passed.call {
            Call::Token => self.token(binding, &passed.parameters, world.now),
            Call::Session => {
                let sessions = binding.sessions.as_ref().ok_or(Refusal::NotFound)?;
                sessions.begin(request, world).map(written)
            }
            Call::Instance => self.instance(binding, &passed, world.now),
            Call::Events => self.events(binding, request, world.now),
            Call::Document(document) => self.document(binding, request, document, world.now),
            Call::Question(question) => self.question(binding, request, question, world.now),
        }
    }

    fn token(&self, binding: &Binding, parameters: &str, now: Timestamp) -> Result<Answer, Refusal> {
        let asked = binding.queries.parse(binding.speech.dialect, parameters)?;
        let places = self.places.load();
        let place = places.get(&binding.workload()).ok_or(Refusal::NoIdentityAtAll)?;
        // Before the gate: an identity that is not here uses nobody's share, and waiting brings it no nearer.
        let identity = select(&place.placement, &asked.selector)?;
        let wanted = Wanted::new(identity.principal_id, &asked.audience, asked.capabilities.as_deref());
        let how = How { forced: asked.forced, ahead: self.options.refresh_ahead };
        let share = if asked.forced { Share::Forced } else { Share::Token };
        let taken = place.tokens.take(&wanted, how, self.clocks.at(now), || place.gate.enter(share, now));
        let taken = taken.inspect_err(|_| count(&self.tally.throttled))?;
        let fetch = || TokenFetch {
            workload: binding.workload(),
            tenant: place.placement.workload.tenant_id,
            principal: identity.principal_id,
            client_id: identity.client_id,
            audience: asked.audience.clone(),
            capabilities: asked.capabilities.clone(),
        };
        let (pending, duty) = match taken {
            Taken::Hit(token, pending) => {
                count(&self.tally.hits);
                let refresh = pending.map(|pending| self.duty(fetch(), pending, &place.tokens, true));
                return Ok(Answer::Reply { reply: asked.reply(&token, now), refresh });
            }
            Taken::Wait(pending) => (pending, None),
            Taken::Fetch(pending) => {
                let duty = self.duty(fetch(), Arc::clone(&pending), &place.tokens, false);
                (pending, Some(duty))
            }
        };
        count(&self.tally.waits);
        let (waiter, fetch, speech) = (Waiter::new(pending), fetch(), binding.speech.clone());
        let can_fall_back = !asked.forced && place.tokens.still_valid(&fetch, self.clocks.at(now)).is_some();
        Ok(Answer::Wait { waiting: Waiting { waiter, fetch, asked: Arc::clone(&asked), speech, can_fall_back }, duty })
    }

    fn duty(&self, fetch: TokenFetch, pending: Arc<Pending>, tokens: &Arc<Tokens>, background: bool) -> FetchDuty {
        count(&self.tally.fetches);
        if background {
            count(&self.tally.refreshes);
        }
        FetchDuty::new(fetch, pending, tokens)
    }

    /// Ends a fetch with login's answer, and wakes all who wait for it.
    pub fn complete(&self, duty: FetchDuty, result: Result<TokenV1, UpstreamError>, world: &World<'_>) {
        let fetch = duty.fetch().clone();
        if !duty.finish(result, || self.tokens_of(&fetch).is_some(), world, self.clocks.at(world.now)) {
            count(&self.tally.failures);
        }
    }

    /// Answers a request that has waited, or that the shell will not let wait any longer. The
    /// identity must be assigned now, not only when the request came (ID-06).
    pub fn finish(&self, waiting: Waiting, world: &World<'_>) -> Reply {
        let Waiting { waiter, fetch, asked, speech, .. } = waiting;
        match self.outcome(&waiter.pending, &fetch, asked.forced, world.now) {
            Ok(token) => asked.reply(&token, world.now),
            Err(Refusal::Upstream(_)) => {
                let refusal = Refusal::Upstream(self.logs.clone());
                speech.refuse(&refusal, None, world).because(&cause_of_failure(&waiter.pending))
            }
            Err(Refusal::DiskFull) => {
                speech.refuse(&Refusal::DiskFull, None, world).because(&cause_of_failure(&waiter.pending))
            }
            Err(refusal) => speech.refuse(&refusal, None, world),
        }
    }

    fn outcome(
        &self,
        pending: &Pending,
        fetch: &TokenFetch,
        forced: bool,
        now: Timestamp,
    ) -> Result<Arc<Token>, Refusal> {
        let tokens = self.tokens_of(fetch).ok_or(Refusal::IdentityNotFound)?;
        let refusal = match pending.outcome() {
            Some(Ok(token)) if token.is_valid(self.clocks.at(now)) => return Ok(token),
            Some(Ok(_)) | None => Refusal::Upstream(Logs::default()),
            Some(Err(error)) => Refusal::from(error.as_ref()),
        };
        // Login is down, or has too much to do: what is left of an old token is better than nothing, unless the
        // caller has said that it is not.
        match refusal {
            Refusal::Upstream(_) | Refusal::DiskFull | Refusal::Throttled if !forced => {
                tokens.still_valid(fetch, self.clocks.at(now)).ok_or(refusal)
            }
            refusal => Err(refusal),
        }
    }

    /// The tokens of the workload of `fetch`, if its identity is assigned there now.
    fn tokens_of(&self, fetch: &TokenFetch) -> Option<Arc<Tokens>> {
        let places = self.places.load();
        let place = places.get(&fetch.workload)?;
        place.placement.has(fetch.principal, fetch.client_id).then(|| Arc::clone(&place.tokens))
    }
}

/// An answer without a refresh.
pub(crate) fn written(reply: Reply) -> Answer {
    Answer::Reply { reply, refresh: None }
}

/// The reason why login gave no token that could be used.
fn cause_of_failure(pending: &Pending) -> String {
    match pending.outcome() {
        Some(Err(error)) => error.to_string(),
        Some(Ok(_)) => "the token that login gave has expired".to_owned(),
        None => "login did not answer in time".to_owned(),
    }
}
