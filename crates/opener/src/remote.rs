//! The opener from the process that asks it.

use crate::line::HELLO;
use crate::message::{Message, receive, send};
use crate::request::read_error;
use crate::text::{Unreadable, check_device, check_key, field, optional_value, value};
use crate::{Gone, Held, OpenError, Opener, Where};
use rustix::io::Errno;
use rustix::net::sockopt::{Timeout, set_socket_timeout, socket_domain, socket_peercred};
use rustix::net::{
    AddressFamily, RecvFlags, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with, socketpair,
};
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Longest time for an answer. Source: ours; an opener that has to be started first takes a tenth of it.
const ANSWER_MAX: Duration = Duration::from_secs(5);
/// Times that a request is sent: an opener that is started anew says so, and is asked again. Source: ours.
const TRIES: usize = 3;

/// Asks an opener in another process. One request at a time; calls wait for one another.
pub struct Remote {
    way: Way,
    line: Mutex<Line>,
    /// The lines for news of an opener that was not asked anything yet.
    unasked: Mutex<Option<Vec<OwnedFd>>>,
}

/// The line, where there is one, and the number of the last request.
#[derive(Default)]
struct Line {
    open: Option<OwnedFd>,
    number: u64,
}

/// A number from which requests are counted: of another process that had the line before there may be answers on it.
fn first_number() -> u64 {
    u64::from(std::process::id()) << 32
}

/// The way to the opener.
enum Way {
    /// A line whose other end outlives the opener.
    Given,
    /// A socket on which root listens, or `also`.
    Socket { path: PathBuf, also: Option<u32> },
}

impl Remote {
    /// On a line that was given to this process.
    pub fn on(line: OwnedFd) -> Self {
        Self {
            way: Way::Given,
            line: Mutex::new(Line { open: Some(line), number: first_number() }),
            unasked: Mutex::default(),
        }
    }

    /// The same, of an opener that is started by the first request, and holds nothing before. To ask what it holds, or for
    /// news, is none.
    pub fn on_unasked(line: OwnedFd) -> Self {
        Self { unasked: Mutex::new(Some(Vec::new())), ..Self::on(line) }
    }

    /// Over a socket of the file system, behind which only root is believed.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { way: Way::Socket { path: path.into(), also: None }, line: Mutex::default(), unasked: Mutex::default() }
    }

    /// The same, also where this user listens.
    #[must_use]
    pub fn or_of_user(self, user: u32) -> Self {
        let way = match self.way {
            Way::Socket { path, .. } => Way::Socket { path, also: Some(user) },
            Way::Given => Way::Given,
        };
        Self { way, ..self }
    }

    /// The same, of an opener that may not have been asked anything yet.
    fn ask(&self, text: &str, descriptors: &[BorrowedFd<'_>]) -> Result<Vec<Message>, OpenError> {
        let lines = self.unasked().take();
        for line in lines.into_iter().flatten() {
            self.ask_now("gone", &[line.as_fd()])?;
        }
        self.ask_now(text, descriptors)
    }

    fn unasked(&self) -> MutexGuard<'_, Option<Vec<OwnedFd>>> {
        self.unasked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks, and gives all messages before the last.
    fn ask_now(&self, text: &str, descriptors: &[BorrowedFd<'_>]) -> Result<Vec<Message>, OpenError> {
        let mut line = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        let mut why = io::Error::from(ErrorKind::BrokenPipe);
        for _ in 0..TRIES {
            line.number += 1;
            let open = match line.open.take().map_or_else(|| self.way.open(), Ok) {
                Ok(open) => open,
                Err(error) => {
                    why = error;
                    break;
                }
            };
            match exchange(&open, line.number, text, descriptors) {
                Ok(answer) => {
                    line.open = Some(open);
                    return answer;
                }
                // A line that was given stays; a connection is opened anew.
                Err(error) => {
                    why = error;
                    line.open = matches!(self.way, Way::Given).then_some(open);
                }
            }
        }
        Err(self.unreachable(&why))
    }

    fn unreachable(&self, why: &io::Error) -> OpenError {
        OpenError::Failed(match &self.way {
            Way::Given => format!("the opener does not answer ({why}): start bonafide again"),
            Way::Socket { path, .. } => {
                format!("the opener at {} does not answer ({why}): see whether bonafide-opener runs", path.display())
            }
        })
    }
}

impl Way {
    fn open(&self) -> io::Result<OwnedFd> {
        let Self::Socket { path, also } = self else { return Err(ErrorKind::NotConnected.into()) };
        let line = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
        connect(&line, &SocketAddrUnix::new(path)?)?;
        let holder = socket_peercred(&line)?.uid;
        if !holder.is_root() && *also != Some(holder.as_raw()) {
            return Err(io::Error::new(ErrorKind::PermissionDenied, "another user listens there"));
        }
        set_socket_timeout(&line, Timeout::Recv, Some(ANSWER_MAX))?;
        match receive(&line, RecvFlags::empty())? {
            Some(Message { text, .. }) if text == HELLO => Ok(line),
            _ => Err(io::Error::new(ErrorKind::PermissionDenied, "it takes no requests of this user")),
        }
    }
}

/// One request and its answer. An error where there was none.
fn exchange(
    line: &OwnedFd,
    number: u64,
    text: &str,
    descriptors: &[BorrowedFd<'_>],
) -> io::Result<Result<Vec<Message>, OpenError>> {
    set_socket_timeout(line, Timeout::Recv, Some(ANSWER_MAX))?;
    set_socket_timeout(line, Timeout::Send, Some(ANSWER_MAX))?;
    // An answer that came too late, and what an opener said that was started meanwhile.
    while matches!(receive(line, RecvFlags::DONTWAIT), Ok(Some(_))) {}
    let text = format!("{number}\n{text}");
    send(line, &text, descriptors)?;
    let mut messages = Vec::new();
    loop {
        let Message { text: answer, descriptors: came } = receive(line, RecvFlags::empty())?.ok_or(Errno::PIPE)?;
        if answer == HELLO {
            // It is another one than was asked.
            messages.clear();
            send(line, &text, descriptors)?;
            continue;
        }
        let (of, answer) = answer.split_once('\n').ok_or(Unreadable)?;
        match (of.parse() == Ok(number), answer) {
            // To a request that was given up.
            (false, _) => {}
            (true, "done") => return Ok(Ok(messages)),
            (true, answer) => match read_error(answer) {
                Some(why) => return Ok(Err(why)),
                None => messages.push(Message { text: answer.to_owned(), descriptors: came }),
            },
        }
    }
}

impl Opener for Remote {
    fn open(&self, key: &str, at: &Where, namespace: Option<BorrowedFd<'_>>) -> Result<Held, OpenError> {
        check_key(key)?;
        check_device(at)?;
        let namespace: Vec<BorrowedFd<'_>> = namespace.into_iter().collect();
        let answer = self.ask(&format!("open\n{key}\n{}", at.print()), &namespace)?;
        read(answer.into_iter().next())
    }

    fn keep(&self, key: &str, sockets: &[BorrowedFd<'_>]) -> Result<(), OpenError> {
        check_key(key)?;
        self.ask(&format!("keep\n{key}"), sockets).map(drop)
    }

    fn close(&self, key: &str) -> Result<(), OpenError> {
        if self.unasked().is_some() {
            return Ok(());
        }
        self.ask(&format!("close\n{key}"), &[]).map(drop)
    }

    fn held(&self) -> Result<Vec<Held>, OpenError> {
        if self.unasked().is_some() {
            return Ok(Vec::new());
        }
        self.ask("held", &[])?.into_iter().map(|held| read(Some(held))).collect()
    }

    fn gone(&self) -> Result<Gone, OpenError> {
        let pair = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None);
        let (ours, theirs) = pair.map_err(|error| OpenError::Failed(format!("no line for news: {error}")))?;
        if let Some(lines) = &mut *self.unasked() {
            lines.push(theirs);
            return Ok(Gone::on(ours));
        }
        self.ask("gone", &[theirs.as_fd()])?;
        Ok(Gone::on(ours))
    }
}

fn read(message: Option<Message>) -> Result<Held, OpenError> {
    let held = || {
        let Message { text, descriptors: mut sockets } = message.ok_or(Unreadable)?;
        let mut fields = text.lines();
        if field(&mut fields)? != "held" {
            return Err(Unreadable);
        }
        let (device, note) = (optional_value(&mut fields)?, optional_value(&mut fields)?);
        let key = field(&mut fields)?.to_owned();
        let namespace = value(&mut fields)?;
        // An opener of an earlier version has none.
        let device_mark = fields.next().and_then(|mark| mark.parse().ok());
        let is_netlink = |last: &OwnedFd| socket_domain(last).is_ok_and(|domain| domain == AddressFamily::NETLINK);
        let asks = sockets.pop_if(|last| device.is_some() && is_netlink(last));
        Ok(Held { key, sockets, namespace, device, device_mark, note, asks })
    };
    held().map_err(|Unreadable| OpenError::Failed("the opener is of another version: start it again".to_owned()))
}
