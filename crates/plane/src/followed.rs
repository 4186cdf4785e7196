//! The age of the view: when it last showed all that the store had.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The last time at which the view showed all that the store had.
pub(crate) struct Followed(pub(crate) Mutex<Instant>);

impl Followed {
    /// Marks the view as current at `at`.
    pub(crate) fn at(at: Instant) -> Self {
        Self(Mutex::new(at))
    }

    /// Age of the view.
    pub(crate) fn age(&self) -> Duration {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).elapsed()
    }

    /// Marks the view as current at `at`, unless it was so later.
    pub(crate) fn mark(&self, at: Instant) {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *last = at.max(*last);
    }
}
