//! HTTP over sockets: the only place that accepts connections, reads requests and writes replies.

mod connection;
mod head;
mod last;
mod listener;
mod log;
mod ours;
mod sink;
#[cfg(test)]
mod tests;

pub(crate) use connection::{Admission, Answered, HttpLimits, Service};
pub(crate) use listener::{ACCEPT_PAUSE, Listener, Stop, stopped};
pub use log::Log;
pub(crate) use log::Note;
