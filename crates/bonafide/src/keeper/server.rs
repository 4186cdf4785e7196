//! The side of the process that serves.

use super::line::{Message, receive, send};
use bonafide_http::{SocketKeeper, Sockets};
use bonafide_opener::{Direct, Opener, Parent, Remote};
use rustix::net::RecvFlags;
use rustix::process::{Pid, Signal, getppid, set_parent_process_death_signal};
use std::collections::HashMap;
use std::net::TcpListener;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::Arc;

/// The name of the line of requests to the opener.
pub(super) const REQUESTS: &str = "requests";
/// The same, where there was no request yet.
pub(super) const UNASKED: &str = "unasked";

/// The reason why this process has no keeper.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeptError {
    /// Somebody else started it.
    #[error("--kept-by is for bonafide itself; start it without")]
    NotKept,
    /// The line failed.
    #[error("the process that keeps the sockets cannot be reached: {0}")]
    Line(#[from] std::io::Error),
}

/// An input that ends at once.
fn nothing() -> std::io::Result<OwnedFd> {
    let flags = rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::CLOEXEC;
    Ok(rustix::fs::open("/dev/null", flags, rustix::fs::Mode::empty())?)
}

/// The line to the keeper.
#[derive(Clone)]
pub(crate) struct Keeper(Arc<OwnedFd>);

/// A process's own beginning: what its keeper gave it.
struct Beginning {
    line: OwnedFd,
    capsules: Vec<OwnedFd>,
    given: HashMap<String, TcpListener>,
}

/// Binds this process's life to that of its keeper, and takes over what there is.
fn begin(keeper: i32) -> Result<Beginning, KeptError> {
    // It ends with the keeper, however that ends; one that was gone before is no longer the parent.
    set_parent_process_death_signal(Some(Signal::KILL)).map_err(std::io::Error::from)?;
    if getppid().is_none() || getppid() != Pid::from_raw(keeper) {
        return Err(KeptError::NotKept);
    }
    let line = rustix::io::fcntl_dupfd_cloexec(std::io::stdin(), 0).map_err(std::io::Error::from)?;
    // Nothing that this process starts gets hold of the line.
    rustix::stdio::dup2_stdin(nothing()?).map_err(std::io::Error::from)?;
    let mut capsules = Vec::new();
    loop {
        match receive(&line, RecvFlags::empty())? {
            Some(Message::Put(_, capsule)) => capsules.push(capsule),
            Some(Message::Given(given)) => {
                return Ok(Beginning { line, capsules, given: given.into_iter().collect() });
            }
            _ => return Err(KeptError::NotKept),
        }
    }
}

/// The beginning of the opener.
pub(crate) struct OpenerLine {
    /// The line to the keeper.
    pub(crate) line: OwnedFd,
    /// All that an opener before it held.
    pub(crate) kept: Vec<OwnedFd>,
    /// The line on which it is asked.
    pub(crate) requests: OwnedFd,
}

impl OpenerLine {
    pub(crate) fn begin(keeper: i32) -> Result<Self, KeptError> {
        rustix::thread::set_name(c"opener").map_err(std::io::Error::from)?;
        let Beginning { line, capsules: kept, mut given } = begin(keeper)?;
        let requests = given.remove(REQUESTS).ok_or(KeptError::NotKept)?.into();
        Ok(Self { line, kept, requests })
    }
}

/// Opens sockets for this process.
pub(crate) struct Openers {
    keeper: Keeper,
    capsules: Vec<OwnedFd>,
    /// The line to the opener, where there is one.
    line: Option<OwnedFd>,
    /// It was not asked anything yet.
    is_unasked: bool,
}

impl Openers {
    /// The opener: one with privileges, or else what this process may do itself. Not before the privileges of this process
    /// are given up: there may be a thread.
    pub(crate) fn start(self) -> std::io::Result<Arc<dyn Opener>> {
        match self.line {
            Some(line) if self.is_unasked => Ok(Arc::new(Remote::on_unasked(line))),
            Some(line) => Ok(Arc::new(Remote::on(line))),
            None => Ok(Arc::new(Direct::start(Box::new(Parent(self.keeper.0.try_clone()?)), self.capsules)?)),
        }
    }
}

impl Keeper {
    /// Binds this process's life to that of its keeper, and takes over the sockets that there are.
    pub(crate) fn begin(keeper: i32) -> Result<(Self, Sockets, Openers), KeptError> {
        rustix::thread::set_name(c"bonafide").map_err(std::io::Error::from)?;
        let Beginning { line, capsules, mut given } = begin(keeper)?;
        let (keeper, unasked) = (Self(Arc::new(line)), given.remove(UNASKED));
        let is_unasked = unasked.is_some();
        let line = unasked.or_else(|| given.remove(REQUESTS)).map(OwnedFd::from);
        let openers = Openers { keeper: keeper.clone(), capsules, line, is_unasked };
        Ok((keeper.clone(), Sockets::new(given, Box::new(keeper)), openers))
    }

    /// Says that this process serves.
    pub(crate) fn ready(&self) {
        // A keeper that is gone takes this process with it.
        let _ = send(&self.0, &Message::Ready);
    }
}

impl SocketKeeper for Keeper {
    fn hand_over(&self) -> std::io::Result<()> {
        send(&self.0, &Message::HandOver)?;
        match receive(&self.0, RecvFlags::empty())? {
            Some(Message::HandedOver) => Ok(()),
            _ => Err(std::io::Error::other(KeptError::NotKept)),
        }
    }

    fn keep(&self, name: &str, socket: BorrowedFd<'_>) {
        // A socket that is not kept is opened anew after a crash.
        if let Ok(copy) = socket.try_clone_to_owned() {
            let _ = send(&self.0, &Message::Keep(name.to_owned(), copy.into()));
        }
    }
}
