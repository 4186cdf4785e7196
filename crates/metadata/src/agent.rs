//! The agent: one for all bindings of a host.

use crate::binding::{Binding, Speech};
use crate::cache::{FetchDuty, How, Pending, Taken, Tokens, Waiter, Wanted};
use crate::counters::{Counters, Tally, count};
use crate::dialect::{Asked, Call};
use crate::dialects::signed;
use crate::gate::{self, Passed};
use crate::host::{HostRequest, LoginNonce, Sent};
use crate::instance::Instance;
use crate::placement::{Place, Places, applied};
use crate::query::TokenQuery;
use crate::question::{self, About, Question};
use crate::refusal::{DocumentError, Logs, Refusal};
use crate::select::select;
use crate::throttle::{Gate, Share, Throttle};
use crate::token::Token;
use crate::upstream::{TokenFetch, UpstreamError};
use arc_swap::ArcSwap;
use bonafide_types::{ResourceUuid, Timestamp, World};
use bonafide_wire::hosts::{Desired, Workload, instance_path};
use bonafide_wire::token::TokenV1;
use bonafide_wire::{Reply, Request};
use http::StatusCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Waker;

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
    /// The gate of the workloads that are not on this host.
    unplaced: Gate,
    tally: Tally,
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
}

impl Waiting {
    /// True once there is something to answer; until then `waker` is woken when there is.
    pub fn poll_finished(&mut self, waker: &Waker) -> bool {
        self.waiter.poll_finished(waker)
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
        for place in changed.iter().filter_map(|id| places.get(id)) {
            place.tokens.keep_only(|principal| place.placement.by_principal.contains_key(&principal));
        }
    }

    /// Every workload on this host, in no particular order: the shell keeps a key for each of
    /// their identities.
    pub fn workloads(&self) -> Vec<Workload> {
        self.places.load().values().map(|place| place.placement.workload.clone()).collect()
    }

    /// Forgets everything that is to run here, and every token.
    pub fn forget_all(&self) {
        let nothing =
            Desired { cursor: String::new(), complete: true, workloads: Vec::new(), removed: Vec::new(), nonce: None };
        self.apply(nothing);
    }

    /// The nonce of the token service.
    pub fn login_nonce(&self) -> &LoginNonce {
        &self.login_nonce
    }

    /// The events so far.
    pub fn counters(&self) -> Counters {
        self.tally.read()
    }

    /// Answers a request that arrived on `binding`.
    pub fn answer(&self, binding: &Binding, request: &Request, world: &World<'_>) -> Answer {
        let refuse = |refusal| written(binding.speech.refuse(&refusal, Some(request), world));
        self.decide(binding, request, world).unwrap_or_else(refuse)
    }

    fn decide(&self, binding: &Binding, request: &Request, world: &World<'_>) -> Result<Answer, Refusal> {
        let passed = gate::pass(binding, request)?;
        match passed.call {
            Call::Token => self.token(binding, &passed.parameters, world.now),
            Call::Instance => self.instance(binding, &passed, world.now),
            Call::Document(document) => {
                let places = self.places.load();
                let place = self.enter(&places, binding, world.now)?;
                document(&asked(place, request)).map(written)
            }
            Call::Question(question) => {
                let places = self.places.load();
                let place = self.enter(&places, binding, world.now)?;
                let (request, reply) = question(&asked(place, request))?;
                let slot = place.ok_or(DocumentError::Away)?.gate.ask();
                let slot = slot.inspect_err(|_| count(&self.tally.throttled))?;
                let (request, speech) = (Some(request), binding.speech.clone());
                Ok(Answer::Ask(Question { request, speech, about: About::Elsewhere(reply), _slot: slot }))
            }
        }
    }

    /// An element of the machine's document. One that has changed is asked for; while it cannot be had, the older one is
    /// better than none.
    fn instance(&self, binding: &Binding, passed: &Passed<'_>, now: Timestamp) -> Result<Answer, Refusal> {
        let places = self.places.load();
        let place = self.enter(&places, binding, now)?.ok_or(DocumentError::Away)?;
        let held = place.instance.load();
        let etag = place.placement.workload.instance.as_deref();
        let is_newest = |instance: &Arc<Instance>| etag.is_none_or(|etag| instance.etag() == etag);
        match (held.as_ref(), etag) {
            (Some(instance), _) if is_newest(instance) => {
                instance.answer(&passed.path, &passed.parameters).map(signed).map(written)
            }
            (_, Some(etag)) => {
                let (workload, etag) = (binding.workload(), etag.to_owned());
                let slot = place.gate.ask().inspect_err(|_| count(&self.tally.throttled))?;
                let request = Some(HostRequest::get(instance_path(workload)));
                let (path, query) = (passed.path.to_string(), passed.parameters.to_string());
                let about = About::Instance { workload, etag, path, query };
                Ok(Answer::Ask(Question { request, speech: binding.speech.clone(), about, _slot: slot }))
            }
            (_, None) => Err(DocumentError::Away.into()),
        }
    }

    /// Answers a request with what the control plane said, or without it.
    pub fn told(&self, question: Question, sent: &Sent, world: &World<'_>) -> Reply {
        let reply = match &question.about {
            About::Elsewhere(told) => question::reply(*told, sent),
            About::Instance { workload, etag, path, query } => {
                if let Ok((StatusCode::OK, body)) = sent {
                    self.put_instance(*workload, etag, body);
                }
                let places = self.places.load();
                let held = places.get(workload).and_then(|place| place.instance.load_full());
                let answer = held.ok_or(DocumentError::Away.into());
                answer.and_then(|instance| instance.answer(path, query).map(signed))
            }
        };
        let reply = reply.unwrap_or_else(|refusal| question.speech.refuse(&refusal, None, world));
        match sent {
            Err(why) => reply.because(why),
            Ok(_) => reply,
        }
    }

    /// The machines whose documents have changed since they were fetched, with the etag of the new state.
    pub fn instances_to_fetch(&self) -> Vec<(ResourceUuid, String)> {
        let places = self.places.load();
        let changed = places.iter().filter_map(|(id, place)| {
            let etag = place.placement.workload.instance.as_ref()?;
            let held = place.instance.load();
            let is_held = held.as_ref().is_some_and(|held| held.etag() == etag);
            (!is_held).then(|| (*id, etag.clone()))
        });
        changed.collect()
    }

    /// Takes a machine's document over; false when it cannot be read or the machine is not here.
    pub fn put_instance(&self, workload: ResourceUuid, etag: &str, document: &[u8]) -> bool {
        let places = self.places.load();
        match (places.get(&workload), Instance::read(etag, document)) {
            (Some(place), Ok(instance)) => {
                place.instance.store(Some(Arc::new(instance)));
                true
            }
            (None, _) | (_, Err(_)) => false,
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
        let taken = place.tokens.take(&wanted, how, now, || place.gate.enter(share, now));
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
        Ok(Answer::Wait { waiting: Waiting { waiter, fetch, asked: Arc::clone(&asked), speech }, duty })
    }

    /// Lets a request for anything but a token in. The place of its workload, if it is placed here.
    fn enter<'p>(&self, places: &'p Places, binding: &Binding, now: Timestamp) -> Result<Option<&'p Place>, Refusal> {
        let place = places.get(&binding.workload());
        let gate = place.map_or(&self.unplaced, |place| &place.gate);
        gate.enter(Share::Document, now).inspect_err(|_| count(&self.tally.throttled))?;
        Ok(place)
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
        if !duty.finish(result, || self.tokens_of(&fetch).is_some(), world) {
            count(&self.tally.failures);
        }
    }

    /// Answers a request that has waited, or that the shell will not let wait any longer. The
    /// identity must be assigned now, not only when the request came (ID-06).
    pub fn finish(&self, waiting: Waiting, world: &World<'_>) -> Reply {
        let Waiting { waiter, fetch, asked, speech } = waiting;
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
            Some(Ok(token)) if token.seconds_left(now) > 0 => return Ok(token),
            Some(Ok(_)) | None => Refusal::Upstream(Logs::default()),
            Some(Err(error)) => Refusal::from(error.as_ref()),
        };
        // Login is down, or has too much to do: what is left of an old token is better than nothing, unless the
        // caller has said that it is not.
        match refusal {
            Refusal::Upstream(_) | Refusal::DiskFull | Refusal::Throttled if !forced => {
                tokens.still_valid(fetch, now).ok_or(refusal)
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

fn asked<'r>(place: Option<&'r Place>, request: &'r Request) -> Asked<'r> {
    let workload = place.map(|place| &place.placement.workload);
    Asked { workload, query: &request.query, body: &request.body }
}

/// An answer without a refresh.
fn written(reply: Reply) -> Answer {
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
