//! The age of the view: when it last showed all that the store had, by a clock that counts sleep.

use bonafide_http::clock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The last time at which the view showed all that the store had, in microseconds since the machine started.
pub(crate) struct Followed(AtomicU64);

impl Followed {
    /// Marks the view as current at `at`, a time since the machine started.
    pub(crate) fn at(at: Duration) -> Self {
        Self(AtomicU64::new(micros(at)))
    }

    /// Sets the mark, to before as well.
    #[cfg(test)]
    pub(crate) fn set(&self, at: Duration) {
        self.0.store(micros(at), Ordering::Relaxed);
    }

    /// Age of the view.
    pub(crate) fn age(&self) -> Duration {
        clock::since_boot().saturating_sub(Duration::from_micros(self.0.load(Ordering::Relaxed)))
    }

    /// Marks the view as current at `at`, unless it was so later.
    pub(crate) fn mark(&self, at: Duration) {
        self.0.fetch_max(micros(at), Ordering::Relaxed);
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
