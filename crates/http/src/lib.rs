//! HTTP over sockets: the only place that accepts connections, reads requests and writes replies. It knows
//! no surface: what answers is a [`Service`], and what the log may know is a record of named fields.

#![allow(clippy::disallowed_methods, reason = "the shell: it owns clock, entropy, environment and sockets")]
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod admission;
mod body;
pub mod clock;
mod connection;
mod event;
mod framing;
mod head;
mod last;
mod limits;
mod listener;
mod listening;
mod log;
mod masked;
mod ours;
mod panics;
pub mod readers;
mod reply;
mod service;
mod sink;
mod sockets;
mod stream;
#[cfg(test)]
mod tests;
#[cfg(debug_assertions)]
mod tests_clock;
pub mod tls;
mod unasked;

pub use admission::{LocalUser, SharedConnections, TrustedProxy, Waits};
pub use event::{Event, shown};
pub use listener::{ACCEPT_PAUSE, AskUser, Listener, Listeners, Stop, is_shortage, stopped};
pub use listening::{ListenError, Listening, PortHold, open_on_loopback_device, refuse};
pub use log::Log;
pub use masked::{is_served, masked_path};
pub use panics::{Panicked, caught_at_once, log_uncaught};
pub use service::{Admission, HttpLimits, PeerFacts, Service};
pub use sockets::{SocketKeeper, Sockets};
