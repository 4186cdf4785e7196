//! A binding's endpoint: the listener of one workload in one dialect.

use crate::agent::AgentRuntime;
use crate::caller::Callers;
use crate::rules::Guarded;
use bonafide_files::User;
use bonafide_http::clock;
use bonafide_http::{Admission, LocalUser, PeerFacts, Service, SharedConnections, Waits, is_served, masked_path};
use bonafide_metadata::{self as metadata, Binding, FetchDuty, Held, Question, Waiting, refuse};
use bonafide_types::limits::TOKEN_BODY_BYTES_MAX;
use bonafide_types::{Timestamp, World};
use bonafide_wire::{Answer, Reply, Request, Unserved};
use http::StatusCode;
use std::borrow::Cow;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// Longest time that a request waits for login; then it is told that there is no token. Source: the
/// clients' own patience (5 s and more).
const WAIT: Duration = Duration::from_secs(8);

/// The same where an older token is valid still. Source: the catalogue's OV-07; less than the second for which the most impatient
/// clients wait.
const FALL_BACK: Duration = Duration::from_millis(700);

/// Longest time that a request for an identity that is not known is held. Source: the catalogue's AV-11; half of the patience of
/// clients that ask once.
const HOLD: Duration = Duration::from_millis(500);

/// The users whose connections an endpoint takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AllowedUsers {
    /// Anybody's: what the endpoint listens on already belongs to the workload alone.
    Any,
    /// Those of who may use what belongs to this user.
    Of(User),
    /// Those that come through the interface that the endpoint listens on. The kernel takes a program on the interface's own
    /// side for one of them, because the address is that of the interface (ID-05): the endpoint's `callers` tell.
    OtherEnd,
}

/// Answers the requests of one binding.
pub struct Endpoint {
    /// The binding.
    pub binding: Binding,
    /// The users whose connections it takes.
    pub users: AllowedUsers,
    /// The agent that answers.
    pub agent: Arc<AgentRuntime>,
    /// The connections that it has together with other endpoints, beyond a few of its own.
    pub connections: Option<SharedConnections>,
    /// The way in which its callers are known. At an interface where they are not, no connection counts as one of the other end.
    pub callers: Callers,
    /// Our end of its connections, of TCP.
    pub at: Option<SocketAddr>,
    /// The rules of the binding.
    pub guarded: Guarded,
}

impl Service for Endpoint {
    fn name(&self) -> &'static str {
        "metadata"
    }

    fn admit(&self, peer: &PeerFacts, _certificate: Option<&[u8]>) -> Admission {
        let may_use = |id, owner| User::told(id).is_some_and(|caller| caller.may_use_what_belongs_to(owner));
        let is_served = match self.users {
            AllowedUsers::Any => true,
            AllowedUsers::OtherEnd => self.callers.are_beyond(peer),
            AllowedUsers::Of(owner) => match self.callers.user(peer) {
                LocalUser::Is(id) => may_use(id, owner),
                // It may be the user's: who is told otherwise does not come again.
                LocalUser::NotAsked => return Admission::Decline(Unserved::Busy),
                LocalUser::Nameless | LocalUser::Unknown => false,
            },
        };
        match is_served {
            true => Admission::anybody(peer),
            false => Admission::Refuse(refuse(&self.binding, Unserved::OtherUser, &clock::world()).into()),
        }
    }

    fn is_of_one_user(&self) -> bool {
        self.users != AllowedUsers::Any
    }

    fn shared_connections(&self) -> Option<SharedConnections> {
        self.connections.clone()
    }

    fn control_group_of(&self, connection: BorrowedFd<'_>) -> Option<u64> {
        self.guarded.control_group_of(connection)
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

    async fn answer(&self, request: &mut Request, at: Timestamp, waits: &Waits<'_>) -> Answer {
        match self.answer_at_once(request, at) {
            Ok(reply) => reply.into(),
            // Apart: what is seldom waited for takes no room in the future of each request.
            Err(later) => Box::pin(self.answer_later(later, request, waits)).await.into(),
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

/// The reason why there is no reply yet.
enum Later {
    /// An identity that is not known.
    Held(Held),
    /// A token that login is asked for.
    Wait(Box<Waiting>),
    /// A question to the control plane.
    Ask(Box<Question>),
}

impl Endpoint {
    /// The reply to a request that the rules of the binding do not allow.
    fn not_allowed(&self, request: &Request, world: &World<'_>) -> Option<Reply> {
        let caller = |remote| self.callers.caller(remote, self.at);
        self.guarded.refuse(&self.binding, request, caller, &self.agent.log, world)
    }

    fn answer_at_once(&self, request: &Request, at: Timestamp) -> Result<Reply, Later> {
        let world = clock::world_at(at);
        if let Some(refusal) = self.not_allowed(request, &world) {
            return Ok(refusal);
        }
        match self.agent.core.answer_or_hold(&self.binding, request, &world) {
            Ok(answer) => self.reply(answer),
            Err(held) => Err(Later::Held(held)),
        }
    }

    fn reply(&self, answer: metadata::Answer) -> Result<Reply, Later> {
        match answer {
            metadata::Answer::Reply { reply, refresh } => {
                self.run(refresh);
                Ok(reply)
            }
            metadata::Answer::Wait { waiting, duty } => {
                self.run(duty);
                Err(Later::Wait(Box::new(waiting)))
            }
            metadata::Answer::Ask(question) => Err(Later::Ask(Box::new(question))),
        }
    }

    async fn answer_later(&self, mut later: Later, request: &Request, waits: &Waits<'_>) -> Reply {
        loop {
            later = match later {
                Later::Held(held) => match self.reply(self.hold(held, request, waits).await) {
                    Ok(reply) => return reply,
                    Err(later) => later,
                },
                Later::Wait(waiting) => return self.wait(*waiting, waits).await,
                Later::Ask(question) => return self.ask(*question, waits).await,
            };
        }
    }

    fn run(&self, duty: Option<FetchDuty>) {
        if let Some(duty) = duty {
            tokio::spawn(Arc::clone(&self.agent).fetch(duty));
        }
    }

    /// Holds a request for an identity that is not known until the control plane was asked, or it is late.
    async fn hold(&self, mut held: Held, request: &Request, waits: &Waits<'_>) -> metadata::Answer {
        let mut looks = self.agent.looks.subscribe();
        self.agent.look.notify_one();
        let late_at = Instant::now() + HOLD;
        let mut is_late = false;
        loop {
            // It may have become known before anybody could tell so.
            match self.agent.core.answer_held(held, &self.binding, request, is_late, &clock::world()) {
                Ok(answer) => return answer,
                Err(again) => held = again,
            }
            is_late = !matches!(waits.until(timeout_at(late_at, looks.changed())).await, Ok(Ok(())));
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
        let limit = if waiting.can_fall_back() { FALL_BACK } else { WAIT };
        let finished = poll_fn(|cx| if waiting.poll_finished(cx.waker()) { Poll::Ready(()) } else { Poll::Pending });
        // On timeout, answer with the token that is cached, if any.
        let _ = waits.until(tokio::time::timeout(limit, finished)).await;
        self.agent.core.finish(waiting, &clock::world())
    }
}
