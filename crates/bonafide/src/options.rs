//! Values of options and of configuration files, read from text.

use bonafide_core::directory::{TOKEN_SECONDS_MAX, TOKEN_SECONDS_MIN};
use bonafide_metadata as metadata;
use bonafide_types::limits::{METADATA_FETCHES_AT_ONCE, METADATA_RATE_PER_SECOND};
use serde::Deserialize;
use std::fmt;
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

/// Limits of each workload at its metadata endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Throttle {
    /// For each workload.
    On {
        /// Requests per second.
        rate: u32,
        /// New tokens that callers wait for at once.
        concurrent: u32,
    },
    /// None.
    Off,
}

impl Default for Throttle {
    fn default() -> Self {
        Self::On { rate: METADATA_RATE_PER_SECOND, concurrent: METADATA_FETCHES_AT_ONCE }
    }
}

impl fmt::Display for Throttle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::On { rate, concurrent } => write!(f, "{rate},{concurrent}"),
            Self::Off => f.write_str("off"),
        }
    }
}

impl Throttle {
    /// The options of an agent that has these limits.
    pub(crate) fn agent(self, refresh_ahead: bool) -> metadata::Options {
        let throttle = match self {
            Self::On { rate, concurrent } => {
                Some(metadata::Throttle { rate_per_second: rate, fetches_at_once: concurrent })
            }
            Self::Off => None,
        };
        metadata::Options { throttle, refresh_ahead }
    }
}

/// `RATE,CONCURRENT` or `off`.
pub(crate) fn throttle(text: &str) -> Result<Throttle, String> {
    if text == "off" {
        return Ok(Throttle::Off);
    }
    let numbers = text.split_once(',').and_then(|(rate, concurrent)| {
        let (rate, concurrent) = (rate.parse().ok()?, concurrent.parse().ok()?);
        (rate > 0 && concurrent > 0).then_some(Throttle::On { rate, concurrent })
    });
    numbers.ok_or_else(|| "give two numbers above zero, as in 20,5, or off".to_owned())
}

/// Lines that go to standard error.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum LogChoice {
    /// One for each request and each failure.
    #[default]
    Requests,
    /// None: failures are in the data directory alone.
    Off,
}
