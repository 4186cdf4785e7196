//! The hosts listener: the hosts surface and the token service, over mTLS.

use crate::control_plane::ControlPlane;
use crate::pool::{Pool, PoolError, run_in_place};
use crate::public::login;
use bonafide_crypto::Certificate;
use bonafide_crypto::ca::host_id;
use bonafide_hosts::Wait;
use bonafide_http::Event;
use bonafide_http::clock;
use bonafide_http::{Admission, PeerFacts, Service};
use bonafide_types::Timestamp;
use bonafide_types::limits::TOKEN_BODY_BYTES_MAX;
use bonafide_wire::{Answer, Needs, Outcome, Peer, Record, Request, Surface, Unserved, needs, path};
use http::Method;
use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// Answers hosts.
pub(crate) struct HostsListener {
    pub(crate) plane: Arc<ControlPlane>,
    pub(crate) store_pool: Arc<Pool>,
    /// The revision that the view shows, for those who wait for the next.
    pub(crate) revisions: watch::Receiver<u64>,
}

impl Service for HostsListener {
    fn name(&self) -> &'static str {
        "hosts"
    }

    /// TLS has verified the certificate against the hosts' authority; here it is only read.
    fn admit(&self, peer: &PeerFacts, certificate: Option<&[u8]>) -> Admission {
        let Some(der) = certificate else { return Admission::anybody(peer) };
        match (host_id(der), Certificate::from_der(der)) {
            (Ok(host), Ok(certificate)) => {
                Admission::Serve { peer: Peer::Host(host), until: Some(certificate.not_after_seconds()) }
            }
            _ => {
                let event = Event::named("connectionRefused").with("surface", self.name()).with("peer", peer.remote);
                self.plane.log.event(&event, &"the client certificate names no host");
                Admission::anybody(peer)
            }
        }
    }

    fn body_bytes_max(&self, _method: &Method, _path: &str) -> usize {
        TOKEN_BODY_BYTES_MAX
    }

    fn read_path<'r>(&self, raw: &'r str) -> Cow<'r, str> {
        path::decoded_or_as_sent(raw)
    }

    async fn answer(&self, request: Request, _at: Timestamp) -> Answer {
        if !is_hosts(&request.path) {
            return login(&self.plane, &self.store_pool, request).await;
        }
        let request = Arc::new(request);
        let mut revisions = self.revisions.clone();
        let mut until = None;
        loop {
            let waited = until.is_some_and(|until| until <= Instant::now());
            let Wait { past, seconds } = match self.ask(&request, waited).await {
                Ok(Outcome::Answer(answer)) => return answer,
                Ok(Outcome::Need(wait)) => wait,
                Err(error) => return self.refusal(&request, (&error).into()).because(&error),
            };
            let until = *until.get_or_insert(Instant::now() + Duration::from_secs(seconds));
            // Most changes are about other hosts: the question is asked again after each.
            let changed = revisions.wait_for(|revision| *revision > past.0);
            if let Ok(Err(_)) = tokio::time::timeout_at(until, changed).await {
                // Nobody says any more what is new: the process stops, and its agent's own poll ends with it.
                return Answer { record: Record::quiet(), ..self.refusal(&request, Unserved::Busy) };
            }
        }
    }

    fn refusal(&self, head: &Request, why: Unserved) -> Answer {
        if is_hosts(&head.path) {
            self.plane.hosts(clock::world(), true, |hosts| hosts.refuse(head, why))
        } else {
            self.plane.login(clock::world(), true, |login| login.refuse(head, why))
        }
    }
}

/// True when a path is the hosts surface's; all others are the token service's.
fn is_hosts(raw: &str) -> bool {
    path::first_segment(raw) == "hosts"
}

impl HostsListener {
    async fn ask(&self, request: &Arc<Request>, waited: bool) -> Result<Outcome<Wait>, PoolError> {
        let ask = move |plane: &ControlPlane, request: &Request| {
            plane.hosts(clock::world(), waited, |hosts| hosts.handle(request))
        };
        if needs::<bonafide_hosts::Cx<'_>>(request) == Needs::View {
            return run_in_place(|| ask(&self.plane, request));
        }
        let (plane, request) = (Arc::clone(&self.plane), Arc::clone(request));
        let job = move || {
            let outcome = ask(&plane, &request);
            // A host that has just joined, or registered a key, goes on at once and must be known
            // then. A view that cannot be brought up now follows by itself a moment later.
            let _ = plane.catch_up();
            outcome
        };
        self.store_pool.run(job).await
    }
}
