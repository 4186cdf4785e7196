//! The shape that every surface has, so that the shell serves them alike.

use crate::{Lane, Record, Reply, Request, Route, Unserved, path};

/// A reply, and what the log may know of the request.
#[derive(Debug)]
pub struct Answer {
    /// The reply.
    pub reply: Reply,
    /// For the log.
    pub record: Record,
}

impl Answer {
    /// The same with its reason, for the log.
    #[must_use]
    pub fn because(self, why: &impl std::fmt::Display) -> Self {
        Self { reply: self.reply.because(why), ..self }
    }
}

impl From<Reply> for Answer {
    fn from(reply: Reply) -> Self {
        Self { reply, record: Record::default() }
    }
}

/// The result of a surface: an answer, or the need for something from outside before it can answer. The shell fetches
/// it and calls again, so that no worker ever waits for another.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "nearly every outcome is an answer")]
pub enum Outcome<Need> {
    /// The answer.
    Answer(Answer),
    /// The need, to be fetched first.
    Need(Need),
}

impl<Need> Outcome<Need> {
    /// The same with another name for what is needed.
    pub fn map_need<Other>(self, other: impl FnOnce(Need) -> Other) -> Outcome<Other> {
        match self {
            Self::Answer(answer) => Outcome::Answer(answer),
            Self::Need(need) => Outcome::Need(other(need)),
        }
    }
}

/// A surface, with all that one request is answered from.
pub trait Surface {
    /// Something outside that an answer may need first.
    type Need;

    /// The routes of the surface.
    fn routes() -> Vec<&'static Route>;

    /// Decides without the store what can be decided so of a request that touches it: the refusal of who may not ask at
    /// all, or else the lane in which the request waits for the store. Who is not looked at is a stranger.
    fn admit(&self, request: &Request) -> Result<Lane, Box<Answer>> {
        let _ = request;
        Ok(Lane::Stranger)
    }

    /// Answers a request, or says what it needs first.
    fn handle(&self, request: &Request) -> Outcome<Self::Need>;

    /// Tells whether a large body is worth reading: false where the answer will not depend on it, because the caller may
    /// not do what the head asks for, or the head is at fault. It may touch the store.
    fn takes_body(&self, _head: &Request) -> bool {
        true
    }

    /// Answers a request that the shell does not serve, in the words of the surface; its body need not
    /// be there.
    fn refuse(&self, head: &Request, why: Unserved) -> Answer;
}

/// The route of a request; `None` where there is none with its path and method.
pub fn served(routes: &[&'static Route], head: &Request) -> Option<&'static Route> {
    let mut of_method = routes.iter().copied().filter(|route| route.method == head.method).peekable();
    of_method.peek()?;
    let path = path::decoded(&head.path).unwrap_or_default();
    let segments = path::segments_of(&path).unwrap_or_default();
    of_method.find(|route| route.captures(&segments).is_some())
}
