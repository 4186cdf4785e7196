//! The health of this process, as probes and load balancers ask for it (docs/log.md, "Health").

use super::Need;
use crate::parts::Parts;
use bonafide_http::clock;
use bonafide_store::{DamagedRow, DamagedRows, Trouble};
use bonafide_types::limits::{TOKEN_BODY_BYTES_MAX, VIEW_AGE_SECONDS_MAX};
use bonafide_wire::{Answer, Outcome, Reply, Request, Route, Surface, Unserved, path};
use http::{Method, StatusCode};
use serde_json::{Value, json};

/// The parts that work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Readiness {
    /// Tokens are issued.
    tokens: bool,
    /// The view is young enough to say whose token is valid.
    view: bool,
    /// The store can be read.
    store: bool,
    /// The rows of the store that were found damaged.
    damaged: DamagedRows,
    /// The store can be written.
    writes: &'static str,
    /// The store's high-water mark is kept.
    mark: &'static str,
}

/// The word for a part that works.
const OK: &str = "ok";

impl Readiness {
    /// Asks each part; whether the store can be read was asked before.
    pub(crate) fn of(parts: &Parts, store: bool) -> Self {
        let view = parts.followed.age().as_secs() <= VIEW_AGE_SECONDS_MAX;
        let (mut writes, mut mark) = (OK, OK);
        for trouble in parts.store.troubles() {
            match trouble {
                Trouble::WritesStopped(_) => writes = "stopped until the next start: a write or sync failed",
                Trouble::ReserveUsed if writes == OK => writes = "deletions only: the disk is full",
                Trouble::ReserveUsed => {}
                Trouble::MarkNotKept(_) => mark = "not kept",
                Trouble::BelowMark(_) => mark = "the store is below it",
            }
        }
        let damaged = parts.store.damaged();
        Self { tokens: parts.views.current().can_sign(clock::now()), view, store, damaged, writes, mark }
    }

    /// The readiness, in one word. A store that is down is down for every replica: a replica that for that reason
    /// said it is not ready would be taken out with all others, and the tokens with them.
    pub fn word(&self) -> (StatusCode, &'static str) {
        match (self.tokens, self.view && self.store && self.damaged.count == 0 && self.writes == OK && self.mark == OK)
        {
            (true, true) => (StatusCode::OK, "ok"),
            (true, false) => (StatusCode::OK, "degraded"),
            (false, _) => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
        }
    }

    fn reply(&self) -> Reply {
        let (status, said) = self.word();
        let word = |good: bool, bad: &'static str| if good { OK } else { bad };
        let mut body = json!({
            "status": said,
            "tokens": word(self.tokens, "no signing key"),
            "view": word(self.view, "too old"),
            "store": word(self.store, "unavailable"),
            "rows": word(self.damaged.count == 0, "damaged"),
            "writes": self.writes,
            "mark": self.mark,
        });
        if self.damaged.count > 0 {
            let named: Vec<Value> = self.damaged.named.iter().map(named).collect();
            body["damaged"] = json!({ "count": self.damaged.count, "first": named });
        }
        Reply::json(status, &body)
    }
}

/// A damaged row as anybody may know of it: who reads the log finds its key there.
fn named(row: &DamagedRow) -> Value {
    json!({ "table": row.table, "row": row.name })
}

/// The health endpoints: `/healthz`, the process answers; `/readyz`, it issues tokens, and the body says which of its
/// parts work.
pub(crate) struct Health<'a> {
    pub(crate) parts: &'a Parts,
    /// True if the store can be read; `None` before it was asked.
    pub(crate) store: Option<bool>,
}

static HEALTHY: Route = Route::of_view(Method::GET, "/healthz", TOKEN_BODY_BYTES_MAX);
static READY: Route = Route::of_view(Method::GET, "/readyz", TOKEN_BODY_BYTES_MAX);

/// Tells whether a path is `/healthz` or `/readyz`.
pub(crate) fn is_health(head: &Request) -> bool {
    matches!(path::first_segment(&head.path).to_ascii_lowercase().as_str(), "healthz" | "readyz")
}

impl Surface for Health<'_> {
    type Need = Need;

    fn routes() -> Vec<&'static Route> {
        vec![&HEALTHY, &READY]
    }

    fn handle(&self, request: &Request) -> Outcome<Need> {
        if request.method != Method::GET {
            return Outcome::Answer(Reply::empty(StatusCode::METHOD_NOT_ALLOWED).with("allow", "GET").into());
        }
        if path::first_segment(&request.path).eq_ignore_ascii_case("healthz") {
            return Outcome::Answer(Reply::json(StatusCode::OK, &json!({ "status": "ok" })).into());
        }
        match self.store {
            Some(store) => Outcome::Answer(Readiness::of(self.parts, store).reply().into()),
            None => Outcome::Need(Need::Store),
        }
    }

    fn refuse(&self, _head: &Request, why: Unserved) -> Answer {
        Reply::empty(why.status()).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_issues_tokens_is_ready_whatever_else_works() {
        for (tokens, view, store, count, writes, mark, status, word) in [
            (true, true, true, 0, OK, OK, 200, "ok"),
            (true, false, true, 0, OK, OK, 200, "degraded"),
            (true, true, false, 0, OK, OK, 200, "degraded"),
            (true, true, true, 1, OK, OK, 200, "degraded"),
            (true, true, true, 0, "stopped", OK, 200, "degraded"),
            (true, true, true, 0, OK, "not kept", 200, "degraded"),
            (false, true, true, 0, OK, OK, 503, "unavailable"),
            (false, false, false, 1, OK, OK, 503, "unavailable"),
        ] {
            let damaged = DamagedRows { count, named: Vec::new() };
            let (code, said) = Readiness { tokens, view, store, damaged, writes, mark }.word();
            assert_eq!((code.as_u16(), said), (status, word));
        }
    }
}
