//! The metadata port of `up` itself: workload `demo`'s endpoint, and readiness for what starts containers and
//! projects on this machine and can neither trust a new authority nor read JSON.

use bonafide_host::Endpoint;
use bonafide_http::{Admission, PeerFacts, Service, Waits, clock};
use bonafide_metadata::refuse_forged;
use bonafide_plane::HealthCheck;
use bonafide_types::Timestamp;
use bonafide_wire::{Answer, Reply, Request, Unserved};
use http::{Method, StatusCode};
use std::borrow::Cow;

/// The path of readiness.
const READINESS: &str = "/readyz";

/// The endpoint of `demo` with `/readyz`. No other endpoint has it: it belongs to `up` and to no workload.
pub(crate) struct OwnEndpoint {
    pub(crate) endpoint: Endpoint,
    pub(crate) health: HealthCheck,
}

impl Service for OwnEndpoint {
    fn name(&self) -> &'static str {
        self.endpoint.name()
    }

    fn admit(&self, peer: &PeerFacts, certificate: Option<&[u8]>) -> Admission {
        self.endpoint.admit(peer, certificate)
    }

    fn is_of_one_user(&self) -> bool {
        self.endpoint.is_of_one_user()
    }

    fn body_bytes_max(&self, head: &Request) -> usize {
        self.endpoint.body_bytes_max(head)
    }

    fn logged_path<'r>(&self, raw: &'r str, status: StatusCode) -> Cow<'r, str> {
        if raw.eq_ignore_ascii_case(READINESS) {
            return Cow::Borrowed(raw);
        }
        self.endpoint.logged_path(raw, status)
    }

    async fn answer(&self, request: &mut Request, at: Timestamp, waits: &Waits<'_>) -> Answer {
        if request.path.eq_ignore_ascii_case(READINESS) {
            let refusal = refuse_forged(&self.endpoint.binding, request, &clock::world_at(at));
            return match refusal {
                Some(refusal) => refusal.into(),
                None => self.ready(&request.method).await.into(),
            };
        }
        self.endpoint.answer(request, at, waits).await
    }

    fn refusal(&self, head: &Request, why: Unserved) -> Answer {
        self.endpoint.refusal(head, why)
    }

    fn closes_instead(&self, head: &Request, why: Unserved) -> bool {
        self.endpoint.closes_instead(head, why)
    }
}

impl OwnEndpoint {
    /// One word; the origin's own `/readyz` has the details.
    async fn ready(&self, method: &Method) -> Reply {
        if method != Method::GET {
            return Reply::empty(StatusCode::METHOD_NOT_ALLOWED).with("allow", "GET");
        }
        let (status, word) = self.health.readiness().await.word();
        Reply::bytes(status, "text/plain; charset=utf-8", word)
    }
}
