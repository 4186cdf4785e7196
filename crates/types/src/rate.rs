//! A rate with a burst.

use crate::Timestamp;
use std::sync::atomic::{AtomicU64, Ordering};

/// So many a second, and so many that may be saved up: a token bucket whose state is one number, the time at which it will be
/// full again (the generic cell rate algorithm). A state of zero is a full bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    interval_micros: u64,
    depth_micros: u64,
}

impl Rate {
    /// `per_second` and `burst`; zero means one.
    pub fn new(per_second: u32, burst: u32) -> Self {
        let interval_micros = 1_000_000 / u64::from(per_second.max(1));
        Self { interval_micros, depth_micros: interval_micros * u64::from(burst.max(1)) }
    }

    /// Takes one from the bucket; false when it is empty.
    pub fn take(&self, full_at_micros: &AtomicU64, now: Timestamp) -> bool {
        let now = now.unix_micros();
        let step = |full_at: u64| {
            // Further ahead than the bucket is deep: the clock was set back, so begin anew.
            let full_at = if full_at > now + self.depth_micros { now } else { full_at.max(now) };
            let next = full_at + self.interval_micros;
            (next <= now + self.depth_micros).then_some(next)
        };
        full_at_micros.try_update(Ordering::Relaxed, Ordering::Relaxed, step).is_ok()
    }
}
