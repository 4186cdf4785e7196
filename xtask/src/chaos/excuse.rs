//! The failures that the present fault explains. All others are violations.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Longest time from a failure to the line in the log that tells it.
const TOLD_WITHIN: Duration = Duration::from_secs(2);

/// The failures that a fault explains.
#[derive(Debug, Clone, Copy)]
pub(super) struct Excuse {
    /// Statuses that requests may get.
    pub(super) statuses: &'static [u16],
    /// Requests may get no answer at all.
    pub(super) silence: bool,
    /// Even cached tokens may not be served: the process itself is away, or the token has expired.
    pub(super) no_cached_tokens: bool,
    /// A token that is not cached may fail at the metadata endpoint with 500, its status for a login that gives none.
    pub(super) no_new_tokens: bool,
}

impl Excuse {
    /// Nothing may fail.
    pub(super) const NONE: Self = Self { statuses: &[], silence: false, no_cached_tokens: false, no_new_tokens: false };
    /// The process is away for a while.
    pub(super) const AWAY: Self =
        Self { statuses: &[503], silence: true, no_cached_tokens: true, no_new_tokens: false };
    /// The process may be away, or its rows damaged: what is damaged is missing.
    pub(super) const DAMAGED: Self =
        Self { statuses: &[400, 401, 403, 404, 503], silence: true, no_cached_tokens: true, no_new_tokens: true };
    /// The store takes no writes; all that is in memory goes on, and an identity that is new here has no key yet.
    pub(super) const NO_WRITES: Self =
        Self { statuses: &[503, 507], silence: false, no_cached_tokens: false, no_new_tokens: true };
    /// The clock was set: what was issued before has expired, or is not valid yet, until it is made anew.
    pub(super) const CLOCK: Self =
        Self { statuses: &[401, 503], silence: true, no_cached_tokens: true, no_new_tokens: true };
}

/// The excuses at the two ends of a request: each may explain its failure.
#[derive(Debug, Clone, Copy)]
pub(super) struct Excuses([Excuse; 2]);

impl Excuses {
    pub(super) fn status(&self, status: u16) -> bool {
        self.0.iter().any(|excuse| excuse.statuses.contains(&status))
    }

    pub(super) fn silence(&self) -> bool {
        self.0.iter().any(|excuse| excuse.silence)
    }

    pub(super) fn no_new_tokens(&self) -> bool {
        self.0.iter().any(|excuse| excuse.no_new_tokens)
    }

    pub(super) fn no_cached_tokens(&self) -> bool {
        self.0.iter().any(|excuse| excuse.no_cached_tokens)
    }
}

/// The present excuse and the one before.
#[derive(Debug)]
pub(super) struct Present(Mutex<(Excuse, Excuse, Instant)>);

impl Present {
    pub(super) fn new() -> Self {
        Self(Mutex::new((Excuse::NONE, Excuse::NONE, Instant::now())))
    }

    pub(super) fn set(&self, excuse: Excuse) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *held = (excuse, held.0, Instant::now());
    }

    pub(super) fn now(&self) -> Excuse {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).0
    }

    /// The excuses of a request that began with `before` and ends now.
    pub(super) fn since(&self, before: Excuse) -> Excuses {
        Excuses([before, self.now()])
    }

    /// The excuses of what the log tells now.
    pub(super) fn told_now(&self) -> Excuses {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = if held.2.elapsed() < TOLD_WITHIN { held.1 } else { held.0 };
        Excuses([before, held.0])
    }
}
