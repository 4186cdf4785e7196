//! One who asks, and the answers that it has not taken yet: while there are some nothing more is heard of it, and nobody else
//! waits for it.

use crate::direct::Direct;
use crate::message::{Message, receive, send_now};
use crate::request::{answer, print_error};
use crate::text::{Unreadable, optional};
use crate::{Held, OpenError};
use rustix::event::PollFlags;
use rustix::net::RecvFlags;
use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

/// The first word of an opener on each line.
pub(crate) const HELLO: &str = "hello";
/// Longest time that a line may take to take an answer. Source: ours; who does not read is cut off.
const ANSWER_MAX: Duration = Duration::from_secs(2);

/// A line on which requests come.
pub(crate) struct Line {
    pub(crate) socket: OwnedFd,
    /// The answers to the one request that is answered now.
    waiting: VecDeque<Answer>,
    /// The time when it last took one.
    taken_at: Instant,
    /// The number of that request.
    number: u64,
}

/// An answer, or what one is made of when it can be sent: no descriptor waits.
enum Answer {
    Said(String),
    Held(String),
}

impl Line {
    /// Says that this process is there, on a line that it answers from now on: whoever waits for an answer of the one before
    /// asks again.
    pub(crate) fn begin(socket: OwnedFd) -> io::Result<Self> {
        // A line that is full of answers of the one before is not waited for, either.
        match send_now(&socket, HELLO, &[]) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        Ok(Self { socket, waiting: VecDeque::new(), taken_at: Instant::now(), number: 0 })
    }

    /// The news for which it is to be looked at.
    pub(crate) fn waits_for(&self) -> PollFlags {
        if self.waiting.is_empty() { PollFlags::IN } else { PollFlags::OUT }
    }

    /// Time that is left for it to take an answer, where one waits.
    pub(crate) fn patience(&self) -> Option<Duration> {
        (!self.waiting.is_empty()).then(|| ANSWER_MAX.saturating_sub(self.taken_at.elapsed()))
    }

    /// Answers one request, as far as that takes no waiting. An error ends the line.
    pub(crate) fn go_on(&mut self, opener: &Direct, is_ready: bool) -> io::Result<()> {
        match (self.waiting.is_empty(), is_ready) {
            (true, true) => self.hear(opener)?,
            (true, false) => return Ok(()),
            (false, false) if self.patience() == Some(Duration::ZERO) => return Err(ErrorKind::TimedOut.into()),
            (false, _) => {}
        }
        self.send(opener)
    }

    fn hear(&mut self, opener: &Direct) -> io::Result<()> {
        let Message { text, descriptors } = match receive(&self.socket, RecvFlags::DONTWAIT) {
            Ok(Some(request)) => request,
            Ok(None) => return Err(ErrorKind::UnexpectedEof.into()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        };
        let (number, text) = text.split_once('\n').ok_or(Unreadable)?;
        (self.number, self.taken_at) = (number.parse().map_err(|_| Unreadable)?, Instant::now());
        match answer(opener, text, descriptors)? {
            Ok(keys) => {
                self.waiting.extend(keys.into_iter().map(Answer::Held));
                self.waiting.push_back(Answer::Said("done".to_owned()));
            }
            Err(why) => self.waiting.push_back(Answer::Said(print_error(&why))),
        }
        Ok(())
    }

    fn send(&mut self, opener: &Direct) -> io::Result<()> {
        while let Some(first) = self.waiting.front() {
            let sent = match first {
                Answer::Said(text) => self.say(text, &[]),
                Answer::Held(key) => match opener.held_under(key) {
                    None => Ok(()),
                    Some(Ok(held)) => self.tell(&held),
                    Some(Err(error)) => {
                        let why = OpenError::Failed(format!("cannot hand the sockets over: {error}"));
                        self.waiting = VecDeque::from([Answer::Said(print_error(&why))]);
                        continue;
                    }
                },
            };
            match sent {
                Ok(()) => drop(self.waiting.pop_front()),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
            self.taken_at = Instant::now();
        }
        Ok(())
    }

    /// Hands over what is held under a key.
    fn tell(&self, held: &Held) -> io::Result<()> {
        let (device, note) = (optional(held.device.as_ref()), optional(held.note.as_ref()));
        let mark = optional(held.device_mark.as_ref());
        let text = format!("held\n{device}\n{note}\n{}\n{}\n{mark}", held.key, held.namespace);
        // The one that does not listen is told from the others by its kind.
        let descriptors = held.sockets.iter().map(AsFd::as_fd).chain(held.asks.as_ref().map(AsFd::as_fd));
        self.say(&text, &descriptors.collect::<Vec<BorrowedFd<'_>>>())
    }

    fn say(&self, text: &str, descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
        send_now(&self.socket, &format!("{}\n{text}", self.number), descriptors)
    }
}
