//! The limits of a workload's token requests: a rate, and a number at once. Each workload has its own
//! gate, so that none can slow another (ID-16).

use crate::refusal::Refusal;
use bonafide_types::Timestamp;
use bonafide_types::limits::{METADATA_CONCURRENT, METADATA_RATE_PER_SECOND};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// Forced token refreshes (`bypass_cache=true`) per second and workload, five at once. Source: ours; a
/// workload that forces every request must not reach login more often than this.
const FORCED_PER_SECOND: u32 = 1;
/// Forced token refreshes that a workload may save up. Source: ours.
const FORCED_BURST: u32 = 5;

/// Limits of token requests per workload. The default is Azure's: 20 a second, 5 at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Throttle {
    /// Requests per second; as many may come at once. Zero means one.
    pub rate_per_second: u32,
    /// Requests at once. Zero means one.
    pub concurrent: u32,
}

impl Default for Throttle {
    fn default() -> Self {
        Self { rate_per_second: METADATA_RATE_PER_SECOND, concurrent: METADATA_CONCURRENT }
    }
}

/// A request's place among those that run at once. The shell keeps it until the reply is written.
#[derive(Default)]
pub struct Permit(Option<Arc<Gate>>);

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(gate) = &self.0 {
            gate.running.fetch_sub(1, Ordering::Release);
        }
    }
}

/// The gate of one workload; open when there are no limits.
pub(crate) struct Gate {
    limits: Option<Limits>,
    running: AtomicU32,
}

struct Limits {
    concurrent: u32,
    requests: Bucket,
    forced: Bucket,
}

impl Gate {
    pub(crate) fn new(throttle: Option<Throttle>) -> Self {
        let limits = throttle.map(|throttle| Limits {
            concurrent: throttle.concurrent.max(1),
            requests: Bucket::new(throttle.rate_per_second, throttle.rate_per_second),
            forced: Bucket::new(FORCED_PER_SECOND, FORCED_BURST),
        });
        Self { limits, running: AtomicU32::new(0) }
    }

    /// Lets a request in, or says that there are too many. A request that is turned away uses
    /// up nothing.
    pub(crate) fn enter(self: &Arc<Self>, forced: bool, now: Timestamp) -> Result<Permit, Refusal> {
        let Some(limits) = &self.limits else { return Ok(Permit(None)) };
        let room = |running: u32| (running < limits.concurrent).then_some(running + 1);
        self.running.try_update(Ordering::Acquire, Ordering::Relaxed, room).map_err(|_| Refusal::Throttled)?;
        let permit = Permit(Some(Arc::clone(self)));
        if !limits.requests.take(now) || (forced && !limits.forced.take(now)) {
            return Err(Refusal::Throttled);
        }
        Ok(permit)
    }
}

/// A token bucket kept as one number, the time at which it will be full again (the generic cell
/// rate algorithm).
struct Bucket {
    full_at_micros: AtomicU64,
    interval_micros: u64,
    depth_micros: u64,
}

impl Bucket {
    fn new(rate_per_second: u32, burst: u32) -> Self {
        let interval_micros = 1_000_000 / u64::from(rate_per_second.max(1));
        let depth_micros = interval_micros * u64::from(burst.max(1));
        Self { full_at_micros: AtomicU64::new(0), interval_micros, depth_micros }
    }

    fn take(&self, now: Timestamp) -> bool {
        let now = now.unix_micros();
        let step = |full_at: u64| {
            // Further ahead than the bucket is deep: the clock was set back, so begin anew.
            let full_at = if full_at > now + self.depth_micros { now } else { full_at.max(now) };
            let next = full_at + self.interval_micros;
            (next <= now + self.depth_micros).then_some(next)
        };
        self.full_at_micros.try_update(Ordering::Relaxed, Ordering::Relaxed, step).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_seconds(1_795_253_405);

    fn after(milliseconds: u64) -> Timestamp {
        Timestamp::from_unix_micros(NOW.unix_micros() + milliseconds * 1_000)
    }

    fn gate(rate_per_second: u32, concurrent: u32) -> Arc<Gate> {
        Arc::new(Gate::new(Some(Throttle { rate_per_second, concurrent })))
    }

    #[test]
    fn twenty_requests_pass_and_then_one_every_fifty_milliseconds() {
        let gate = gate(20, 5);
        let passed = (0..100).filter(|_| gate.enter(false, NOW).is_ok()).count();
        assert_eq!(passed, 20);
        assert!(gate.enter(false, after(49)).is_err());
        assert!(gate.enter(false, after(50)).is_ok());
        assert!(gate.enter(false, after(51)).is_err());
        let passed = (0..10_000).filter(|at| gate.enter(false, after(1_050 + at)).is_ok()).count();
        assert_eq!(passed, 20 + 199);
    }

    #[test]
    fn a_sixth_request_at_once_is_turned_away_until_one_is_done() {
        let gate = gate(1_000, 5);
        let mut running: Vec<Permit> = (0..5).map(|_| gate.enter(false, NOW).ok().unwrap()).collect();
        assert!(gate.enter(false, NOW).is_err());
        running.pop();
        running.push(gate.enter(false, NOW).ok().unwrap());
        assert!(gate.enter(false, NOW).is_err());
    }

    #[test]
    fn forced_refreshes_have_a_bucket_of_their_own() {
        let gate = gate(20, 5);
        assert_eq!((0..15).filter(|_| gate.enter(true, NOW).is_ok()).count(), FORCED_BURST as usize);
        assert!(gate.enter(false, NOW).is_ok(), "ordinary requests go on");
        assert!(gate.enter(true, after(1_000)).is_ok());
    }

    #[test]
    fn a_clock_that_is_set_back_does_not_close_the_gate() {
        let gate = gate(20, 5);
        assert!(gate.enter(false, NOW.plus_seconds(86_400)).is_ok());
        assert!(gate.enter(false, NOW).is_ok());
    }
}
