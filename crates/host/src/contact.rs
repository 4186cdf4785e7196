//! The last answer of the control plane.

use bonafide_http::clock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The moment of the last answer, by a clock that counts sleep and that nobody sets.
#[derive(Default)]
pub(crate) struct Contact {
    /// Microseconds since the machine started; 0 before the first.
    at_micros: AtomicU64,
}

impl Contact {
    /// An answer has come now.
    pub(crate) fn mark(&self) {
        let micros = u64::try_from(clock::since_boot().as_micros()).unwrap_or(u64::MAX);
        self.at_micros.fetch_max(micros.max(1), Ordering::Relaxed);
    }

    /// The time since the last; `None` before the first.
    pub(crate) fn ago(&self) -> Option<Duration> {
        let at = Some(self.at_micros.load(Ordering::Relaxed)).filter(|at| *at > 0)?;
        Some(clock::since_boot().saturating_sub(Duration::from_micros(at)))
    }
}
