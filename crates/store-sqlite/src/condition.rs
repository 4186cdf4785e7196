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

    pub(crate) fn lacks_reserve(&self) -> bool {
        self.lacks_reserve.load(Ordering::Relaxed)
    }

    pub(crate) fn troubles(&self) -> Vec<Trouble> {
        let stopped = self.stopped.get().cloned().map(Trouble::WritesStopped);
        stopped.into_iter().chain(self.lacks_reserve().then_some(Trouble::ReserveUsed)).collect()
    }
}
