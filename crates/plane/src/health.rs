//! Whether this process does its work: what probes and load balancers ask (docs/log.md, "Health").

use crate::control_plane::ControlPlane;
use crate::pool::Pool;
use bonafide_http::clock;
use bonafide_types::limits::VIEW_AGE_SECONDS_MAX;
use http::StatusCode;
use std::sync::Arc;
use std::time::Duration;

/// How long readiness waits for the store. Source: ours; probes wait a second or more.
const STORE_PATIENCE: Duration = Duration::from_millis(900);

/// What works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Readiness {
    /// Tokens are issued.
    pub(crate) tokens: bool,
    /// The view is young enough to say whose token counts.
    pub(crate) view: bool,
    /// The store can be read.
    pub(crate) store: bool,
}

impl Readiness {
    /// Asks each part.
    pub(crate) async fn of(plane: &Arc<ControlPlane>, store_pool: &Pool) -> Self {
        let (view, asked) = (plane.followed.age().as_secs() <= VIEW_AGE_SECONDS_MAX, Arc::clone(plane));
        let head = store_pool.run(move || asked.store.head().is_ok());
        let store = matches!(tokio::time::timeout(STORE_PATIENCE, head).await, Ok(Ok(true)));
        Self { tokens: plane.views.current().can_sign(clock::now()), view, store }
    }

    /// Whether it is ready, in one word. A store that is down is down for every replica: one that said for that
    /// reason that it is not ready would be taken out with all others, and the tokens with them.
    pub(crate) fn word(self) -> (StatusCode, &'static str) {
        match (self.tokens, self.view && self.store) {
            (true, true) => (StatusCode::OK, "ok"),
            (true, false) => (StatusCode::OK, "degraded"),
            (false, _) => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_issues_tokens_is_ready_whatever_else_works() {
        for (tokens, view, store, status, word) in [
            (true, true, true, 200, "ok"),
            (true, false, true, 200, "degraded"),
            (true, true, false, 200, "degraded"),
            (false, true, true, 503, "unavailable"),
            (false, false, false, 503, "unavailable"),
        ] {
            let (code, said) = Readiness { tokens, view, store }.word();
            assert_eq!((code.as_u16(), said), (status, word));
        }
    }
}
