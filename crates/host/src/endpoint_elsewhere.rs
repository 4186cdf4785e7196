//! The endpoint of a command that runs in another network namespace.

use crate::caller::UsersElsewhere;
use crate::endpoint::Endpoint;
use bonafide_http::{Admission, LocalUser, PeerFacts, Service, Waits};
use bonafide_types::Timestamp;
use bonafide_wire::{Answer, Remote, Request, Unserved};
use http::StatusCode;
use std::borrow::Cow;

/// An endpoint whose callers' users the kernel tells in their own namespace: in the agent's, another program can have a
/// connection of the same addresses.
pub(crate) struct EndpointElsewhere {
    pub(crate) endpoint: Endpoint,
    pub(crate) users: UsersElsewhere,
}

impl Service for EndpointElsewhere {
    fn name(&self) -> &'static str {
        self.endpoint.name()
    }

    fn admit(&self, peer: &PeerFacts, certificate: Option<&[u8]>) -> Admission {
        let user = match (peer.remote, peer.local) {
            (Remote::Ip(remote), Some(local)) => self.users.user_of(remote, local),
            _ => LocalUser::Unknown,
        };
        self.endpoint.admit(&PeerFacts { user, ..*peer }, certificate)
    }

    fn is_of_one_user(&self) -> bool {
        self.endpoint.is_of_one_user()
    }

    fn body_bytes_max(&self, head: &Request) -> usize {
        self.endpoint.body_bytes_max(head)
    }

    fn logged_path<'r>(&self, raw: &'r str, status: StatusCode) -> Cow<'r, str> {
        self.endpoint.logged_path(raw, status)
    }

    async fn answer(&self, request: &mut Request, at: Timestamp, waits: &Waits<'_>) -> Answer {
        self.endpoint.answer(request, at, waits).await
    }

    fn refusal(&self, head: &Request, why: Unserved) -> Answer {
        self.endpoint.refusal(head, why)
    }

    fn closes_instead(&self, head: &Request, why: Unserved) -> bool {
        self.endpoint.closes_instead(head, why)
    }
}
