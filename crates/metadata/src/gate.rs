//! The way into the endpoint: guards against requests that somebody else had forged or forwarded (SSRF), the
//! path, the proof, the method and the body, in the order of docs/wire/imds.md, "Order of checks".

use crate::binding::Binding;
use crate::dialect::{Call, Entry, single_value, values};
use crate::forwarding::is_forwarding;
use crate::path;
use crate::refusal::{GuardError, QueryError, Refusal};
use crate::session;
use crate::target::Target;
use bonafide_types::World;
use bonafide_wire::{ParameterError, Peer, Request};
use http::header::{CONTENT_TYPE, HOST, HeaderMap, UPGRADE};
use http::{Method, Version};
use std::borrow::Cow;

/// A request that has passed the gate.
pub(crate) struct Passed<'r> {
    pub(crate) call: Call,
    /// In its canonical form.
    pub(crate) path: Cow<'r, str>,
    /// The query, and after it the form, still encoded.
    pub(crate) parameters: Cow<'r, str>,
}

/// Lets a request in, or says why not. The proof is demanded once the path is known, so that a path that does
/// not exist is 404 with or without it, and before everything else that can be wrong with the request.
pub(crate) fn pass<'r>(binding: &Binding, request: &'r Request, world: &World<'_>) -> Result<Passed<'r>, Refusal> {
    let dialect = binding.speech.dialect;
    let path = check_origin(binding, request)?.path;
    let is_here = dialect.entries.iter().any(|entry| entry.route.path == path);
    // Every cached token comes this way, and what is served is canonical.
    let path = if is_here { Cow::Borrowed(path) } else { path::canonical(path)? };
    let here = || dialect.entries.iter().filter(|entry| entry.is_at(&path));
    let known = here().next();
    let begins_session = binding.sessions.is_some() && path == session::PATH;
    if known.is_none() && !begins_session {
        return Err(Refusal::NotFound);
    }
    if !(dialect.is_proven)(request, &binding.speech.endpoint) {
        return Err(Refusal::Unproven);
    }
    // nginx asks so by default, and adds nothing else that gives it away.
    if request.version < Version::HTTP_11 && !binding.takes_http_1_0 {
        return Err(GuardError::Http10.into());
    }
    if begins_session {
        let is_put = request.method == Method::PUT;
        let passed = Passed { call: Call::Session, path, parameters: Cow::default() };
        return is_put.then_some(passed).ok_or(Refusal::Method(None));
    }
    if binding.sessions.as_ref().is_some_and(|sessions| !sessions.has(request, world.now)) {
        return Err(Refusal::NoSession);
    }
    let is_asked = |entry: &&Entry| entry.route.method == request.method;
    let entry = known.filter(is_asked).or_else(|| here().find(is_asked));
    let entry = entry.ok_or(Refusal::Method(known.map(|entry| entry.route.path)))?;
    if request.method == Method::GET && !request.body.is_empty() {
        return Err(GuardError::Body.into());
    }
    let parameters = match entry.call {
        Call::Token => parameters(request)?,
        // A body is no form, whatever the client says it is.
        Call::Session | Call::Document(_) | Call::Instance | Call::Events | Call::Question(_) => {
            Cow::Borrowed(request.query.as_str())
        }
    };
    Ok(Passed { call: entry.call, path, parameters })
}

/// The guards that need no path: the target, unless somebody else had the request forged or forwarded.
pub(crate) fn check_origin<'r>(binding: &Binding, request: &'r Request) -> Result<Target<'r>, Refusal> {
    let target = Target::read(&request.path);
    check_method(&request.method)?;
    check_device(binding, request.peer)?;
    check_target(binding, &target)?;
    check_headers(binding, &request.headers)?;
    Ok(target)
}

/// `PRI` opens HTTP/2 (RFC 9113 section 3.4), which would be another reader of the same bytes.
fn check_method(method: &Method) -> Result<(), Refusal> {
    if matches!(*method, Method::CONNECT | Method::TRACE) || method.as_str() == "PRI" {
        return Err(Refusal::Method(None));
    }
    Ok(())
}

/// Addresses of the loopback device are believed: a socket that is there for them takes no packet from another device, and
/// who passes requests on from a guest says which of them came over its own (docs/wire/vm-extension.md).
fn check_device(binding: &Binding, peer: Peer) -> Result<(), GuardError> {
    let ip = if let Peer::Anonymous(remote) = peer { remote.ip() } else { None };
    let is_loopback = ip.is_some_and(|ip| ip.to_canonical().is_loopback());
    if binding.speech.dialect.wants_loopback && !is_loopback {
        return Err(GuardError::NotLoopback);
    }
    Ok(())
}

fn check_target(binding: &Binding, target: &Target<'_>) -> Result<(), GuardError> {
    let is_elsewhere = |authority: &str| !binding.answers_to(authority.as_bytes());
    if !target.path.starts_with('/') || target.authority.is_some_and(is_elsewhere) {
        return Err(GuardError::Target);
    }
    Ok(())
}

fn check_headers(binding: &Binding, headers: &HeaderMap) -> Result<(), GuardError> {
    let host = single_value(headers, &HOST).ok_or(GuardError::HostCount)?;
    if !binding.answers_to(host) {
        return Err(GuardError::Host);
    }
    if headers.keys().any(is_forwarding) {
        return Err(GuardError::Forwarded);
    }
    // Java's HttpClient offers `h2c` on every plain request and is content when it is ignored
    // (RFC 9110 section 7.8), as everything is here; other protocols have no business here.
    if values(headers, &UPGRADE).any(|protocol| !protocol.eq_ignore_ascii_case(b"h2c")) {
        return Err(GuardError::Upgrade);
    }
    Ok(())
}

/// The parameters of a request. What is asked for with `GET` has no body; other methods have a form, and are
/// read as if it followed the query: a parameter that occurs in both occurs twice.
fn parameters(request: &Request) -> Result<Cow<'_, str>, Refusal> {
    if request.body.is_empty() {
        return Ok(Cow::Borrowed(&request.query));
    }
    if !is_form(&request.headers) {
        return Err(GuardError::Form.into());
    }
    let form = std::str::from_utf8(&request.body).map_err(|_| QueryError::Parameters(ParameterError::Encoding))?;
    Ok(if request.query.is_empty() { Cow::Borrowed(form) } else { Cow::Owned(format!("{}&{form}", request.query)) })
}

fn is_form(headers: &HeaderMap) -> bool {
    let media_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = media_type.and_then(|text| text.split(';').next()).unwrap_or_default();
    essence.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn posted(query: &str, media_type: Option<&str>, body: &[u8]) -> Request {
        let mut headers = HeaderMap::new();
        headers.extend(media_type.map(|text| (CONTENT_TYPE, text.parse().unwrap())));
        Request {
            method: Method::POST,
            path: "/oauth2/token".to_owned(),
            query: query.to_owned(),
            version: http::Version::HTTP_11,
            headers,
            body: Bytes::copy_from_slice(body),
            peer: Peer::Anonymous("127.0.0.1:1".parse().unwrap()),
        }
    }

    #[test]
    fn a_form_is_read_after_the_query() {
        let form = Some("application/x-www-form-urlencoded");
        let read =
            |query: &str, media_type, body: &[u8]| parameters(&posted(query, media_type, body)).map(Cow::into_owned);
        assert_eq!(read("", form, b"resource=a"), Ok("resource=a".to_owned()));
        assert_eq!(read("a=1", form, b"resource=a"), Ok("a=1&resource=a".to_owned()));
        assert_eq!(read("a=1", None, b""), Ok("a=1".to_owned()));
        let with_parameter = Some("Application/X-WWW-Form-Urlencoded ; charset=utf-8");
        assert_eq!(read("", with_parameter, b"a=1"), Ok("a=1".to_owned()));
        for other in [None, Some("application/json"), Some("text/plain")] {
            assert_eq!(read("", other, b"a=1"), Err(GuardError::Form.into()), "{other:?}");
        }
        assert_eq!(read("", form, b"a=\xff"), Err(QueryError::Parameters(ParameterError::Encoding).into()));
    }
}
