//! Confirming negative answers: the view is brought to the store's revision before a refusal that
//! rests on it stands. Everybody who waits shares one catch-up, and catch-ups are spaced, so that a flood
//! of unknown names costs the store a few reads a second and no more.

use crate::pool::Pool;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// Pause between two catch-ups; a refusal in between rests on a view that is no older.
const APART: Duration = Duration::from_millis(100);
/// Longest time that a refusal waits for the store. When the store is slow or down, the view decides.
const PATIENCE: Duration = Duration::from_millis(500);

/// The catch-up that all refusals share.
#[derive(Default)]
pub(crate) struct Confirming {
    last: Mutex<Option<Instant>>,
}

impl Confirming {
    /// Returns when `catch_up` has run, or ran a moment ago, or did not end in time.
    pub(crate) async fn run(&self, store_pool: &Pool, catch_up: impl FnOnce() + Send + 'static) {
        let catching_up = async {
            let mut last = self.last.lock().await;
            if last.is_some_and(|last| last.elapsed() < APART) {
                return;
            }
            // The view decides now, brought up to date or not.
            let _ = store_pool.run(catch_up).await;
            *last = Some(Instant::now());
        };
        let _ = tokio::time::timeout(PATIENCE, catching_up).await;
    }
}
