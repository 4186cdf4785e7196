//! Connections that several listeners have together.

use crate::limits::OWN_CONNECTIONS;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Connections that the listeners of many workloads have together, so that a process does not run out of descriptors. A few
/// of each listener are its own and need none of these: whoever takes all of them leaves the others theirs.
#[derive(Clone)]
pub struct SharedConnections(Arc<Semaphore>);

/// One of them, until this is dropped.
pub(crate) struct Shared {
    _permit: Option<OwnedSemaphorePermit>,
}

impl SharedConnections {
    /// As many, for all listeners that have a clone of this.
    pub fn new(max: usize) -> Self {
        Self(Arc::new(Semaphore::new(max.min(Semaphore::MAX_PERMITS))))
    }

    /// One more connection of a listener that has `open` already; `None` where there is none left.
    pub(super) fn take(&self, open: usize) -> Option<Shared> {
        if open < OWN_CONNECTIONS {
            return Some(Shared::nothing());
        }
        Arc::clone(&self.0).try_acquire_owned().ok().map(|one| Shared { _permit: Some(one) })
    }
}

impl Shared {
    /// None of those that are shared.
    pub(super) fn nothing() -> Self {
        Self { _permit: None }
    }
}
