//! The real metadata address, 169.254.169.254:80, on the loopback device: no neighbour can reach it.
//!
//! The address stays when nobody serves it any more: where it were gone, packets for it would go to the network, and who
//! answers them there would be this machine's metadata server.

use bonafide_http::Listening;
use bonafide_opener::{OpenError, Opener, Where};
use std::io;

/// The metadata port.
pub(super) const PORT: u16 = 80;
/// The command that takes the address away again.
pub(super) const REMOVE: &str = "ip address del 169.254.169.254/32 dev lo";
/// The key under which the opener holds it.
const KEY: &str = "link-local/imds";

/// The reason why the address cannot be served.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LinkLocalError {
    /// It could not be opened.
    #[error("--link-local: {0}")]
    Open(#[from] OpenError),
    /// It could not be listened on.
    #[error("cannot listen on 169.254.169.254:80: {0}")]
    Listen(#[from] io::Error),
}

/// Adds the address, if it is not there, and listens on it; a note where there is something to know about it.
pub(super) fn open(opener: &dyn Opener) -> Result<(Listening, Option<String>), LinkLocalError> {
    let at = Where::Metadata { device: None, ipv6: None, port: PORT };
    let held = opener.open(KEY, &at, None)?;
    let socket = held.sockets.into_iter().next().ok_or(io::ErrorKind::NotFound).map_err(io::Error::from)?;
    Ok((Listening::given(socket)?.in_namespace(held.namespace).listening_again(), held.note))
}
