//! The side of the process that serves.

use super::line::{Message, receive, send};
use bonafide_http::{SocketKeeper, Sockets};
use rustix::net::RecvFlags;
use rustix::process::{Pid, Signal, getppid, set_parent_process_death_signal};
use std::collections::HashMap;
use std::net::TcpListener;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::Arc;

/// The reason why this process has no keeper.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeptError {
    /// Somebody else started it.
    #[error("--kept-by is for bonafide itself; start it without")]
    NotKept,
    /// The line failed.
    #[error("the process that keeps the sockets cannot be reached: {0}")]
    Line(#[from] std::io::Error),
    /// It refused.
    #[error("{0}")]
    Refused(String),
}

/// An input that ends at once.
fn nothing() -> std::io::Result<OwnedFd> {
    let flags = rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::CLOEXEC;
    Ok(rustix::fs::open("/dev/null", flags, rustix::fs::Mode::empty())?)
}

/// The line to the keeper.
#[derive(Clone)]
pub(crate) struct Keeper(Arc<OwnedFd>);

impl Keeper {
    /// Binds this process's life to that of its keeper, and takes over the sockets that there are.
    pub(crate) fn begin(keeper: i32) -> Result<(Self, Sockets), KeptError> {
        rustix::thread::set_name(c"bonafide").map_err(std::io::Error::from)?;
        // It ends with the keeper, however that ends; one that was gone before is no longer the parent.
        set_parent_process_death_signal(Some(Signal::KILL)).map_err(std::io::Error::from)?;
        if getppid().is_none() || getppid() != Pid::from_raw(keeper) {
            return Err(KeptError::NotKept);
        }
        let line = Arc::new(rustix::io::fcntl_dupfd_cloexec(std::io::stdin(), 0).map_err(std::io::Error::from)?);
        // Nothing that this process starts gets hold of the line.
        rustix::stdio::dup2_stdin(nothing()?).map_err(std::io::Error::from)?;
        let Some(Message::Given(given)) = receive(&line, RecvFlags::empty())? else { return Err(KeptError::NotKept) };
        let given: HashMap<String, TcpListener> = given.into_iter().collect();
        let keeper = Self(line);
        Ok((keeper.clone(), Sockets::new(given, Box::new(keeper))))
    }

    /// Has the link-local address opened, for which this process has no privileges. Waits for it.
    pub(crate) fn open_link_local(&self) -> Result<TcpListener, KeptError> {
        send(&self.0, &Message::OpenLinkLocal)?;
        match receive(&self.0, RecvFlags::empty())? {
            Some(Message::Opened(Ok(socket))) => Ok(socket),
            Some(Message::Opened(Err(reason))) => Err(KeptError::Refused(reason)),
            _ => Err(KeptError::NotKept),
        }
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
