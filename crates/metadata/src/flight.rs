//! One fetch, many waiters.
//!
//! A flight is a question to login on its way. Whoever finds none under way for what it needs gets
//! the [`Lead`] and with it the duty to ask; everybody else waits for the same landing. Waiters are
//! woken through `std::task::Waker`, so that any shell can wait and this crate needs no runtime.

use crate::cache::Tokens;
use crate::token::Token;
use bonafide_types::{Audience, ClientId, ObjectId, ResourceUuid, TenantId};
use bonafide_wire::token::OAuthError;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

/// What login is to be asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenFetch {
    /// The workload that the token is for.
    pub workload: ResourceUuid,
    /// The tenant to sign in to.
    pub tenant: TenantId,
    /// The service principal whose key signs the assertion.
    pub principal: ObjectId,
    /// What it signs in as.
    pub client_id: ClientId,
    /// The resource, as it was asked for.
    pub audience: Audience,
    /// `xms_cc`, as it was asked for.
    pub capabilities: Option<String>,
}

/// Why login gave no token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UpstreamError {
    /// No answer in time, no connection, an answer of class 5xx, or no key to sign with yet.
    #[error("login could not be reached: {0}")]
    Unreachable(String),
    /// An answer that is no token reply, or a token that had expired when it came.
    #[error("login answered with something else than a token")]
    Malformed,
    /// A refusal with the token service's error object.
    #[error("login refused: {} {:?}", .0.error, .0.error_codes)]
    Refused(Box<OAuthError>),
}

/// The token service's codes for "there is no such identity here": not found (700016, of old 70001),
/// disabled (7000112), without a service principal in the tenant (7000229), no such tenant (90002),
/// and, from our login, not placed on this host (700030). Other refusals of our client (an expired
/// assertion, a key that is not registered yet) pass, and must not make an identity look as if it
/// were gone.
const GONE: [u32; 6] = [700_016, 70_001, 7_000_112, 7_000_229, 90_002, 700_030];

impl UpstreamError {
    /// True when login refused what the workload asked for, and not how this host asked.
    pub fn is_about_what_was_asked(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::Malformed => false,
            Self::Refused(error) => matches!(
                error.error.as_str(),
                "invalid_resource" | "invalid_scope" | "invalid_target" | "invalid_grant" | "access_denied"
            ),
        }
    }

    /// True when login says that the identity does not exist any more.
    pub fn says_identity_is_gone(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::Malformed => false,
            Self::Refused(error) => error.error_codes.iter().any(|code| GONE.contains(code)),
        }
    }
}

pub(crate) type Landing = Result<Arc<Token>, Arc<UpstreamError>>;

pub(crate) struct Flight(Mutex<State>);

enum State {
    Flying(Vec<Option<Waker>>),
    Landed(Landing),
}

impl Flight {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(State::Flying(Vec::new()))))
    }

    /// The landing, if there has been one.
    pub(crate) fn landing(&self) -> Option<Landing> {
        match &*self.lock() {
            State::Flying(_) => None,
            State::Landed(landing) => Some(landing.clone()),
        }
    }

    /// Ends the flight and wakes everybody. The first landing counts.
    pub(crate) fn land(&self, landing: Landing) {
        let wakers = {
            let mut state = self.lock();
            match &mut *state {
                State::Landed(_) => return,
                State::Flying(wakers) => {
                    let wakers = mem::take(wakers);
                    *state = State::Landed(landing);
                    wakers
                }
            }
        };
        wakers.into_iter().flatten().for_each(Waker::wake);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A waiter's waiter on a flight.
pub(crate) struct Waiter {
    pub(crate) flight: Arc<Flight>,
    number: Option<usize>,
}

impl Waiter {
    pub(crate) fn new(flight: Arc<Flight>) -> Self {
        Self { flight, number: None }
    }

    /// True once the flight has landed; until then `waker` is woken when it does.
    pub(crate) fn poll_landed(&mut self, waker: &Waker) -> bool {
        let mut state = self.flight.lock();
        let State::Flying(wakers) = &mut *state else { return true };
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

/// The duty to ask login, once, for everybody who waits. The shell runs it in a task of its own,
/// so that a caller who hangs up does not strand the others, and ends it with
/// [`Agent::complete`](crate::Agent::complete). A lead that is dropped instead (the task panicked
/// or was cancelled) lands its flight as unreachable: nobody waits for ever.
#[must_use = "a flight without its lead fails for everybody who waits for it"]
pub struct Lead {
    pub(crate) fetch: TokenFetch,
    pub(crate) flight: Arc<Flight>,
    pub(crate) tokens: Arc<Tokens>,
}

impl Lead {
    /// What to ask login for.
    pub fn fetch(&self) -> &TokenFetch {
        &self.fetch
    }
}

impl Drop for Lead {
    fn drop(&mut self) {
        if self.flight.landing().is_none() {
            self.tokens.abandon(&self.fetch, &self.flight);
            self.flight.land(Err(Arc::new(UpstreamError::Unreachable("the fetch was given up".to_owned()))));
        }
    }
}
