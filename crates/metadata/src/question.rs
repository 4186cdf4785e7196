//! Requests that the control plane answers: what an agent cannot know by itself, or may not make.

use crate::binding::Speech;
use crate::dialect::Told;
use crate::host::{HostRequest, Sent};
use crate::refusal::{DocumentError, Refusal};
use crate::scheduled_events::EventsAsked;
use crate::throttle::Slot;
use bonafide_types::ResourceUuid;
use bonafide_wire::Reply;
use http::StatusCode;

/// The subject of a question.
pub(crate) enum About {
    /// Something that the control plane alone can answer.
    Elsewhere(Told),
    /// The machine's document, of which this path and query are asked.
    Instance { workload: ResourceUuid, etag: String, path: String, query: String },
    /// The events of a workload.
    Events { workload: ResourceUuid, asked: EventsAsked },
}

/// A request that waits for an answer of the control plane. Nobody else waits for the same.
pub struct Question {
    pub(crate) request: Option<HostRequest>,
    pub(crate) speech: Speech,
    pub(crate) about: About,
    /// Its place among the questions of its workload, for as long as it waits.
    pub(crate) _slot: Slot,
}

impl Question {
    /// The request to send to the control plane, once.
    pub fn request(&mut self) -> Option<HostRequest> {
        self.request.take()
    }
}

/// The reply that an answer makes.
pub(crate) fn reply(told: Told, sent: &Sent) -> Result<Reply, Refusal> {
    match sent {
        Ok((status, _)) if is_passing(*status) => Err(DocumentError::Away.into()),
        Ok((status, body)) => told(*status, body),
        Err(_) => Err(DocumentError::Away.into()),
    }
}

/// True of an answer that says nothing about what was asked: the host is not heard now, or the control plane has a
/// failure of its own.
fn is_passing(status: StatusCode) -> bool {
    status.is_server_error() || status == StatusCode::UNAUTHORIZED || status == StatusCode::FORBIDDEN
}
