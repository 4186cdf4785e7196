//! The health of this process, as probes and load balancers ask for it (docs/log.md, "Health").

use super::Need;
use crate::agents::AgentReport;
use crate::clock_check::{self, ImplausibleClock};
use crate::parts::Parts;
use bonafide_http::clock;
use bonafide_store::{DamagedRow, DamagedRows, Trouble};
use bonafide_types::Timestamp;
use bonafide_types::limits::{TOKEN_BODY_BYTES_MAX, VIEW_AGE_SECONDS_MAX};
use bonafide_wire::{Answer, Outcome, Reply, Request, Route, Surface, Unserved, path};
use http::{Method, StatusCode};
use serde_json::{Value, json};

/// The parts that work.
#[derive(Debug, Clone)]
pub struct Readiness {
    /// Tokens are issued.
    tokens: bool,
    /// The view is young enough to say whose token is valid.
    view: bool,
    /// The store can be read.
    store: bool,
    /// The time that the clock shows can be.
    clock: Result<(), ImplausibleClock>,
    /// The agent of this process, where there is one.
    agent: Option<AgentReport>,
    /// The names of hosts that are frozen.
    frozen: Vec<String>,
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
        let (view, now) = (parts.views.current(), clock::now());
        let mut frozen: Vec<String> =
            view.hosts().filter(|(_, host)| host.frozen_at.is_some()).map(|(_, host)| host.name.clone()).collect();
        frozen.sort_unstable();
        let (writes, mark) = of_troubles(&parts.store.troubles());
        Self {
            tokens: view.can_sign(now),
            view: parts.followed.age().as_secs() <= VIEW_AGE_SECONDS_MAX,
            store,
            clock: clock_check::check(&view, now),
            agent: parts.agent.report(),
            frozen,
            damaged: parts.store.damaged(),
            writes,
            mark,
        }
    }

    /// The readiness, in one word. A store that is down is down for every replica: a replica that for that reason
    /// said it is not ready would be taken out with all others, and the tokens with them. The same goes for the clock and
    /// for hosts, whose cached tokens go on.
    pub fn word(&self) -> (StatusCode, &'static str) {
        let agent_is_well = self.agent.as_ref().is_none_or(|agent| agent.word() == OK);
        let store_is_well = self.store && self.damaged.count == 0 && self.writes == OK && self.mark == OK;
        let all = self.view && store_is_well && self.clock.is_ok() && agent_is_well && self.frozen.is_empty();
        match (self.tokens, all) {
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
            "clock": self.clock.map_or_else(|why| why.to_string(), |()| OK.to_owned()),
            "agents": self.agent.iter().map(describe).collect::<Vec<_>>(),
            "frozenHosts": self.frozen,
        });
        if self.damaged.count > 0 {
            let named: Vec<Value> = self.damaged.named.iter().map(named).collect();
            body["damaged"] = json!({ "count": self.damaged.count, "first": named });
        }
        Reply::json(status, &body)
    }
}

/// The words for writing to the store, and for its high-water mark.
fn of_troubles(troubles: &[Trouble]) -> (&'static str, &'static str) {
    let (mut writes, mut mark) = (OK, OK);
    for trouble in troubles {
        match trouble {
            Trouble::WritesStopped(_) => writes = "stopped until the next start: a write or sync failed",
            Trouble::DeletionsOnly if writes == OK => writes = "deletions only: the disk is full",
            Trouble::SecretsLeft(_) if writes == OK => writes = "no space to remove an older version's secrets",
            Trouble::DeletionsOnly | Trouble::SecretsLeft(_) => {}
            Trouble::MarkNotKept(_) => mark = "not kept",
            Trouble::BelowMark(_) => mark = "the store is below it",
        }
    }
    (writes, mark)
}

fn describe(agent: &AgentReport) -> Value {
    json!({
        "host": agent.host,
        "status": agent.word(),
        "certificateEndsAt": agent.certificate_ends_at.map(Timestamp::second),
        "secondsSinceContact": agent.silence.map(|silence| silence.as_secs()),
    })
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

    use crate::agents::Membership;
    use std::time::Duration;

    fn well() -> Readiness {
        let agent = AgentReport {
            host: "local".to_owned(),
            certificate_ends_at: None,
            silence: Some(Duration::ZERO),
            membership: Membership::Valid,
        };
        Readiness {
            tokens: true,
            view: true,
            store: true,
            clock: Ok(()),
            agent: Some(agent),
            frozen: Vec::new(),
            damaged: DamagedRows { count: 0, named: Vec::new() },
            writes: OK,
            mark: OK,
        }
    }

    #[test]
    fn av_07_who_issues_tokens_is_ready_and_whatever_else_fails_is_seen() {
        let word = |change: fn(&mut Readiness)| {
            let mut readiness = well();
            change(&mut readiness);
            let (status, word) = readiness.word();
            (status.as_u16(), word)
        };
        assert_eq!(word(|_| ()), (200, "ok"));
        assert_eq!(word(|all| all.agent = None), (200, "ok"), "a control plane alone");
        let degrading: [fn(&mut Readiness); 8] = [
            |all| all.view = false,
            |all| all.store = false,
            |all| all.clock = Err(ImplausibleClock::BeforeProgram { now: Timestamp::from_unix_seconds(0) }),
            |all| all.agent.as_mut().unwrap().membership = Membership::Expired,
            |all| all.damaged.count = 1,
            |all| all.writes = "stopped",
            |all| all.mark = "not kept",
            |all| all.frozen.push("edge".to_owned()),
        ];
        for change in degrading {
            assert_eq!(word(change), (200, "degraded"));
        }
        assert_eq!(word(|all| all.tokens = false), (503, "unavailable"));
    }
}
