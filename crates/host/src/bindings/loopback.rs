//! A port of 127.0.0.1, chosen once and kept by the caller: scripts and the settings of other programs name it.

use bonafide_crypto::random;
use bonafide_http::{ListenError, Listening, Sockets};
use std::net::{Ipv4Addr, SocketAddr};

/// The name of the socket, for who gives or keeps it.
pub const NAME: &str = "imds";
/// The range in which a port is chosen. Not among those that systems give to outgoing connections (from 32,768
/// on): one of those could be in use at the next start.
const CHOICES: std::ops::Range<u16> = 20_000..30_000;
/// Ports that are tried before any will do.
const TRIES: usize = 100;

/// The port that is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Port {
    /// Any that is free.
    Free,
    /// The one of the start before, or another one where that is taken.
    Again(u16),
    /// This one, which somebody asked for, and no other.
    Exactly(u16),
}

/// Listens on the socket that was given, or on the port that is wanted. `option` of the command line chooses it.
pub fn listen_at(sockets: &Sockets, port: Port, option: &'static str) -> Result<Listening, ListenError> {
    let at = |port| sockets.listen(NAME, SocketAddr::from((Ipv4Addr::LOCALHOST, port)), option);
    match port {
        Port::Exactly(port) => at(port),
        Port::Again(port) => at(port).or_else(|_| on_a_free_port(at)),
        Port::Free => on_a_free_port(at),
    }
}

fn on_a_free_port(at: impl Fn(u16) -> Result<Listening, ListenError>) -> Result<Listening, ListenError> {
    for _ in 0..TRIES {
        let choice = u16::from_be_bytes(random::bytes::<2>()) % (CHOICES.end - CHOICES.start);
        if let Ok(socket) = at(CHOICES.start + choice) {
            return Ok(socket);
        }
    }
    at(0)
}
