//! The listening sockets of a process that another process may keep for it, each under its name.

use crate::listening::{ListenError, Listening};
use std::collections::HashMap;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Mutex, PoisonError};

/// Hands a new socket over to who keeps it.
type Keep = Box<dyn Fn(&str, BorrowedFd<'_>) + Send + Sync>;

/// Sockets that were given to this process, and a way to have those kept that it opens.
pub struct Sockets {
    given: Mutex<HashMap<String, TcpListener>>,
    keep: Keep,
}

impl Sockets {
    /// Sockets that were given, by name. What this process opens goes to `keep` as well.
    pub fn new(given: HashMap<String, TcpListener>, keep: Keep) -> Self {
        Self { given: Mutex::new(given), keep }
    }

    /// The address of a socket that was given and not taken yet.
    pub fn address(&self, name: &str) -> Option<SocketAddr> {
        self.given.lock().unwrap_or_else(PoisonError::into_inner).get(name)?.local_addr().ok()
    }

    /// The socket that was given under a name; `None` where none was.
    pub fn take(&self, name: &str) -> Option<std::io::Result<Listening>> {
        let given = self.given.lock().unwrap_or_else(PoisonError::into_inner).remove(name)?;
        Some(Listening::given(given))
    }

    /// The socket that was given under a name, or a new one at an address that `option` of the command line chooses.
    pub fn listen(&self, name: &str, address: SocketAddr, option: &'static str) -> Result<Listening, ListenError> {
        let failed = |error| ListenError { address, option, error };
        if let Some(given) = self.take(name) {
            return given.map_err(failed);
        }
        let opened = Listening::open(address).map_err(failed)?;
        (self.keep)(name, opened.as_fd());
        Ok(opened)
    }
}
