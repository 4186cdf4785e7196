//! Requests and replies that two sides share, one file each: parse and print. No sockets.

mod exchange;
pub mod hosts;
mod lane;
pub mod odata;
mod parameters;
pub mod path;
mod record;
mod remote;
mod route;
mod surface;
pub mod token;
mod unserved;

pub use exchange::{Peer, Reply, Request};
pub use lane::Lane;
pub use parameters::{ParameterError, Parameters};
pub use record::{Field, Record};
pub use remote::Remote;
pub use route::{Captures, Needs, NoRoute, Route, find};
pub use surface::{Answer, Outcome, Surface, served};
pub use unserved::Unserved;
