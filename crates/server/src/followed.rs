//! How old the view may be: when it last showed all that the store had.

use crate::control_plane::ControlPlane;
use bonafide_core::view::ViewsError;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// When the view last showed all that the store had.
pub(crate) struct Followed(pub(crate) Mutex<Instant>);

impl Followed {
    /// At `at`.
    pub(crate) fn at(at: Instant) -> Self {
        Self(Mutex::new(at))
    }

    /// How long ago that is.
    pub(crate) fn age(&self) -> Duration {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).elapsed()
    }

    fn mark(&self, at: Instant) {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *last = at.max(*last);
    }
}

impl ControlPlane {
    /// Waits at most `timeout` for a change, and brings the view up to it. Call it in a loop.
    pub(crate) fn follow(&self, timeout: Duration) -> Result<(), ViewsError> {
        self.store.wait_for_change(self.views.current().cursor().revision, timeout);
        self.catch_up()
    }

    /// Brings the view to the store's revision at the time of the call or later.
    pub(crate) fn catch_up(&self) -> Result<(), ViewsError> {
        let asked_at = Instant::now();
        self.views.catch_up(&self.store)?;
        self.followed.mark(asked_at);
        Ok(())
    }
}
