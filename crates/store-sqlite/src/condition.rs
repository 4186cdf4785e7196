//! The condition of an engine, for those who must not wait for its writer.

use bonafide_store::{EngineError, Trouble};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

/// The troubles of one engine. The writer tells of them; anybody reads them without a lock.
#[derive(Default)]
pub(crate) struct Condition {
    /// The failure after which nothing is written.
    stopped: OnceLock<String>,
    lacks_reserve: AtomicBool,
    /// The last write that may not use the reserve found no space.
    was_full: AtomicBool,
}

impl Condition {
    pub(crate) fn stop(&self, why: String) {
        // The first failure counts; there is no writing after it that could fail again.
        let _ = self.stopped.set(why);
    }

    pub(crate) fn stopped(&self) -> EngineError {
        EngineError::Stopped(self.stopped.get().cloned().unwrap_or_default())
    }

    pub(crate) fn set_reserve(&self, is_whole: bool) {
        self.lacks_reserve.store(!is_whole, Ordering::Relaxed);
    }

    pub(crate) fn set_full(&self, was_full: bool) {
        self.was_full.store(was_full, Ordering::Relaxed);
    }

    /// True while only what takes something away is written.
    pub(crate) fn takes_deletions_only(&self) -> bool {
        self.lacks_reserve.load(Ordering::Relaxed) || self.was_full.load(Ordering::Relaxed)
    }

    pub(crate) fn troubles(&self) -> Vec<Trouble> {
        let stopped = self.stopped.get().cloned().map(Trouble::WritesStopped);
        stopped.into_iter().chain(self.takes_deletions_only().then_some(Trouble::DeletionsOnly)).collect()
    }
}
