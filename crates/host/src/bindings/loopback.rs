//! A port of 127.0.0.1, chosen once and kept by the caller: scripts and the settings of other programs name it.

use bonafide_crypto::random;
use bonafide_http::{ListenError, listen};
use std::net::{Ipv4Addr, SocketAddr};
use tokio::net::TcpListener;

/// The range in which a port is chosen. Not among those that systems give to outgoing connections (from 32,768
/// on): one of those could be in use at the next start.
const CHOICES: std::ops::Range<u16> = 20_000..30_000;
/// Ports that are tried before any will do.
const TRIES: usize = 100;

/// Listens on a port, or on a free one where none or 0 is given. `option` of the command line chooses it.
pub async fn listen_at(port: Option<u16>, option: &'static str) -> Result<(TcpListener, u16), ListenError> {
    let socket = match port.filter(|port| *port != 0) {
        Some(port) => at(port, option).await?,
        None => on_a_free_port(option).await?,
    };
    let port = socket.local_addr().map_or(0, |address| address.port());
    Ok((socket, port))
}

async fn on_a_free_port(option: &'static str) -> Result<TcpListener, ListenError> {
    for _ in 0..TRIES {
        let choice = u16::from_be_bytes(random::bytes::<2>()) % (CHOICES.end - CHOICES.start);
        if let Ok(socket) = at(CHOICES.start + choice, option).await {
            return Ok(socket);
        }
    }
    at(0, option).await
}

async fn at(port: u16, option: &'static str) -> Result<TcpListener, ListenError> {
    listen(SocketAddr::from((Ipv4Addr::LOCALHOST, port)), option).await
}
