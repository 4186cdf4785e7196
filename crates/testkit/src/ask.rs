//! Requests as values, and what came back.

use bonafide_types::HostId;
use bonafide_wire::{Peer, Remote, Reply, Request};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use serde_json::Value;
use std::net::Ipv4Addr;

/// A request in the making. Its peer is anybody unless [`Ask::over`] says otherwise.
#[derive(Debug, Clone)]
pub struct Ask(Request);

impl Ask {
    /// A request for `target`, a path with or without a query.
    pub fn new(method: &str, target: &str) -> Self {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        Self(Request {
            method: Method::from_bytes(method.as_bytes()).unwrap(),
            path: path.to_owned(),
            query: query.to_owned(),
            version: http::Version::HTTP_11,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            peer: Peer::Anonymous((Ipv4Addr::LOCALHOST, 50_000).into()),
        })
    }

    /// One more header field.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.0.headers.append(HeaderName::try_from(name).unwrap(), HeaderValue::try_from(value).unwrap());
        self
    }

    /// A token.
    #[must_use]
    pub fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    /// A body of JSON.
    #[must_use]
    pub fn json(self, body: &Value) -> Self {
        self.header("content-type", "application/json").body(body.to_string())
    }

    /// A body of form fields.
    #[must_use]
    pub fn form(self, fields: &[(&str, &str)]) -> Self {
        let fields: Vec<String> = fields.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
        self.header("content-type", "application/x-www-form-urlencoded").body(fields.join("&"))
    }

    /// A body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.0.body = body.into();
        self
    }

    /// Sends it from an address.
    #[must_use]
    pub fn from(mut self, address: impl Into<Remote>) -> Self {
        self.0.peer = Peer::Anonymous(address.into());
        self
    }

    /// Sends it over the mTLS connection of a host.
    #[must_use]
    pub fn over(mut self, host: HostId) -> Self {
        self.0.peer = Peer::Host(host);
        self
    }

    /// The request.
    pub fn request(&self) -> &Request {
        &self.0
    }
}

/// A form value with everything encoded that would end it. `%` stands for itself, so that a test can
/// write an encoding of its own.
pub(crate) fn encoded(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_graphic() && !b"&+=#\"".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

/// A reply, its body read as JSON.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The header fields.
    pub headers: HeaderMap,
    /// The body as it was sent.
    pub text: String,
    /// The body; null where it is empty or no JSON.
    pub body: Value,
}

impl From<Reply> for Answer {
    fn from(reply: Reply) -> Self {
        // A fault of ours is never what a test is about.
        assert!(
            reply.status != StatusCode::INTERNAL_SERVER_ERROR
                || reply.body.windows(7).any(|w| w == b"unknown" || w == b"occured"),
            "internal error: {}",
            String::from_utf8_lossy(&reply.body)
        );
        let text = String::from_utf8(reply.body.to_vec()).unwrap();
        let body = serde_json::from_str(&text).unwrap_or_default();
        Self { status: reply.status.as_u16(), headers: reply.headers, text, body }
    }
}

impl Answer {
    /// A header field, empty where there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// `error.code` of Resource Manager, `error` of the token service, `code` of the hosts surface.
    pub fn code(&self) -> &str {
        let codes = [&self.body["error"]["code"], &self.body["error"], &self.body["code"]];
        codes.into_iter().find_map(Value::as_str).unwrap_or_default()
    }

    /// The answer, which must have this status.
    #[track_caller]
    #[must_use]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text);
        self
    }

    /// The answer, which must be this refusal.
    #[track_caller]
    pub fn refused(self, status: u16, code: &str) -> Self {
        assert_eq!((self.status, self.code()), (status, code), "{}", self.text);
        self
    }

    /// A member that is a string, by its JSON pointer.
    #[track_caller]
    pub fn text_at(&self, pointer: &str) -> &str {
        let found = self.body.pointer(pointer).and_then(Value::as_str);
        found.unwrap_or_else(|| panic!("no text at {pointer} in {}", self.text))
    }
}
