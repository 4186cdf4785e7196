//! The readers of bytes that strangers send, for the fuzz targets: without sockets.

use crate::admission::proxy;
use crate::framing::Framing;
use std::net::SocketAddr;

/// True where the bytes of one connection's requests, which come in pieces of `size` bytes, have one reading as far as they
/// go.
pub fn have_one_reading(bytes: &[u8], size: usize) -> bool {
    let mut framing = Framing::default();
    bytes.chunks(size.max(1)).all(|piece| framing.follow(piece).is_ok())
}

/// The client that a whole header of the PROXY protocol tells, if these bytes are one and it tells one.
pub fn proxied_client(bytes: &[u8]) -> Option<SocketAddr> {
    proxy::client(bytes)
}
