//! The opener as a process: a few requests, from one user, and nothing else.

use crate::direct::Direct;
use crate::message::{Message, receive, send};
use crate::text::{Unreadable, field, optional};
use crate::{Held, OpenError, Opener, Where};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::sockopt::{Timeout, set_socket_timeout, socket_peercred};
use rustix::net::{RecvFlags, SocketFlags, accept_with};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

/// The first word of an opener on each line.
pub(crate) const HELLO: &str = "hello";
/// Lines at once. Source: ours; a server has one, and its successor another one.
const LINES_MAX: usize = 8;
/// Longest time that a line may take to take an answer. Source: ours; who does not read is cut off.
const ANSWER_MAX: Duration = Duration::from_secs(2);

/// Longest time that connections wait for a server that is away. Source: ours, as of the keeper: clients give up after a second
/// or two.
const ABSENT_MAX: Timespec = Timespec { tv_sec: 2, tv_nsec: 0 };

/// The ways on which requests come.
pub struct Lines {
    /// Lines that were given to this process: whoever gave them vouches for the other end.
    pub given: Vec<OwnedFd>,
    /// A listening socket of messages, and the user whose connections are taken; root's are, too.
    pub listening: Option<(OwnedFd, u32)>,
}

/// Serves until all lines are gone, and none can come any more.
///
/// # Errors
/// The system's.
pub fn serve(opener: &Direct, mut lines: Lines) -> io::Result<()> {
    for line in &lines.given {
        prepare(line)?;
    }
    let mut are_shut = false;
    while !lines.given.is_empty() || lines.listening.is_some() {
        // Nobody is to wait for a server that does not come back.
        let within = (lines.given.is_empty() && !are_shut).then_some(ABSENT_MAX);
        let Some(ready) = lines.ready(within)? else {
            opener.refuse();
            are_shut = true;
            continue;
        };
        are_shut &= lines.given.is_empty();
        let (listening, given) = match &lines.listening {
            Some(_) => (ready.first().copied().unwrap_or_default(), ready.get(1..).unwrap_or_default()),
            None => (false, &ready[..]),
        };
        let mut given = given.iter();
        lines.given.retain(|line| !given.next().copied().unwrap_or_default() || hear(opener, line).is_ok());
        if listening {
            lines.accept();
        }
    }
    Ok(())
}

impl Lines {
    /// Waits until something came: on which it did, the listening socket first. `None` where nothing did in time.
    fn ready(&self, within: Option<Timespec>) -> io::Result<Option<Vec<bool>>> {
        let listening = self.listening.as_ref().map(|(socket, _)| socket);
        let all = listening.into_iter().chain(&self.given);
        let mut waits: Vec<PollFd<'_>> = all.map(|line| PollFd::new(line, PollFlags::IN)).collect();
        match poll(&mut waits, within.as_ref()) {
            Ok(0) => Ok(None),
            Ok(_) | Err(Errno::INTR) => Ok(Some(waits.iter().map(|wait| !wait.revents().is_empty()).collect())),
            Err(error) => Err(error.into()),
        }
    }

    /// Takes a connection, if it is of the user.
    fn accept(&mut self) {
        let Some((socket, user)) = &self.listening else { return };
        let Ok(line) = accept_with(socket, SocketFlags::CLOEXEC) else { return };
        let is_known = socket_peercred(&line).is_ok_and(|peer| peer.uid.is_root() || peer.uid.as_raw() == *user);
        if is_known && prepare(&line).is_ok() {
            if self.given.len() >= LINES_MAX {
                self.given.remove(0);
            }
            self.given.push(line);
        }
    }
}

/// Says that this process is there, on a line that it answers from now on: whoever waits for an answer of the one before
/// asks again.
fn prepare(line: &OwnedFd) -> io::Result<()> {
    // The one that had it before may have waited for it in another way.
    rustix::io::ioctl_fionbio(line, false)?;
    set_socket_timeout(line, Timeout::Send, Some(ANSWER_MAX))?;
    send(line, HELLO, &[])
}

/// Answers one request. An error ends the line.
fn hear(opener: &Direct, line: &OwnedFd) -> io::Result<()> {
    let request = match receive(line, RecvFlags::DONTWAIT) {
        Ok(Some(request)) => request,
        Ok(None) => return Err(io::ErrorKind::UnexpectedEof.into()),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
        Err(error) => return Err(error),
    };
    let Message { text, descriptors } = request;
    let (number, text) = text.split_once('\n').ok_or(Unreadable)?;
    let number: u64 = number.parse().map_err(|_| Unreadable)?;
    let line = Answers { line, number };
    match answer(opener, &line, text, descriptors)? {
        Ok(()) => line.send("done", &[]),
        Err(why) => line.send(&print_error(&why), &[]),
    }
}

/// The answers to one request, which begin with its number.
struct Answers<'a> {
    line: &'a OwnedFd,
    number: u64,
}

impl Answers<'_> {
    fn send(&self, text: &str, descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
        send(self.line, &format!("{}\n{text}", self.number), descriptors)
    }
}

/// Does what is asked for. What is none of the requests, or has more or less with it than that takes, ends the line.
fn answer(
    opener: &Direct,
    line: &Answers<'_>,
    text: &str,
    mut descriptors: Vec<OwnedFd>,
) -> io::Result<Result<(), OpenError>> {
    let mut fields = text.lines();
    let kind = field(&mut fields)?;
    let done = match (kind, descriptors.len()) {
        ("open", 0 | 1) => {
            let (key, at) = (field(&mut fields)?, Where::read(&mut fields)?);
            nothing_more(fields)?;
            let namespace = descriptors.first().map(AsFd::as_fd);
            opener.open(key, &at, namespace).map(|held| tell(line, &held)).and_then(sent)
        }
        ("keep", 1..) => {
            let key = field(&mut fields)?;
            nothing_more(fields)?;
            opener.keep(key, &descriptors.iter().map(AsFd::as_fd).collect::<Vec<BorrowedFd<'_>>>())
        }
        ("close", 0) => {
            let key = field(&mut fields)?;
            nothing_more(fields)?;
            opener.close(key)
        }
        ("held", 0) => {
            nothing_more(fields)?;
            opener.held().and_then(|held| held.iter().try_for_each(|held| sent(tell(line, held))))
        }
        ("gone", 1) => {
            nothing_more(fields)?;
            opener.tell(descriptors.remove(0));
            Ok(())
        }
        _ => return Err(Unreadable.into()),
    };
    Ok(done)
}

fn nothing_more(mut fields: std::str::Lines<'_>) -> Result<(), Unreadable> {
    fields.next().map_or(Ok(()), |_| Err(Unreadable))
}

fn sent(sent: io::Result<()>) -> Result<(), OpenError> {
    sent.map_err(|error| OpenError::Failed(format!("cannot hand the sockets over: {error}")))
}

/// Hands over what is held under a key.
fn tell(line: &Answers<'_>, held: &Held) -> io::Result<()> {
    let (device, note) = (optional(held.device.as_ref()), optional(held.note.as_ref()));
    let text = format!("held\n{device}\n{note}\n{}\n{}", held.key, held.namespace);
    // The one that does not listen is told from the others by its kind.
    let descriptors = held.sockets.iter().map(AsFd::as_fd).chain(held.near_side.as_ref().map(AsFd::as_fd));
    line.send(&text, &descriptors.collect::<Vec<BorrowedFd<'_>>>())
}

fn print_error(why: &OpenError) -> String {
    let (kind, one, two) = match why {
        OpenError::Taken { address, by } => ("taken", address.as_str(), by.as_str()),
        OpenError::Held(key) => ("is-held", key.as_str(), ""),
        OpenError::NoDevice(device) => ("no-device", device.as_str(), ""),
        OpenError::Shared { device, kind } => ("shared", device.as_str(), kind.as_str()),
        OpenError::NotPermitted(what) => ("not-permitted", what.as_str(), ""),
        OpenError::NamespaceGone => ("namespace-gone", "", ""),
        OpenError::Failed(why) => ("failed", why.as_str(), ""),
    };
    format!("{kind}\n{one}\n{two}")
}

/// The error that an answer tells; `None` of another answer.
pub(crate) fn read_error(text: &str) -> Option<OpenError> {
    let mut fields = text.split('\n').map(str::to_owned);
    let (kind, one, two) = (fields.next()?, fields.next()?, fields.next()?);
    Some(match kind.as_str() {
        "taken" => OpenError::Taken { address: one, by: two },
        "is-held" => OpenError::Held(one),
        "no-device" => OpenError::NoDevice(one),
        "shared" => OpenError::Shared { device: one, kind: two },
        "not-permitted" => OpenError::NotPermitted(one),
        "namespace-gone" => OpenError::NamespaceGone,
        "failed" => OpenError::Failed(one),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_come_out_as_they_went_in() {
        let text = || "x".to_owned();
        for why in [
            OpenError::Taken { address: text(), by: String::new() },
            OpenError::Held(text()),
            OpenError::NoDevice(text()),
            OpenError::Shared { device: text(), kind: "y".to_owned() },
            OpenError::NotPermitted(text()),
            OpenError::NamespaceGone,
            OpenError::Failed(text()),
        ] {
            assert_eq!(read_error(&print_error(&why)), Some(why));
        }
        assert_eq!(read_error("done"), None);
    }
}
