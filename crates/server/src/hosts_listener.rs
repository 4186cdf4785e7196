//! The hosts listener: the hosts surface and the token service, over mTLS.

use crate::clock;
use crate::control_plane::ControlPlane;
use crate::event::Event;
use crate::http::{Admission, Answered, Note, Service};
use crate::pool::{Pool, PoolError, run_in_place};
use crate::public::login;
use bonafide_crypto::Certificate;
use bonafide_crypto::ca::host_id;
use bonafide_hosts::Wait;
use bonafide_types::Timestamp;
use bonafide_types::limits::TOKEN_BODY_BYTES_MAX;
use bonafide_wire::{Outcome, Peer, Request, Unserved};
use http::Method;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
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
    fn admit(&self, address: SocketAddr, _stream: &TcpStream, certificate: Option<&[u8]>) -> Admission {
        let Some(der) = certificate else { return Admission::anybody(address) };
        match (host_id(der), Certificate::from_der(der)) {
            (Ok(host), Ok(certificate)) => {
                Admission::Serve { peer: Peer::Host(host), until: Some(certificate.not_after_seconds()) }
            }
            _ => {
                let event = Event::ConnectionRefused { surface: self.name(), peer: address.to_string() };
                self.plane.log.event(&event, &"the client certificate names no host");
                Admission::anybody(address)
            }
        }
    }

    fn body_bytes_max(&self, _method: &Method, _path: &str) -> usize {
        TOKEN_BODY_BYTES_MAX
    }

    async fn answer(&self, request: Request, _at: Timestamp) -> Answered {
        if !is_hosts(&request.path) {
            return login(&self.plane, &self.store_pool, request).await;
        }
        let request = Arc::new(request);
        let mut revisions = self.revisions.clone();
        let mut until = None;
        loop {
            let waited = until.is_some_and(|until| until <= Instant::now());
            let Wait { past, seconds } = match self.ask(&request, waited).await {
                // Nothing came while the host waited: its next poll is on its way, and on a machine
                // that rests these would be all that is logged.
                Ok(Outcome::Reply(reply)) if waited => return Answered { reply, note: Note::Quiet },
                Ok(Outcome::Reply(reply)) => return reply.into(),
                Ok(Outcome::Need(wait)) => wait,
                Err(error) => return self.refusal(&request, (&error).into()).because(&error),
            };
            let until = *until.get_or_insert(Instant::now() + Duration::from_secs(seconds));
            // Most changes are about other hosts: the question is asked again after each.
            let changed = revisions.wait_for(|revision| *revision > past.0);
            if let Ok(Err(_)) = tokio::time::timeout_at(until, changed).await {
                // Nobody says any more what is new: the process stops, and its agent's own poll ends with it.
                return Answered { note: Note::Quiet, ..self.refusal(&request, Unserved::Busy) };
            }
        }
    }

    fn refusal(&self, head: &Request, why: Unserved) -> Answered {
        if is_hosts(&head.path) {
            bonafide_hosts::Fault::from(why).reply().into()
        } else {
            self.plane.refuse_sign_in(head, why, clock::world())
        }
    }
}

/// True when a path is the hosts surface's; all others are the token service's.
fn is_hosts(path: &str) -> bool {
    path.starts_with("/hosts/")
}

impl HostsListener {
    async fn ask(&self, request: &Arc<Request>, waited: bool) -> Result<Outcome<Wait>, PoolError> {
        // What reads touches only the view; everything else writes.
        if request.method == Method::GET {
            run_in_place(|| self.plane.answer_host(request, clock::world(), waited))
        } else {
            let (plane, request) = (Arc::clone(&self.plane), Arc::clone(request));
            let job = move || {
                let outcome = plane.answer_host(&request, clock::world(), waited);
                // A host that has just joined, or registered a key, goes on at once and must be known
                // then. A view that cannot be brought up now follows by itself a moment later.
                let _ = plane.catch_up();
                outcome
            };
            self.store_pool.run(job).await
        }
    }
}
