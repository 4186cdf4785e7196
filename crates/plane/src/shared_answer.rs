//! Questions to the store that anybody may cause: everybody who asks at once shares one answer, and answers are spaced, so
//! that a flood costs the store a few reads a second and no more.

use std::future::Future;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// Pause between two answers; who asks in between gets the last one. Source: ours.
const APART: Duration = Duration::from_millis(100);

/// The last answer to a question.
pub(crate) struct SharedAnswer<T>(Mutex<Option<(Instant, T)>>);

impl<T> Default for SharedAnswer<T> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<T: Copy> SharedAnswer<T> {
    /// The answer of `ask`, or one of a moment ago; `None` when there is none within `patience`.
    pub(crate) async fn get(&self, patience: Duration, ask: impl Future<Output = T>) -> Option<T> {
        let answer = async {
            let mut last = self.0.lock().await;
            match *last {
                Some((at, answer)) if at.elapsed() < APART => answer,
                _ => {
                    let answer = ask.await;
                    *last = Some((Instant::now(), answer));
                    answer
                }
            }
        };
        tokio::time::timeout(patience, answer).await.ok()
    }

    /// Forgets the last answer: a test does not wait.
    #[cfg(test)]
    pub(crate) async fn forget(&self) {
        *self.0.lock().await = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[tokio::test]
    async fn ov_04_any_number_who_ask_cost_one_answer_and_who_finds_no_answer_waits_no_longer_than_its_patience() {
        let (shared, asked) = (SharedAnswer::default(), Cell::new(0));
        for _ in 0..1_000 {
            let ask = async {
                asked.set(asked.get() + 1);
                asked.get()
            };
            assert_eq!(shared.get(Duration::from_secs(1), ask).await, Some(1));
        }
        let silent = SharedAnswer::<u8>::default();
        assert_eq!(silent.get(Duration::from_millis(1), std::future::pending()).await, None);
    }
}
