//! Guards against requests that somebody else had forged or forwarded (SSRF), before routing.
//!
//! The order is: method and target form, `Host`, forwarding headers, upgrades. Then the agent reads
//! the path and finds its route, and only then [`proof`] looks for the header that a forged request
//! cannot carry, so that a path that does not exist is 404 with or without it.

use crate::caller::{Binding, Dialect};
use crate::target::Target;
use bonafide_wire::Request;
use http::Method;
use http::header::{HOST, HeaderMap, HeaderName, UPGRADE};

/// Why a request is refused before its path is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("the method is not served here")]
    Method,
    #[error("the request target is not at this endpoint: this is not a proxy")]
    Target,
    #[error("exactly one Host header is required")]
    HostCount,
    #[error("the Host header does not name this endpoint")]
    Host,
    #[error("forwarded requests are refused")]
    Forwarded,
    #[error("the connection cannot be upgraded")]
    Upgrade,
    #[error("the request must not have a body")]
    Body,
}

/// Headers by which a proxy gives itself away, beside everything that begins with `x-forwarded`.
/// `X-Forwarded-For` is refused by Azure ("Azure Instance Metadata Service", learn.microsoft.com);
/// the others are what nginx, Envoy, IIS and the content delivery networks add in its place.
const FORWARDING: [&str; 22] = [
    "forwarded",
    "via",
    "x-real-ip",
    "x-original-url",
    "x-original-uri",
    "x-original-host",
    "x-original-forwarded-for",
    "x-rewrite-url",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-envoy-external-address",
    "x-envoy-original-path",
    "true-client-ip",
    "cf-connecting-ip",
    "cf-ray",
    "client-ip",
    "fastly-client-ip",
    "x-azure-clientip",
    "x-envoy-attempt-count",
    "x-originating-ip",
    "x-proxyuser-ip",
    "proxy-connection",
];

/// The checks that need nothing but the connection and the request's head.
pub(crate) fn check(binding: &Binding, request: &Request, target: &Target<'_>) -> Result<(), Refusal> {
    // `PRI` opens HTTP/2 (RFC 9113 section 3.4), which would be another reader of the same bytes.
    if matches!(request.method, Method::CONNECT | Method::TRACE) || request.method.as_str() == "PRI" {
        return Err(Refusal::Method);
    }
    let is_elsewhere = |authority: &str| !binding.answers_to(authority.as_bytes());
    if !target.path.starts_with('/') || target.authority.is_some_and(is_elsewhere) {
        return Err(Refusal::Target);
    }
    let mut hosts = request.headers.get_all(HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else { return Err(Refusal::HostCount) };
    if !binding.answers_to(host.as_bytes()) {
        return Err(Refusal::Host);
    }
    if request.headers.keys().any(is_forwarding) {
        return Err(Refusal::Forwarded);
    }
    if request.headers.get_all(UPGRADE).iter().any(|protocol| !protocol.as_bytes().eq_ignore_ascii_case(b"h2c")) {
        // Java's HttpClient offers `h2c` on every plain request and is content when it is ignored
        // (RFC 9110 section 7.8), as everything is here; other protocols have no business here.
        return Err(Refusal::Upgrade);
    }
    Ok(())
}

/// What is asked for with `GET` has no body. Other methods are refused for what they are.
pub(crate) fn no_body(request: &Request) -> Result<(), Refusal> {
    if request.body.is_empty() { Ok(()) } else { Err(Refusal::Body) }
}

/// Header names are in lower case. `X_Forwarded_For` is the same name to a CGI-style reader.
fn is_forwarding(name: &HeaderName) -> bool {
    let name = name.as_str();
    if name.contains('_') {
        return is_forwarding_name(&name.replace('_', "-"));
    }
    is_forwarding_name(name)
}

fn is_forwarding_name(name: &str) -> bool {
    name.starts_with("x-forwarded") || FORWARDING.contains(&name)
}

/// What a request lacks to show that the program meant to send it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unproven {
    /// `Metadata: true`, in any case.
    MetadataHeader,
    /// The right `X-IDENTITY-HEADER`.
    IdentityHeader,
}

static METADATA: HeaderName = HeaderName::from_static("metadata");
static IDENTITY_HEADER: HeaderName = HeaderName::from_static("x-identity-header");

/// The header that every implemented path demands, whatever else is wrong with the request.
pub(crate) fn proof(binding: &Binding, headers: &HeaderMap) -> Result<(), Unproven> {
    match binding.dialect() {
        Dialect::Imds => match single_value(headers, &METADATA) {
            // `True` is what google-auth, gcloud's generated files and Azure's own agents send.
            Some(value) if value.eq_ignore_ascii_case(b"true") => Ok(()),
            _ => Err(Unproven::MetadataHeader),
        },
        Dialect::AppService { secret } => match single_value(headers, &IDENTITY_HEADER) {
            Some(value) if equal_in_constant_time(value, secret.expose().as_bytes()) => Ok(()),
            _ => Err(Unproven::IdentityHeader),
        },
    }
}

/// The value of a header that occurs exactly once.
fn single_value<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a [u8]> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    values.next().is_none().then_some(value.as_bytes())
}

/// Compares without telling by its duration how much is right; the length is no secret. An empty
/// secret equals nothing.
fn equal_in_constant_time(given: &[u8], secret: &[u8]) -> bool {
    let difference = given.iter().zip(secret).fold(0, |all, (a, b)| std::hint::black_box(all | (a ^ b)));
    given.len() == secret.len() && !secret.is_empty() && difference == 0
}
