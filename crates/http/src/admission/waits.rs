//! Waits of a request for news, during which its connection is idle.

use super::Place;
use std::time::Instant;

/// The place of the connection whose request is being answered, for a service that has to wait for something else than its
/// own work: for a change, or for somebody else's answer. A connection that waits gives way as one does that waits for its
/// peer, or a few callers with a long wait on each of their connections would shut out all others.
pub struct Waits<'a>(Option<&'a Place>);

impl<'a> Waits<'a> {
    pub(crate) fn at(place: &'a Place) -> Self {
        Self(Some(place))
    }

    /// Of a request that came on no connection.
    pub const fn uncounted() -> Self {
        Self(None)
    }

    /// Waits for `news`. If the connection gives way meanwhile, this ends with it.
    pub async fn until<F: Future>(&self, news: F) -> F::Output {
        if let Some(place) = self.0 {
            place.quiet(Instant::now());
        }
        let output = news.await;
        if let Some(place) = self.0 {
            place.busy();
        }
        output
    }
}
