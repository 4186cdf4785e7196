//! A question to login that is on its way: one fetch, many waiters.
//!
//! A request that finds no fetch on its way for its token gets the [`FetchDuty`]; all others wait for the same
//! outcome. Waiters are woken through `std::task::Waker`, so that any shell can wait and this crate needs no
//! runtime.

use super::Tokens;
use crate::moment::Moment;
use crate::token::Token;
use crate::upstream::{TokenFetch, UpstreamError};
use bonafide_types::World;
use bonafide_wire::token::TokenV1;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

/// The token that a fetch brought, or the reason why it brought none.
pub(crate) type FetchOutcome = Result<Arc<Token>, Arc<UpstreamError>>;

/// A fetch for which requests wait.
pub(crate) struct Pending {
    /// False for a refresh in the background.
    pub(super) is_waited_for: bool,
    state: Mutex<State>,
}

enum State {
    Asking(Vec<Option<Waker>>),
    Finished(FetchOutcome),
}

impl Pending {
    pub(super) fn new(is_waited_for: bool) -> Arc<Self> {
        Arc::new(Self { is_waited_for, state: Mutex::new(State::Asking(Vec::new())) })
    }

    /// The outcome, once there is one.
    pub(crate) fn outcome(&self) -> Option<FetchOutcome> {
        match &*self.lock() {
            State::Asking(_) => None,
            State::Finished(outcome) => Some(outcome.clone()),
        }
    }

    /// Ends the fetch and wakes all waiters. The first outcome stays.
    fn finish(&self, outcome: FetchOutcome) {
        let wakers = {
            let mut state = self.lock();
            match &mut *state {
                State::Finished(_) => return,
                State::Asking(wakers) => {
                    let wakers = mem::take(wakers);
                    *state = State::Finished(outcome);
                    wakers
                }
            }
        };
        wakers.into_iter().flatten().for_each(Waker::wake);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One request's place among the waiters of a fetch.
pub(crate) struct Waiter {
    pub(crate) pending: Arc<Pending>,
    number: Option<usize>,
}

impl Waiter {
    pub(crate) fn new(pending: Arc<Pending>) -> Self {
        Self { pending, number: None }
    }

    /// True once the fetch has ended; until then `waker` is woken when it does.
    pub(crate) fn poll_finished(&mut self, waker: &Waker) -> bool {
        let mut state = self.pending.lock();
        let State::Asking(wakers) = &mut *state else { return true };
        let number = *self.number.get_or_insert_with(|| {
            wakers.push(None);
            wakers.len() - 1
        });
        match &mut wakers[number] {
            Some(known) => known.clone_from(waker),
            empty => *empty = Some(waker.clone()),
        }
        false
    }
}

/// The duty to ask login, once, for all waiters. The shell runs it in a task of its own, so that a caller who
/// hangs up does not leave the others without an answer, and ends it with
/// [`Agent::complete`](crate::Agent::complete). A duty that is dropped instead (the task panicked or was
/// cancelled) ends its fetch as unreachable: no request waits for ever.
#[must_use = "a fetch whose duty is dropped fails for all who wait for it"]
pub struct FetchDuty {
    fetch: TokenFetch,
    pending: Arc<Pending>,
    tokens: Arc<Tokens>,
}

impl FetchDuty {
    pub(crate) fn new(fetch: TokenFetch, pending: Arc<Pending>, tokens: &Arc<Tokens>) -> Self {
        Self { fetch, pending, tokens: Arc::clone(tokens) }
    }

    /// The token to ask login for.
    pub fn fetch(&self) -> &TokenFetch {
        &self.fetch
    }

    /// Ends the fetch with login's answer, and wakes all waiters. The token is kept if the identity `is_placed`.
    /// True when there is a token.
    pub(crate) fn finish(
        self,
        result: Result<TokenV1, UpstreamError>,
        is_placed: impl FnOnce() -> bool,
        world: &World<'_>,
        moment: Moment,
    ) -> bool {
        let outcome = match result {
            Ok(token) => {
                Token::new(&self.fetch, &token, moment).map(Arc::new).ok_or_else(|| Arc::new(UpstreamError::Malformed))
            }
            Err(error) => Err(Arc::new(error)),
        };
        self.tokens.record(&self.fetch, &self.pending, &outcome, is_placed, world);
        let is_token = outcome.is_ok();
        self.pending.finish(outcome);
        is_token
    }
}

impl Drop for FetchDuty {
    fn drop(&mut self) {
        if self.pending.outcome().is_none() {
            self.tokens.forget_pending(&self.fetch, &self.pending);
            self.pending.finish(Err(Arc::new(UpstreamError::Unreachable("the fetch was given up".to_owned()))));
        }
    }
}
