//! All that is held, and who is told of what is gone.

use crate::netlink::{Netlink, diagnosis};
use crate::place::failed;
use crate::{Held, OpenError, Where, inside};
use rustix::net::{AddressFamily, SendFlags, Shutdown, SocketFlags, SocketType, send, shutdown, socketpair};
use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A place that outlives this process: descriptors under names.
pub trait Store: Send + Sync {
    /// Puts one there, in place of the one that has this name.
    ///
    /// # Errors
    /// The system's.
    fn put(&self, name: &str, descriptor: BorrowedFd<'_>) -> io::Result<()>;

    /// Takes one away.
    ///
    /// # Errors
    /// The system's.
    fn remove(&self, name: &str) -> io::Result<()>;
}

/// Outlives nothing: for a process that ends with what it holds.
pub struct Nowhere;

impl Store for Nowhere {
    fn put(&self, _name: &str, _descriptor: BorrowedFd<'_>) -> io::Result<()> {
        Ok(())
    }

    fn remove(&self, _name: &str) -> io::Result<()> {
        Ok(())
    }
}

/// All that is held under a key.
pub(crate) struct Entry {
    /// `None` of sockets that the caller opened.
    pub(crate) at: Option<Where>,
    pub(crate) sockets: Vec<OwnedFd>,
    /// The cookie of their network namespace.
    pub(crate) namespace: u64,
    pub(crate) device: Option<u32>,
    /// See [`Held::device_mark`].
    pub(crate) device_mark: Option<u32>,
    /// The program by which the kernel finds the sockets ([`crate::lookup::attach`]); `None` of others.
    pub(crate) lookup: Option<OwnedFd>,
    /// Addresses that are there because of this entry.
    pub(crate) added: Vec<IpAddr>,
    pub(crate) note: Option<String>,
    /// A descriptor of the namespace; `None` of the process's own.
    pub(crate) door: Option<OwnedFd>,
    /// The number that all processes in the namespace see of a file in `/proc`; 0 of the process's own.
    pub(crate) mark: u64,
    /// It has been told that it is gone.
    pub(crate) is_gone: bool,
}

/// The state that the opener and its watch have together.
pub(crate) struct Shared {
    pub(crate) state: Mutex<State>,
    pub(crate) store: Box<dyn Store>,
    pub(crate) waker: Waker,
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) entries: BTreeMap<String, Entry>,
    pub(crate) lines: Vec<OwnedFd>,
}

impl Shared {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Wakes the watch when there is something else to watch, and ends it.
pub(crate) struct Waker {
    wake: OwnedFd,
    pub(crate) woken: OwnedFd,
}

impl Waker {
    pub(crate) fn new() -> io::Result<Self> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let (wake, woken) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?;
        Ok(Self { wake, woken })
    }

    pub(crate) fn look_again(&self) {
        // One more says nothing to a watch for which as many wait already.
        let _ = send(&self.wake, b".", SendFlags::NOSIGNAL | SendFlags::DONTWAIT);
    }
}

impl Drop for Waker {
    fn drop(&mut self) {
        let _ = shutdown(&self.wake, Shutdown::Both);
    }
}

impl State {
    /// Tells all lines that a key is gone.
    pub(crate) fn tell_gone(&mut self, key: &str) {
        let Some(entry) = self.entries.get_mut(key).filter(|entry| !entry.is_gone) else { return };
        entry.is_gone = true;
        // A device that gets the number of its own next reaches nobody by it.
        entry.shut();
        let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
        self.lines.retain(|line| send(line, key.as_bytes(), flags).is_ok());
    }
}

impl Entry {
    pub(crate) fn held(&self, key: &str) -> io::Result<Held> {
        let sockets = self.sockets.iter().map(OwnedFd::try_clone).collect::<Result<_, _>>()?;
        let (key, note) = (key.to_owned(), self.note.clone());
        let asks = self.at.as_ref().and_then(|_| self.asks().ok());
        let (namespace, device, device_mark) = (self.namespace, self.device, self.device_mark);
        Ok(Held { key, sockets, namespace, device, device_mark, note, asks })
    }

    /// Opened anew for whoever gets the sockets: nobody else takes the answers.
    fn asks(&self) -> Result<OwnedFd, OpenError> {
        let open = || if self.is_on_device() { Netlink::open().map(OwnedFd::from) } else { diagnosis() };
        inside(self.door.as_ref().map(AsFd::as_fd), || open().map_err(|error| failed("ask who calls", error)))
    }
}

impl Entry {
    pub(crate) fn uses(&self, address: IpAddr) -> bool {
        match &self.at {
            Some(Where::Metadata { ipv6, .. }) => address.is_ipv4() || ipv6.map(IpAddr::V6) == Some(address),
            Some(Where::Loopback { .. }) | None => false,
        }
    }

    /// Refuses connections for everybody who has its sockets.
    pub(crate) fn shut(&self) {
        for socket in &self.sockets {
            let _ = shutdown(socket, Shutdown::Both);
        }
    }
}
