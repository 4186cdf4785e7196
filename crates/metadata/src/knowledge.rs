//! The age of what the agent knows: whether it can be said that an identity is not here, or only that it is not known yet.

use crate::moment::Moment;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

const SECOND: u64 = 1_000_000;
/// Time for which an answer of the control plane is news enough, in microseconds. Source: ours; however many guesses come, the
/// control plane is asked once in it.
const FRESH: u64 = SECOND;
/// Time after the first failure to reach the control plane, or after a start without it, during which something may have
/// changed that is heard of soon, in microseconds. Source: ours; clients repeat a request for as long, and control planes
/// start again within it.
const MAY_BE_BEHIND: u64 = 30 * SECOND;
/// Longest pause between two looks for the sake of one workload, in microseconds. Source: ours; a program that asks for an
/// identity that it never gets costs the control plane a look a minute.
const PAUSE_MAX: u64 = 60 * SECOND;

/// The age of what is known, in microseconds since the machine started.
#[derive(Default)]
pub(crate) struct Knowledge {
    /// Anything is known: the control plane has answered, or what was kept is in force.
    is_loaded: AtomicBool,
    /// The last request to the control plane was answered.
    is_heard: AtomicBool,
    fresh_until: AtomicU64,
    behind_until: AtomicU64,
}

/// Looks for the sake of one workload: each that brought nothing makes the pause before the next longer.
#[derive(Default)]
pub(crate) struct Looks {
    next_at: AtomicU64,
    pause: AtomicU64,
}

impl Knowledge {
    /// Everything that there is is known.
    pub(crate) fn load(&self) {
        self.is_loaded.store(true, Ordering::Release);
    }

    /// The control plane has answered, and its answer is in force.
    pub(crate) fn hear(&self, moment: Moment) {
        self.load();
        self.is_heard.store(true, Ordering::Relaxed);
        self.behind_until.store(0, Ordering::Relaxed);
        self.fresh_until.store(moment.since_boot.saturating_add(FRESH), Ordering::Release);
    }

    /// The control plane did not answer. The first time something may be on its way.
    pub(crate) fn miss(&self, moment: Moment) {
        if self.is_heard.swap(false, Ordering::Relaxed) {
            self.fall_behind(moment);
        }
    }

    /// Something may have changed that was not heard of.
    pub(crate) fn fall_behind(&self, moment: Moment) {
        self.behind_until.store(moment.since_boot.saturating_add(MAY_BE_BEHIND), Ordering::Relaxed);
    }

    /// True when it can be said that something is not here.
    pub(crate) fn is_decisive(&self, moment: Moment) -> bool {
        self.is_loaded.load(Ordering::Acquire) && moment.since_boot >= self.behind_until.load(Ordering::Relaxed)
    }

    /// True when the control plane has answered since.
    pub(crate) fn is_news_since(&self, began: Moment) -> bool {
        self.is_decisive(began) && self.fresh_until.load(Ordering::Acquire) > began.since_boot.saturating_add(FRESH)
    }

    /// True when a look at the control plane could tell more.
    pub(crate) fn wants_look(&self, looks: &Looks, moment: Moment) -> bool {
        if !self.is_decisive(moment) {
            return true;
        }
        moment.since_boot >= self.fresh_until.load(Ordering::Acquire) && looks.may_begin(moment)
    }
}

impl Looks {
    /// True when the pause after the last look is over; another one begins.
    fn may_begin(&self, moment: Moment) -> bool {
        if moment.since_boot < self.next_at.load(Ordering::Relaxed) {
            return false;
        }
        let pause = self.pause.load(Ordering::Relaxed).clamp(FRESH, PAUSE_MAX);
        self.next_at.store(moment.since_boot.saturating_add(pause), Ordering::Relaxed);
        self.pause.store(pause * 2, Ordering::Relaxed);
        true
    }
}
