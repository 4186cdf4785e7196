//! The moment of a request by both clocks of a machine: the one that says what time it is and may be set, and the one that
//! counts from the start of the machine, sleep included, and cannot.

use bonafide_types::Timestamp;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

/// A moment by both clocks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    pub(crate) now: Timestamp,
    /// Microseconds since the machine started.
    pub(crate) since_boot: u64,
}

/// The distance between the two clocks at the last look. A request needs no second clock: it adds.
#[derive(Default)]
pub(crate) struct Clocks {
    /// Microseconds by which the clock is ahead of the time since the start of the machine.
    ahead: AtomicI64,
}

impl Clocks {
    /// Compares the clocks. Until the next look a clock that is set is believed to have gone on.
    pub(crate) fn look(&self, now: Timestamp, since_boot: Duration) {
        let signed = |micros: u64| i64::try_from(micros).unwrap_or(i64::MAX);
        self.ahead.store(signed(now.unix_micros()).saturating_sub(signed(micros(since_boot))), Ordering::Relaxed);
    }

    /// The moment at which the clock shows `now`.
    pub(crate) fn at(&self, now: Timestamp) -> Moment {
        let ahead = self.ahead.load(Ordering::Relaxed);
        Moment { now, since_boot: now.unix_micros().saturating_add_signed(ahead.saturating_neg()) }
    }
}

/// Whole microseconds.
pub(crate) fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
