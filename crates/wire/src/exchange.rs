//! One HTTP exchange as values: what a surface is given and what it gives back.

use crate::remote::Remote;
use bonafide_types::{CertificateNumber, HostId};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::{HeaderMap, Method, StatusCode, Version};
use serde::Serialize;
use std::fmt::Display;

/// The other end of the connection, as the connection itself shows it. Never from a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// Anybody who could open a connection.
    Anonymous(Remote),
    /// A client certificate that names a host was verified on this connection. It does not say that it still counts:
    /// the listener finds that out for each request, and makes [`Peer::Host`] of it. A surface gives it nothing.
    Certified(HostId, CertificateNumber),
    /// A host whose client certificate was verified on this connection, and counts.
    Host(HostId),
}

/// A request, whole: its body has been read within the route's limit.
#[derive(Debug, Clone)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// The path as it stands on the request line, still percent-encoded.
    pub path: String,
    /// The part after `?`, still percent-encoded; empty when there is none.
    pub query: String,
    /// The version of HTTP in which it was sent.
    pub version: Version,
    /// The header fields.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// The other end of the connection.
    pub peer: Peer,
}

impl Request {
    /// The request, which leaves its method, version and peer behind, and nothing else.
    #[must_use]
    pub fn take(&mut self) -> Self {
        Self {
            method: self.method.clone(),
            path: std::mem::take(&mut self.path),
            query: std::mem::take(&mut self.query),
            version: self.version,
            headers: std::mem::take(&mut self.headers),
            body: std::mem::take(&mut self.body),
            peer: self.peer,
        }
    }

    /// The value of a header that occurs once and is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.get_all(name).iter();
        let value = values.next()?.to_str().ok()?;
        values.next().is_none().then_some(value)
    }
}

/// Room for the body and for the header fields of an ordinary reply, so that neither has to move as it grows.
const JSON_BYTES: usize = 1024;
const HEADERS: usize = 12;

/// A reply. The shell writes it; nobody else writes bytes.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The status.
    pub status: StatusCode,
    /// The header fields, `Content-Type` among them.
    pub headers: HeaderMap,
    /// The body; `Content-Length` follows from it.
    pub body: Bytes,
    /// The reason why it is no better, where the body does not say. For the log: it is never written to the wire,
    /// and nothing in it is a secret.
    pub why: Option<Box<str>>,
}

impl Reply {
    /// A reply without a body.
    pub fn empty(status: StatusCode) -> Self {
        Self { status, headers: HeaderMap::new(), body: Bytes::new(), why: None }
    }

    /// A reply whose body is `value` as JSON, `application/json; charset=utf-8`.
    pub fn json(status: StatusCode, value: &impl Serialize) -> Self {
        let mut body = Vec::with_capacity(JSON_BYTES);
        match serde_json::to_writer(&mut body, value) {
            Ok(()) => Self::bytes(status, "application/json; charset=utf-8", body),
            // Only a map with keys that are not strings can fail, and no reply has one.
            Err(_) => Self::empty(StatusCode::INTERNAL_SERVER_ERROR),
        }
    }

    /// A reply with a body of the given content type.
    pub fn bytes(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        let mut headers = HeaderMap::with_capacity(HEADERS);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        Self { status, headers, body: body.into(), why: None }
    }

    /// The same reply with its reason, for the log.
    #[must_use]
    pub fn because(mut self, why: &impl Display) -> Self {
        self.why = Some(why.to_string().into());
        self
    }

    /// The same reply with one more header field. A value that cannot be a header value (it holds a
    /// control character) is left out: a caller's text can never split a reply.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(HeaderName::from_static(name), value);
        }
        self
    }
}
