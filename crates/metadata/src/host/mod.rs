//! The policy of a host towards the control plane, as plain values: which key signs, what login is asked and what
//! its answers mean, what is watched. The shell moves bytes and keeps keys; it decides nothing.

mod fetch;
mod keys;
mod nonce;
mod refused;
mod rejoin;
mod watch;

pub use fetch::{Event, Fetch, Step};
pub use keys::{IdentityKey, KeyStep, NewKey, key_step};
pub use nonce::LoginNonce;
pub use refused::{HostRefusal, Refused, RefusedFor};
pub use rejoin::rejoin_request;
pub use watch::{Watch, WatchError};

use bytes::Bytes;
use http::{Method, StatusCode};

/// A request to the hosts listener.
pub struct HostRequest {
    /// The method.
    pub method: Method,
    /// The path, with its query.
    pub path: String,
    /// The value of `Content-Type`.
    pub content_type: &'static str,
    /// The body.
    pub body: Bytes,
}

impl HostRequest {
    /// A request without a body.
    pub fn get(path: impl Into<String>) -> Self {
        Self::json(Method::GET, path, Bytes::new())
    }

    /// A request whose body is JSON.
    pub fn json(method: Method, path: impl Into<String>, body: impl Into<Bytes>) -> Self {
        Self { method, path: path.into(), content_type: "application/json", body: body.into() }
    }
}

/// The answer to a [`HostRequest`], or why there is none.
pub type Sent = Result<(StatusCode, Bytes), String>;
