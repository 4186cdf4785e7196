//! Connections on which nothing was asked yet. A listener that stops waits for them a moment: who had just connected when a
//! service is restarted gets an answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// The number of such connections of a listener.
#[derive(Default)]
pub(super) struct AllUnasked(Arc<AtomicUsize>);

/// One such connection, until it is asked something or ends.
pub(super) struct Unasked {
    all: Arc<AtomicUsize>,
    is_over: AtomicBool,
}

impl AllUnasked {
    /// One more.
    pub(super) fn begin(&self) -> Unasked {
        self.0.fetch_add(1, Ordering::Relaxed);
        Unasked { all: Arc::clone(&self.0), is_over: AtomicBool::new(false) }
    }

    /// True while there are some.
    pub(super) fn are_there(&self) -> bool {
        self.0.load(Ordering::Relaxed) > 0
    }
}

impl Unasked {
    /// The connection was asked something.
    pub(super) fn end(&self) {
        if !self.is_over.load(Ordering::Relaxed) && !self.is_over.swap(true, Ordering::Relaxed) {
            self.all.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Drop for Unasked {
    fn drop(&mut self) {
        self.end();
    }
}
