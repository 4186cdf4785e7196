//! Values of options and of configuration files, read from text.

use bonafide_core::directory::{TOKEN_SECONDS_MAX, TOKEN_SECONDS_MIN};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};

/// Address of the public origin, unless an option names another.
pub(crate) const PUBLIC_ADDRESS: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 8_443));
/// Address of the hosts listener, likewise.
pub(crate) const HOSTS_ADDRESS: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 8_444));

/// An address to listen on.
pub(crate) fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "give an IP address and a port, as in 127.0.0.1:8443".to_owned())
}

/// The lifetime of a token, in seconds.
pub(crate) fn token_lifetime(text: &str) -> Result<u32, String> {
    let (number, unit) = match text.char_indices().last() {
        Some((at, 'm')) => (&text[..at], 60),
        Some((at, 'h')) => (&text[..at], 3_600),
        _ => (text, 1),
    };
    let seconds = number.parse::<u32>().ok().and_then(|number| number.checked_mul(unit));
    let seconds = seconds.filter(|seconds| (TOKEN_SECONDS_MIN..=TOKEN_SECONDS_MAX).contains(seconds));
    seconds.ok_or_else(|| "give a time from 5m to 24h, as in 15m, 2h or 900".to_owned())
}
