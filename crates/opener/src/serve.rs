//! The opener as a process: a few requests, from one user, and nothing else.

use crate::direct::Direct;
use crate::line::Line;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::sockopt::socket_peercred;
use rustix::net::{SocketFlags, accept_with};
use std::io;
use std::os::fd::OwnedFd;

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
