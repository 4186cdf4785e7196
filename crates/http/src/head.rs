//! A request's head: what is read of it before its surface sees it, and what stands for one that cannot be read.

use bonafide_wire::{Peer, Request, Unserved};
use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, Version};

/// Path and query as written. Of a target that is not in origin form (`GET http://…`, `CONNECT host:port`,
/// `OPTIONS *`) all that stands before the query is the path, which does not begin with a slash, so that no
/// route has it.
pub(super) fn target(uri: &Uri) -> (String, String) {
    let query = uri.query().unwrap_or_default().to_owned();
    match (uri.scheme(), uri.authority()) {
        (Some(scheme), Some(authority)) => (format!("{scheme}://{authority}{}", uri.path()), query),
        (None, Some(authority)) => (authority.to_string(), query),
        (_, None) => (uri.path().to_owned(), query),
    }
}

/// The size of the header fields. hyper bounds its buffer, but takes a head that arrives at once.
pub(super) fn head_bytes(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len() + ": \r\n".len()).sum()
}

/// The first value of a header. To look at each of a handful takes less than to hash the name.
pub(super) fn first<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h HeaderValue> {
    headers.iter().find(|(found, _)| *found == name).map(|(_, value)| value)
}

/// The announced size of the body.
pub(super) fn content_length(headers: &HeaderMap) -> Option<usize> {
    headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok())
}

/// The reason why hyper could not read a head, if that ended the connection: one that breaks off gets no answer.
pub(super) fn unread(error: &hyper::Error) -> Option<Unserved> {
    match (error.is_parse_too_large(), error.is_parse()) {
        (_, false) => None,
        (true, true) => Some(Unserved::HeadTooLarge),
        (false, true) => Some(Unserved::HeadMalformed),
    }
}

/// The stand-in for a request whose head could not be read.
pub(super) fn no_head(peer: Peer) -> Request {
    let (path, query) = Default::default();
    let (method, version, headers) = (Method::default(), Version::default(), HeaderMap::new());
    Request { method, path, query, version, headers, body: Bytes::new(), peer }
}
