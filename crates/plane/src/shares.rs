//! The shares of principals in a lane: nobody fills it alone.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The number of jobs that each principal has in a lane; none stands for all that nobody is known to have sent.
type Counts = HashMap<Option<u128>, usize>;

/// Shares of one size.
pub(crate) struct Shares {
    each: usize,
    taken: Arc<Mutex<Counts>>,
}

/// A place of a share, until it is dropped.
pub(crate) struct Share {
    principal: Option<u128>,
    taken: Arc<Mutex<Counts>>,
}

impl Shares {
    /// Shares of so many jobs each.
    pub(crate) fn of(each: usize) -> Self {
        Self { each, taken: Arc::default() }
    }

    /// A place in the share of a principal; `None` when it has none left.
    pub(crate) fn take(&self, principal: Option<u128>) -> Option<Share> {
        let mut counts = locked(&self.taken);
        let count = counts.entry(principal).or_default();
        if *count >= self.each {
            return None;
        }
        *count += 1;
        Some(Share { principal, taken: Arc::clone(&self.taken) })
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut counts = locked(&self.taken);
        if let Some(count) = counts.get_mut(&self.principal) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.principal);
            }
        }
    }
}

fn locked(counts: &Mutex<Counts>) -> MutexGuard<'_, Counts> {
    counts.lock().unwrap_or_else(PoisonError::into_inner)
}
