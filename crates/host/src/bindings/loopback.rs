//! The port of workload `demo`'s metadata endpoint: chosen once and kept, because scripts and the
//! settings of other programs name it.

use crate::control_plane::ControlPlane;
use crate::deployment::{DEPLOYMENT, Deployment};
use crate::listening::{ListenError, listen};
use bonafide_crypto::random;
use bonafide_store::StoreError;
use std::net::{Ipv4Addr, SocketAddr};
use tokio::net::TcpListener;

/// Where a port is chosen. Not among those that systems give to outgoing connections (from 32,768
/// on): one of those could be in use at the next start.
const CHOICES: std::ops::Range<u16> = 20_000..30_000;
/// How many of them are tried before any port will do.
const TRIES: usize = 100;

/// Why the port could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum MetadataPortError {
    /// It is taken or not ours to take.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// It could not be remembered.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Listens on the port asked for, on that of the last start, or on a free one, and remembers it.
pub(crate) async fn listen_metadata(
    plane: &ControlPlane,
    deployment: &mut Deployment,
    asked: Option<u16>,
) -> Result<(TcpListener, u16), MetadataPortError> {
    let port = asked.or(deployment.imds_port).filter(|port| *port != 0);
    let socket = match port {
        Some(port) => at(port).await?,
        None => on_a_free_port().await?,
    };
    let port = socket.local_addr().map_or(0, |address| address.port());
    if deployment.imds_port != Some(port) {
        deployment.imds_port = Some(port);
        plane.store.write(|tx| tx.put(&DEPLOYMENT, &(), deployment))?;
    }
    Ok((socket, port))
}

async fn on_a_free_port() -> Result<TcpListener, ListenError> {
    for _ in 0..TRIES {
        let choice = u16::from_be_bytes(random::bytes::<2>()) % (CHOICES.end - CHOICES.start);
        if let Ok(socket) = at(CHOICES.start + choice).await {
            return Ok(socket);
        }
    }
    at(0).await
}

async fn at(port: u16) -> Result<TcpListener, ListenError> {
    listen(SocketAddr::from((Ipv4Addr::LOCALHOST, port)), "--imds-port").await
}
