//! Sockets that were opened before this process, by systemd or another supervisor, and are passed to it (sd_listen_fds(3)).

use super::command::Command;
use listenfd::ListenFd;
use std::env::var;
use std::net::TcpListener;

/// The reason why passed sockets cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum PassedError {
    /// There is nothing that would be served on it: it would accept connections that nobody answers.
    #[error(
        "a socket was passed as '{name}', and `{command}` has nothing to serve there: name it {names} \
         (FileDescriptorName= of systemd)"
    )]
    Unknown {
        /// The name it came with.
        name: String,
        /// The command.
        command: &'static str,
        /// The names that there are.
        names: String,
    },
    /// Two of one name.
    #[error("two sockets were passed as '{0}'; pass one")]
    Twice(String),
    /// Something else than a listening TCP socket.
    #[error("what was passed as '{0}' is no listening TCP socket")]
    Other(String),
    /// The address of the metadata endpoint, which other machines could reach.
    #[error(
        "the socket that was passed as '{0}' is at {1}; the metadata endpoint is for this machine only: pass one at 127.0.0.1"
    )]
    Open(String, std::net::SocketAddr),
}

/// The sockets that were passed to this process, by name; none where the variables are for another.
pub(super) fn passed(command: &Command) -> Result<Vec<(String, TcpListener)>, PassedError> {
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
        let Some(known) = command.sockets.iter().find(|known| known.name == name) else {
            let names: Vec<&str> = command.sockets.iter().map(|known| known.name).collect();
            return Err(PassedError::Unknown { name, command: command.name, names: enumerate(&names) });
        };
        if sockets.iter().any(|(other, _)| *other == name) {
            return Err(PassedError::Twice(name));
        }
        let Ok(Some(socket)) = passed.take_tcp_listener(at) else { return Err(PassedError::Other(name)) };
        let address = socket.local_addr().map_err(|_| PassedError::Other(name.clone()))?;
        if !known.is_for_others && !address.ip().is_loopback() {
            return Err(PassedError::Open(name, address));
        }
        sockets.push((name, socket));
    }
    Ok(sockets)
}

/// Names as a sentence has them: a, b or c.
fn enumerate(names: &[&str]) -> String {
    match names {
        [] => "nothing".to_owned(),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}
