//! The opener as a process: a few requests, from one user, and nothing else.

use crate::direct::Direct;
use crate::line::Line;
use crate::text::{Unreadable, field};
use crate::{OpenError, Opener, Where};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::sockopt::socket_peercred;
use rustix::net::{SocketFlags, accept_with};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Lines at once. Source: ours; a server has one, and its successor another one.
const LINES_MAX: usize = 8;
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
pub fn serve(opener: &Direct, lines: Lines) -> io::Result<()> {
    let given = lines.given.into_iter().map(Line::begin).collect::<io::Result<_>>()?;
    let mut lines = Open { given, listening: lines.listening };
    let mut are_shut = false;
    while !lines.given.is_empty() || lines.listening.is_some() {
        // Nobody is to wait for a server that does not come back.
        let is_absent = lines.given.is_empty();
        let within = if is_absent { (!are_shut).then_some(ABSENT_MAX) } else { lines.patience() };
        let ready = match lines.ready(within)? {
            Some(ready) => ready,
            None if is_absent => {
                opener.refuse();
                are_shut = true;
                continue;
            }
            None => Vec::new(),
        };
        are_shut &= lines.given.is_empty();
        let (listening, given) = match &lines.listening {
            Some(_) => (ready.first().copied().unwrap_or_default(), ready.get(1..).unwrap_or_default()),
            None => (false, &ready[..]),
        };
        let mut given = given.iter();
        lines.given.retain_mut(|line| line.go_on(opener, given.next().copied().unwrap_or_default()).is_ok());
        if listening {
            lines.accept();
        }
    }
    Ok(())
}

/// The same while they are served.
struct Open {
    given: Vec<Line>,
    listening: Option<(OwnedFd, u32)>,
}

impl Open {
    /// Waits until something came: on which it did, the listening socket first. `None` where nothing did in time.
    fn ready(&self, within: Option<Timespec>) -> io::Result<Option<Vec<bool>>> {
        let listening = self.listening.as_ref().map(|(socket, _)| PollFd::new(socket, PollFlags::IN));
        let lines = self.given.iter().map(|line| PollFd::new(&line.socket, line.waits_for()));
        let mut waits: Vec<PollFd<'_>> = listening.into_iter().chain(lines).collect();
        match poll(&mut waits, within.as_ref()) {
            Ok(0) => Ok(None),
            Ok(_) | Err(Errno::INTR) => Ok(Some(waits.iter().map(|wait| !wait.revents().is_empty()).collect())),
            Err(error) => Err(error.into()),
        }
    }

    /// Time after which the first line has not taken its answers for too long.
    fn patience(&self) -> Option<Timespec> {
        self.given.iter().filter_map(Line::patience).min().and_then(|left| Timespec::try_from(left).ok())
    }

    /// Takes a connection, if it is of the user.
    fn accept(&mut self) {
        let Some((socket, user)) = &self.listening else { return };
        let Ok(line) = accept_with(socket, SocketFlags::CLOEXEC) else { return };
        let is_known = socket_peercred(&line).is_ok_and(|peer| peer.uid.is_root() || peer.uid.as_raw() == *user);
        if let Some(line) = is_known.then(|| Line::begin(line).ok()).flatten() {
            if self.given.len() >= LINES_MAX {
                self.given.remove(0);
            }
            self.given.push(line);
        }
    }
}

/// Does what is asked for, and gives the keys of what is to be handed over. What is none of the requests, or has more or less with it than that takes, ends the line.
pub(crate) fn answer(
    opener: &Direct,
    text: &str,
    mut descriptors: Vec<OwnedFd>,
) -> io::Result<Result<Vec<String>, OpenError>> {
    let mut fields = text.lines();
    let kind = field(&mut fields)?;
    let done = match (kind, descriptors.len()) {
        ("open", 0 | 1) => {
            let (key, at) = (field(&mut fields)?, Where::read(&mut fields)?);
            nothing_more(fields)?;
            let namespace = descriptors.first().map(AsFd::as_fd);
            opener.open(key, &at, namespace).map(|held| vec![held.key])
        }
        ("keep", 1..) => {
            let key = field(&mut fields)?;
            nothing_more(fields)?;
            opener.keep(key, &descriptors.iter().map(AsFd::as_fd).collect::<Vec<BorrowedFd<'_>>>()).map(|()| Vec::new())
        }
        ("close", 0) => {
            let key = field(&mut fields)?;
            nothing_more(fields)?;
            opener.close(key).map(|()| Vec::new())
        }
        ("held", 0) => {
            nothing_more(fields)?;
            Ok(opener.keys())
        }
        ("gone", 1) => {
            nothing_more(fields)?;
            opener.tell(descriptors.remove(0));
            Ok(Vec::new())
        }
        _ => return Err(Unreadable.into()),
    };
    Ok(done)
}

fn nothing_more(mut fields: std::str::Lines<'_>) -> Result<(), Unreadable> {
    fields.next().map_or(Ok(()), |_| Err(Unreadable))
}

pub(crate) fn print_error(why: &OpenError) -> String {
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
