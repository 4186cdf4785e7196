//! The rates of a workload's requests. Each workload has its own gate, so that none can slow another (ID-16).

use crate::refusal::Refusal;
use bonafide_types::limits::{METADATA_FETCHES_AT_ONCE, METADATA_RATE_PER_SECOND};
use bonafide_types::{Rate, Timestamp};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// Forced token refreshes (`bypass_cache=true`) per second and workload, five at once. Source: ours; a
/// workload that forces every request must not reach login more often than this.
const FORCED_PER_SECOND: u32 = 1;
/// Forced token refreshes that a workload may save up. Source: ours.
const FORCED_BURST: u32 = 5;

/// Limits of requests per workload. The default is Azure's: 20 a second, 5 at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Throttle {
    /// Token requests per second; as many may come at once. Zero means one. So many requests for documents, too.
    pub rate_per_second: u32,
    /// Tokens that login is asked for at once because a caller waits. Who gets a held token and who waits for a token that
    /// is being fetched already take no place of these: a login that hangs holds up nobody who does not need it.
    pub fetches_at_once: u32,
}

impl Default for Throttle {
    fn default() -> Self {
        Self { rate_per_second: METADATA_RATE_PER_SECOND, fetches_at_once: METADATA_FETCHES_AT_ONCE }
    }
}

/// The kind of a request, each with a share of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Share {
    /// A token.
    Token,
    /// A token that must be a new one.
    Forced,
    /// Anything else that is served.
    Document,
}

/// Questions of one workload to the control plane at once. Source: ours; as Azure's limit for identities.
const QUESTIONS_AT_ONCE: u32 = METADATA_FETCHES_AT_ONCE;

/// The gate of one workload; open when there are no limits.
pub(crate) struct Gate {
    limits: Option<Limits>,
    questions: Arc<AtomicU32>,
}

/// The place of a question to the control plane among those of its workload.
pub(crate) struct Slot(Arc<AtomicU32>);

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

struct Limits {
    tokens: Bucket,
    forced: Bucket,
    documents: Bucket,
}

impl Gate {
    pub(crate) fn new(throttle: Option<Throttle>) -> Self {
        let ordinary = |rate| Bucket::new(rate, rate);
        let limits = throttle.map(|Throttle { rate_per_second, .. }| Limits {
            tokens: ordinary(rate_per_second),
            forced: Bucket::new(FORCED_PER_SECOND, FORCED_BURST),
            documents: ordinary(rate_per_second),
        });
        Self { limits, questions: Arc::default() }
    }

    /// Lets a request in, or says that there are too many.
    pub(crate) fn enter(&self, share: Share, now: Timestamp) -> Result<(), Refusal> {
        let Some(Limits { tokens, forced, documents }) = &self.limits else { return Ok(()) };
        let is_in = match share {
            Share::Token => tokens.take(now),
            Share::Forced => tokens.take(now) && forced.take(now),
            Share::Document => documents.take(now),
        };
        if is_in { Ok(()) } else { Err(Refusal::Throttled) }
    }

    /// Lets a question to the control plane in, as long as few others wait for it.
    pub(crate) fn ask(&self) -> Result<Slot, Refusal> {
        // Taken at once, and given back where it was one too many.
        let before = self.questions.fetch_add(1, Ordering::Relaxed);
        let slot = Slot(Arc::clone(&self.questions));
        if before < QUESTIONS_AT_ONCE { Ok(slot) } else { Err(Refusal::Throttled) }
    }
}

struct Bucket {
    rate: Rate,
    full_at_micros: AtomicU64,
}

impl Bucket {
    fn new(rate_per_second: u32, burst: u32) -> Self {
        Self { rate: Rate::new(rate_per_second, burst), full_at_micros: AtomicU64::new(0) }
    }

    fn take(&self, now: Timestamp) -> bool {
        self.rate.take(&self.full_at_micros, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_seconds(1_795_253_405);

    fn after(milliseconds: u64) -> Timestamp {
        Timestamp::from_unix_micros(NOW.unix_micros() + milliseconds * 1_000)
    }

    fn gate(rate_per_second: u32) -> Gate {
        Gate::new(Some(Throttle { rate_per_second, ..Throttle::default() }))
    }

    #[test]
    fn ov_09_twenty_requests_pass_and_then_one_every_fifty_milliseconds() {
        let gate = gate(20);
        let passed = (0..100).filter(|_| gate.enter(Share::Token, NOW).is_ok()).count();
        assert_eq!(passed, 20);
        assert!(gate.enter(Share::Token, after(49)).is_err());
        assert!(gate.enter(Share::Token, after(50)).is_ok());
        assert!(gate.enter(Share::Token, after(51)).is_err());
        let passed = (0..10_000).filter(|at| gate.enter(Share::Token, after(1_050 + at)).is_ok()).count();
        assert_eq!(passed, 20 + 199);
    }

    #[test]
    fn forced_refreshes_have_a_bucket_of_their_own() {
        let gate = gate(20);
        assert_eq!((0..15).filter(|_| gate.enter(Share::Forced, NOW).is_ok()).count(), FORCED_BURST as usize);
        assert!(gate.enter(Share::Token, NOW).is_ok(), "ordinary requests go on");
        assert!(gate.enter(Share::Forced, after(1_000)).is_ok());
    }

    #[test]
    fn ov_09_few_questions_wait_for_the_control_plane_at_once() {
        let gate = gate(20);
        let mut waiting: Vec<Slot> = (0..QUESTIONS_AT_ONCE).map(|_| gate.ask().unwrap()).collect();
        assert!((0..100).all(|_| gate.ask().is_err()));
        waiting.pop();
        assert!(gate.ask().is_ok());
    }

    #[test]
    fn a_clock_that_is_set_back_does_not_close_the_gate() {
        let gate = gate(20);
        assert!(gate.enter(Share::Token, NOW.plus_seconds(86_400)).is_ok());
        assert!(gate.enter(Share::Token, NOW).is_ok());
    }
}
