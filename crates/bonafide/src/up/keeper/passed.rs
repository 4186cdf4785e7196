//! Sockets that were opened before `up`, by systemd or another supervisor, and are passed to it (sd_listen_fds(3)).

use bonafide_host::bindings::loopback;
use bonafide_plane::{HOSTS, PUBLIC};
use listenfd::ListenFd;
use std::env::var;
use std::net::TcpListener;

/// The names that a socket may have.
const NAMES: [&str; 3] = [PUBLIC, HOSTS, loopback::NAME];

/// The reason why passed sockets cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum PassedError {
    /// There is nothing that would be served on it: it would accept connections that nobody answers.
    #[error(
        "a socket was passed as '{0}', and `up` has nothing to serve there: name it {PUBLIC}, {HOSTS} or {imds} \
         (FileDescriptorName= of systemd)", imds = loopback::NAME
    )]
    Unknown(String),
    /// Two of one name.
    #[error("two sockets were passed as '{0}'; pass one")]
    Twice(String),
    /// Something else than a listening TCP socket.
    #[error("what was passed as '{0}' is no listening TCP socket")]
    Other(String),
    /// The address of the metadata endpoint, which other machines could reach.
    #[error("the socket that was passed as '{name}' is at {0}; the metadata endpoint is for this machine only: pass one at 127.0.0.1", name = loopback::NAME)]
    Open(std::net::SocketAddr),
}

/// The sockets that were passed to this process, by name; none where the variables are for another.
pub(super) fn passed() -> Result<Vec<(String, TcpListener)>, PassedError> {
    let is_for_us = var("LISTEN_PID").is_ok_and(|pid| pid == std::process::id().to_string());
    if !is_for_us {
        return Ok(Vec::new());
    }
    let names = var("LISTEN_FDNAMES").unwrap_or_default();
    let mut names = names.split(':');
    let mut passed = ListenFd::from_env();
    let mut sockets: Vec<(String, TcpListener)> = Vec::new();
    for at in 0..passed.len() {
        let name = names.next().unwrap_or_default().to_owned();
        if !NAMES.contains(&name.as_str()) {
            return Err(PassedError::Unknown(name));
        }
        if sockets.iter().any(|(other, _)| *other == name) {
            return Err(PassedError::Twice(name));
        }
        let Ok(Some(socket)) = passed.take_tcp_listener(at) else { return Err(PassedError::Other(name)) };
        let address = socket.local_addr().map_err(|_| PassedError::Other(name.clone()))?;
        if name == loopback::NAME && !address.ip().is_loopback() {
            return Err(PassedError::Open(address));
        }
        sockets.push((name, socket));
    }
    Ok(sockets)
}
