//! Opening listening sockets.

use std::net::SocketAddr;
use tokio::net::TcpListener;

/// A port is taken or not ours to take.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot listen on {address}: {error}; stop what uses it, or choose another with {option} (0 picks a free port)"
)]
pub struct ListenError {
    address: SocketAddr,
    option: &'static str,
    error: std::io::Error,
}

/// Listens on an address that `option` of the command line chooses.
pub async fn listen(address: SocketAddr, option: &'static str) -> Result<TcpListener, ListenError> {
    TcpListener::bind(address).await.map_err(|error| ListenError { address, option, error })
}
