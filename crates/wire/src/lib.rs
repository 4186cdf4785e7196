//! Requests and replies that two sides share, one file each: parse and print. No sockets.

mod exchange;
pub mod hosts;
mod parameters;
pub mod path;
pub mod token;
mod unserved;

pub use exchange::{Outcome, Peer, Reply, Request};
pub use parameters::{ParameterError, Parameters};
pub use unserved::Unserved;
