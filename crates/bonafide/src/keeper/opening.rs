//! The opener below the keeper, where that has the privileges for one: started by the first request, and again after a crash.
//! The keeper holds both ends of the line on which it is asked, and all that it holds itself, so that nothing is lost when
//! one of the three processes is.

use super::line::{Message, pair, receive, send};
use super::restarts::Crashes;
use super::server::{REQUESTS, UNASKED};
use super::{OURSELVES, unnamed};
use crate::{Failure, privileges, say};
use rustix::net::RecvFlags;
use rustix::process::getpid;
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::os::fd::{AsFd, OwnedFd};
use std::process::Stdio;
use tokio::io::Interest;
use tokio::net::UnixStream;
use tokio::process::{Child, Command as Process};
use tokio::time::{Instant, sleep_until};

/// Descriptors that are kept for who opens sockets: by key, without a look into them.
pub(super) type Capsules = BTreeMap<String, OwnedFd>;

/// The opener, which may run or not.
pub(super) struct Opening {
    /// The end of the process that serves.
    asks: OwnedFd,
    /// The opener's end.
    answers: UnixStream,
    running: Option<(Child, UnixStream)>,
    /// It ran once.
    was_asked: bool,
    crashes: Crashes,
    /// The next start: of itself, where it crashed.
    again_at: Option<Instant>,
}

impl Opening {
    /// `None` where this process lacks the privileges for one.
    pub(super) fn new() -> Result<Option<Self>, Failure> {
        if !privileges::has(privileges::OPENER) {
            return Ok(None);
        }
        let (asks, answers) = pair()?;
        let answers = stream(answers)?;
        Ok(Some(Self { asks, answers, running: None, was_asked: false, crashes: Crashes::default(), again_at: None }))
    }

    /// The name of the line for a process that serves.
    pub(super) fn line_name(&self) -> &'static str {
        if self.was_asked { REQUESTS } else { UNASKED }
    }

    /// The end of the line for one more process that serves.
    pub(super) fn asks(&self) -> std::io::Result<OwnedFd> {
        self.asks.try_clone()
    }

    /// Goes on with the opener: starts it, keeps what it puts here, starts it again. Ends after each such step.
    pub(super) async fn go_on(&mut self, capsules: &mut Capsules) -> Result<(), Failure> {
        let Some((child, line)) = &mut self.running else {
            match self.again_at.take() {
                Some(at) => sleep_until(at).await,
                None => self.answers.readable().await?,
            }
            self.running = Some(self.start(capsules)?);
            self.was_asked = true;
            return Ok(());
        };
        tokio::select! {
            end = child.wait() => {
                let end = end?;
                self.running = None;
                let now = Instant::now();
                // With too many crashes it waits for the next request.
                self.again_at = self.crashes.next(now.into_std()).map(|pause| now + pause);
                say(&format!("the process that opens sockets ended by {}; what it held is kept", super::by(end)));
            }
            ready = line.readable() => {
                ready?;
                match line.try_io(Interest::READABLE, || receive(&*line, RecvFlags::DONTWAIT)) {
                    Ok(Some(message)) => drop(hear(message, capsules)),
                    Ok(None) => drop(child.wait().await?),
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Ok(())
    }

    fn start(&self, capsules: &Capsules) -> Result<(Child, UnixStream), Failure> {
        let (ours, theirs) = pair()?;
        let mut command = Process::new(OURSELVES);
        command.arg0("bonafide").arg("opener").arg(format!("--kept-by={}", getpid().as_raw_nonzero()));
        unnamed(&mut command);
        let child = command.stdin(Stdio::from(theirs)).kill_on_drop(true).spawn();
        let child = child.map_err(|error| format!("cannot start the opener: {error}"))?;
        for (name, capsule) in capsules {
            send(&ours, &Message::Put(name.clone(), capsule.try_clone()?))?;
        }
        let requests = self.answers.as_fd().try_clone_to_owned()?;
        send(&ours, &Message::Given(vec![(REQUESTS.to_owned(), requests.into())]))?;
        Ok((child, stream(ours)?))
    }
}

/// Keeps a descriptor, or keeps it no longer. Gives back what is neither.
pub(super) fn hear(message: Message, capsules: &mut Capsules) -> Option<Message> {
    match message {
        Message::Put(name, capsule) => drop(capsules.insert(name, capsule)),
        Message::Remove(name) => drop(capsules.remove(&name)),
        other => return Some(other),
    }
    None
}

/// A stream of messages rather than of bytes, but a socket all the same.
pub(super) fn stream(line: OwnedFd) -> std::io::Result<UnixStream> {
    let line = std::os::unix::net::UnixStream::from(line);
    line.set_nonblocking(true)?;
    UnixStream::from_std(line)
}
