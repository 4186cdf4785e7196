//! The endpoint of an extension on the device of a guest with a kernel of its own: a forwarder in the guest passes connections
//! on, and says that it does.

use crate::endpoint::Endpoint;
use bonafide_http::{Admission, PeerFacts, Service, SharedConnections, Waits, clock};
use bonafide_metadata::dialects::{Heard, heard};
use bonafide_types::Timestamp;
use bonafide_wire::hosts::System;
use bonafide_wire::{Answer, Request, Unserved};
use http::StatusCode;
use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Time after the last sign of a forwarder until it is gone; it gives one each second. Source: ours; with the second in which
/// it is looked at, this stays below the 5 s in which it is seen.
const SIGN_LASTS: Duration = Duration::from_millis(3_500);

/// The signs of the forwarder of one site.
pub(super) struct Signs {
    begun_at: Duration,
    last: Mutex<Option<(Duration, Heard)>>,
}

/// The forwarder, by its signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Forwarder {
    /// Not heard of yet: it may be there, and ask in a moment.
    Awaited,
    /// Never heard of.
    Missing,
    /// Heard of once, and not any more.
    Gone,
    /// It passes requests on.
    Answers(System),
    /// Another program has its port.
    PortTaken,
}

impl Signs {
    /// From now on.
    pub(super) fn begin() -> Self {
        Self { begun_at: clock::since_boot(), last: Mutex::default() }
    }

    fn note(&self, heard: Heard) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some((clock::since_boot(), heard));
    }

    /// The forwarder now.
    pub(super) fn forwarder(&self) -> Forwarder {
        self.at(clock::since_boot())
    }

    fn at(&self, now: Duration) -> Forwarder {
        match *self.last.lock().unwrap_or_else(PoisonError::into_inner) {
            None if now.saturating_sub(self.begun_at) <= SIGN_LASTS => Forwarder::Awaited,
            None => Forwarder::Missing,
            Some((at, _)) if now.saturating_sub(at) > SIGN_LASTS => Forwarder::Gone,
            Some((_, Heard { answers: false, .. })) => Forwarder::PortTaken,
            Some((_, Heard { answers: true, system })) => Forwarder::Answers(system),
        }
    }
}

/// An endpoint that hears its forwarder.
pub(super) struct GuestEndpoint {
    pub(super) endpoint: Endpoint,
    pub(super) signs: Arc<Signs>,
}

impl Service for GuestEndpoint {
    fn name(&self) -> &'static str {
        self.endpoint.name()
    }

    fn admit(&self, peer: &PeerFacts, certificate: Option<&[u8]>) -> Admission {
        self.endpoint.admit(peer, certificate)
    }

    fn is_of_one_user(&self) -> bool {
        self.endpoint.is_of_one_user()
    }

    fn shared_connections(&self) -> Option<SharedConnections> {
        self.endpoint.shared_connections()
    }

    fn hears_forwarders(&self) -> bool {
        true
    }

    fn body_bytes_max(&self, head: &Request) -> usize {
        self.endpoint.body_bytes_max(head)
    }

    fn logged_path<'r>(&self, raw: &'r str, status: StatusCode) -> Cow<'r, str> {
        self.endpoint.logged_path(raw, status)
    }

    async fn answer(&self, request: &mut Request, at: Timestamp, waits: &Waits<'_>) -> Answer {
        let heard = heard(&request.path, &request.query);
        let answer = self.endpoint.answer(request, at, waits).await;
        // A good answer: it came with the header, over the guest's loopback device, and of the run that is asked for.
        if let Some(heard) = heard.filter(|_| answer.reply.status == StatusCode::NO_CONTENT) {
            self.signs.note(heard);
        }
        answer
    }

    fn refusal(&self, head: &Request, why: Unserved) -> Answer {
        self.endpoint.refusal(head, why)
    }

    fn closes_instead(&self, head: &Request, why: Unserved) -> bool {
        self.endpoint.closes_instead(head, why)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forwarder_counts_as_long_as_it_gives_signs() {
        let signs = Signs::begin();
        assert_eq!(signs.forwarder(), Forwarder::Awaited);
        assert_eq!(signs.at(signs.begun_at + Duration::from_secs(4)), Forwarder::Missing);
        signs.note(Heard { answers: true, system: System::Linux });
        let now = clock::since_boot();
        assert_eq!(signs.at(now + Duration::from_secs(1)), Forwarder::Answers(System::Linux));
        assert_eq!(signs.at(now + Duration::from_secs(4)), Forwarder::Gone);
        signs.note(Heard { answers: false, system: System::Linux });
        assert_eq!(signs.forwarder(), Forwarder::PortTaken);
    }
}
