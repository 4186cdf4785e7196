//! Events of the token path, counted. Only tests read them.

use std::sync::atomic::{AtomicU64, Ordering};

/// The number of times that each thing has happened since the agent began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Token requests answered from the cache, without waiting for login.
    pub hits: u64,
    /// Token requests that had to wait for login: there was no token, it had expired, or the caller
    /// forced it.
    pub waits: u64,
    /// Fetches begun, in the background or not: what login is asked.
    pub fetches: u64,
    /// Fetches begun in the background, past half of a token's life.
    pub refreshes: u64,
    /// Fetches that brought no token.
    pub failures: u64,
    /// Requests for an identity that was not known, which were held for a look at the control plane.
    pub held: u64,
    /// Token requests turned away because there were too many.
    pub throttled: u64,
}

#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) hits: AtomicU64,
    pub(crate) waits: AtomicU64,
    pub(crate) fetches: AtomicU64,
    pub(crate) refreshes: AtomicU64,
    pub(crate) failures: AtomicU64,
    pub(crate) held: AtomicU64,
    pub(crate) throttled: AtomicU64,
}

impl Tally {
    pub(crate) fn read(&self) -> Counters {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counters {
            hits: read(&self.hits),
            waits: read(&self.waits),
            fetches: read(&self.fetches),
            refreshes: read(&self.refreshes),
            failures: read(&self.failures),
            held: read(&self.held),
            throttled: read(&self.throttled),
        }
    }
}

pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
