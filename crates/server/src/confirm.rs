//! Confirming negative answers: the view is brought to the store's revision before a refusal that
//! rests on it stands. One flight serves everybody who waits, and flights are spaced, so that a flood
//! of unknown names costs the store a few reads a second and no more.

use crate::control_plane::ControlPlane;
use crate::pool::Pool;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// Flights are at least this far apart; a refusal in between rests on a view that is no older.
const APART: Duration = Duration::from_millis(100);
/// How long a refusal may wait for the store. When the store is slow or down, the view decides.
const PATIENCE: Duration = Duration::from_millis(500);

/// The one flight.
#[derive(Default)]
pub(crate) struct Confirming {
    last: Mutex<Option<Instant>>,
}

impl ControlPlane {
    /// Returns when the view has caught up with the store as it was at the time of the call, or a
    /// moment before it, or cannot in time.
    pub(crate) async fn confirm(self: &Arc<Self>, store_pool: &Pool) {
        let flight = async {
            let mut last = self.confirming.last.lock().await;
            if last.is_some_and(|last| last.elapsed() < APART) {
                return;
            }
            let plane = Arc::clone(self);
            // Whether it could be brought up or not: the view decides now.
            let _ = store_pool.run(move || plane.catch_up()).await;
            *last = Some(Instant::now());
        };
        let _ = tokio::time::timeout(PATIENCE, flight).await;
    }
}
