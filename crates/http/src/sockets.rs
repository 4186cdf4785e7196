//! The listening sockets of a process that another process may keep for it, each under its name.

use crate::listening::{ListenError, Listening};
use std::collections::HashMap;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The process that keeps the sockets of this one.
pub trait SocketKeeper: Send + Sync {
    /// Has it leave the sockets alone from now on that it gave, and waits until it does.
    fn hand_over(&self) -> io::Result<()>;
    /// Has it keep a socket that this process opened.
    fn keep(&self, name: &str, socket: BorrowedFd<'_>);
}

/// Sockets that were given to this process, and a way to have those kept that it opens.
pub struct Sockets {
    given: Mutex<Given>,
    keeper: Box<dyn SocketKeeper>,
}

/// The sockets that were given and not taken yet. Until they are handed over, their keeper decides what becomes of
/// connections.
struct Given {
    sockets: HashMap<String, TcpListener>,
    are_handed_over: bool,
}

impl Sockets {
    /// Sockets that were given, by name. What this process opens goes to their keeper as well.
    pub fn new(sockets: HashMap<String, TcpListener>, keeper: Box<dyn SocketKeeper>) -> Self {
        Self { given: Mutex::new(Given { sockets, are_handed_over: false }), keeper }
    }

    /// The address of a socket that was given and not taken yet.
    pub fn address(&self, name: &str) -> Option<SocketAddr> {
        self.given().sockets.get(name)?.local_addr().ok()
    }

    /// The socket that was given under a name; `None` where none was. The first is taken after all were handed over.
    pub fn take(&self, name: &str) -> Option<io::Result<Listening>> {
        let mut given = self.given();
        let socket = given.sockets.remove(name)?;
        if !given.are_handed_over {
            if let Err(error) = self.keeper.hand_over() {
                return Some(Err(error));
            }
            given.are_handed_over = true;
        }
        Some(Listening::given(socket).map(Listening::listening_again))
    }

    /// The socket that was given under a name, or a new one at an address that `option` of the command line chooses.
    pub fn listen(&self, name: &str, address: SocketAddr, option: &'static str) -> Result<Listening, ListenError> {
        let failed = |error| ListenError { address, option, error };
        if let Some(given) = self.take(name) {
            return given.map_err(failed);
        }
        let opened = Listening::open(address).map_err(failed)?;
        self.keeper.keep(name, opened.as_fd());
        Ok(opened.listening_again())
    }

    fn given(&self) -> MutexGuard<'_, Given> {
        self.given.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
