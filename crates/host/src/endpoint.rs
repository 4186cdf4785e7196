//! A binding's endpoint: the listener of one workload in one dialect.

use crate::agent::AgentRuntime;
use crate::caller::user_of;
use bonafide_files::User;
use bonafide_http::clock;
use bonafide_http::{Admission, PeerFacts, Service};
use bonafide_metadata::{self as metadata, Binding, FetchDuty, Waiting, refuse};
use bonafide_types::Timestamp;
use bonafide_types::limits::TOKEN_BODY_BYTES_MAX;
use bonafide_wire::{Answer, Reply, Request, Unserved};
use std::borrow::Cow;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

/// Longest time that a request waits for login; then it is told that there is no token. Source: the
/// clients' own patience (5 s and more).
const WAIT: Duration = Duration::from_secs(8);

/// The users whose connections an endpoint takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AllowedUsers {
    /// Anybody's: what the endpoint listens on already belongs to the workload alone.
    Any,
    /// Those of who may use what belongs to this user.
    Of(User),
}

/// Answers the requests of one binding.
pub struct Endpoint {
    /// The binding.
    pub binding: Binding,
    /// The users whose connections it takes.
    pub users: AllowedUsers,
    /// The agent that answers.
    pub agent: Arc<AgentRuntime>,
}

impl Service for Endpoint {
    fn name(&self) -> &'static str {
        "metadata"
    }

    fn admit(&self, peer: &PeerFacts, _certificate: Option<&[u8]>) -> Admission {
        let allowed = match self.users {
            AllowedUsers::Any => true,
            AllowedUsers::Of(owner) => peer
                .local
                .and_then(|local| user_of(peer.remote, local))
                .is_some_and(|caller| caller.may_use_what_belongs_to(owner)),
        };
        if allowed {
            return Admission::anybody(peer);
        }
        Admission::Refuse(refuse(&self.binding, Unserved::OtherUser, &clock::world()).into())
    }

    fn body_bytes_max(&self, _head: &Request) -> usize {
        TOKEN_BODY_BYTES_MAX
    }

    /// The metadata service decodes no path (`bonafide_metadata::path`).
    fn read_path<'r>(&self, raw: &'r str) -> Cow<'r, str> {
        Cow::Borrowed(raw)
    }

    async fn answer(&self, request: Request, at: Timestamp) -> Answer {
        match self.agent.core.answer(&self.binding, &request, &clock::world_at(at)) {
            metadata::Answer::Reply { reply, refresh } => {
                self.run(refresh);
                reply.into()
            }
            metadata::Answer::Wait { waiting, duty } => {
                self.run(duty);
                self.wait(waiting).await.into()
            }
        }
    }

    fn refusal(&self, _head: &Request, why: Unserved) -> Answer {
        refuse(&self.binding, why, &clock::world()).into()
    }
}

impl Endpoint {
    fn run(&self, duty: Option<FetchDuty>) {
        if let Some(duty) = duty {
            tokio::spawn(Arc::clone(&self.agent).fetch(duty));
        }
    }

    async fn wait(&self, mut waiting: Waiting) -> Reply {
        let finished = poll_fn(|cx| if waiting.poll_finished(cx.waker()) { Poll::Ready(()) } else { Poll::Pending });
        // On timeout, answer with the token that is cached, if any.
        let _ = tokio::time::timeout(WAIT, finished).await;
        self.agent.core.finish(waiting, &clock::world())
    }
}
