//! A binding's endpoint: the listener of one workload in one dialect.

use crate::agent::AgentRuntime;
use bonafide_files::User;
use bonafide_http::clock;
use bonafide_http::{Admission, LocalUser, PeerFacts, Service, Waits, is_served, masked_path};
use bonafide_metadata::{self as metadata, Binding, FetchDuty, Question, Waiting, refuse};
use bonafide_types::Timestamp;
use bonafide_types::limits::TOKEN_BODY_BYTES_MAX;
use bonafide_wire::{Answer, Reply, Request, Unserved};
use http::StatusCode;
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
        let may_use = |id, owner| User::told(id).is_some_and(|caller| caller.may_use_what_belongs_to(owner));
        match (self.users, peer.user) {
            (AllowedUsers::Any, _) => Admission::anybody(peer),
            (AllowedUsers::Of(owner), LocalUser::Is(id)) if may_use(id, owner) => Admission::anybody(peer),
            // It may be the user's: who is told otherwise does not come again.
            (AllowedUsers::Of(_), LocalUser::NotAsked) => Admission::Decline(Unserved::Busy),
            (AllowedUsers::Of(_), LocalUser::Is(_) | LocalUser::Nameless | LocalUser::Unknown) => {
                Admission::Refuse(refuse(&self.binding, Unserved::OtherUser, &clock::world()).into())
            }
        }
    }

    fn is_of_one_user(&self) -> bool {
        self.users != AllowedUsers::Any
    }

    fn body_bytes_max(&self, _head: &Request) -> usize {
        TOKEN_BODY_BYTES_MAX
    }

    /// The metadata service decodes no path (`bonafide_metadata::path`).
    fn logged_path<'r>(&self, raw: &'r str, status: StatusCode) -> Cow<'r, str> {
        if is_served(status) {
            return Cow::Borrowed(raw);
        }
        masked_path(raw, |segment| self.binding.has_word(segment)).into()
    }

    async fn answer(&self, request: Request, at: Timestamp, waits: &Waits<'_>) -> Answer {
        match self.agent.core.answer(&self.binding, &request, &clock::world_at(at)) {
            metadata::Answer::Reply { reply, refresh } => {
                self.run(refresh);
                reply.into()
            }
            metadata::Answer::Wait { waiting, duty } => {
                self.run(duty);
                self.wait(waiting, waits).await.into()
            }
            metadata::Answer::Ask(question) => self.ask(question, waits).await.into(),
        }
    }

    fn refusal(&self, _head: &Request, why: Unserved) -> Answer {
        refuse(&self.binding, why, &clock::world()).into()
    }

    /// A client that only looks whether there is an endpoint takes a refusal of this kind for "there is none", for good.
    fn closes_instead(&self, head: &Request, why: Unserved) -> bool {
        why == Unserved::Busy && !self.binding.is_proven(head)
    }
}

impl Endpoint {
    fn run(&self, duty: Option<FetchDuty>) {
        if let Some(duty) = duty {
            tokio::spawn(Arc::clone(&self.agent).fetch(duty));
        }
    }

    /// Asks the control plane for as long as a caller has patience.
    async fn ask(&self, mut question: Question, waits: &Waits<'_>) -> Reply {
        let sent = match question.request() {
            Some(request) => waits.until(tokio::time::timeout(WAIT, self.agent.ask(request))).await.ok(),
            None => None,
        };
        let sent = sent.unwrap_or_else(|| Err("no answer in time".to_owned()));
        self.agent.core.told(question, &sent, &clock::world())
    }

    async fn wait(&self, mut waiting: Waiting, waits: &Waits<'_>) -> Reply {
        let finished = poll_fn(|cx| if waiting.poll_finished(cx.waker()) { Poll::Ready(()) } else { Poll::Pending });
        // On timeout, answer with the token that is cached, if any.
        let _ = waits.until(tokio::time::timeout(WAIT, finished)).await;
        self.agent.core.finish(waiting, &clock::world())
    }
}
