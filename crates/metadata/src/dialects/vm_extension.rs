//! The dialect of the virtual machine extension for managed identities, `http://localhost:50342/oauth2/token`
//! (docs/wire/vm-extension.md, "The endpoint").

use super::imds::{SELECTORS, SEVERAL, has_metadata_header, unserved, upstream};
use super::{
    DISK_FULL, NO_SESSION, NOT_ALLOWED, RESPONSE_TYPE, SCOPE, SESSION_LIFE, UPDATING, described, forwarder, json,
    retry_later, token_reply,
};
use crate::dialect::{Call, Dialect, Endpoint, Entry, LOOPBACK, Version};
use crate::refusal::{GuardError, Refusal};
use crate::token::{self, Rendered, Token};
use bonafide_types::{World, is_printable};
use bonafide_wire::token::OAuthError;
use bonafide_wire::{Reply, Request};
use http::Method;
use http::header::HOST;

/// `vm-extension`.
pub static VM_EXTENSION: Dialect = Dialect {
    name: bonafide_wire::hosts::VM_EXTENSION,
    entries: &[
        Entry::new(Method::GET, TOKEN_PATH, Call::Token),
        Entry::new(Method::POST, TOKEN_PATH, Call::Token),
        Entry::new(Method::GET, forwarder::FORWARDER_PATH, Call::Document(forwarder::forwarder)),
    ],
    has_secret: false,
    is_proven: has_metadata_header,
    // Clients send `api-version` 1.0, 2018-02-01 or none, and mean the same.
    versions: &[Version { takes: |_| true, selectors: SELECTORS, render, reply: token_reply }],
    refuse,
    hosts,
    wants_loopback: true,
    environment,
    notes: &[
        "clients of the extension ask http://localhost:50342 unless they read MSI_ENDPOINT, which most do not: attach \
              the workload to a network namespace for them (docs/guide/vm-extension.md)",
    ],
};

const TOKEN_PATH: &str = "/oauth2/token";
/// Longest address in a refusal, in characters; the rest is cut off. Source: ours.
const SOURCE_CHARS_MAX: usize = 256;

/// The seven members that the page on the extension shows, in its order, and then the other two of `imds`.
fn render(token: &Token) -> Rendered {
    let before =
        format!("{{\"access_token\":{},\"refresh_token\":\"\",\"expires_in\":\"", token::json(&token.access_token));
    let after = format!(
        "\",\"expires_on\":\"{}\",\"not_before\":\"{}\",\"resource\":{},\"token_type\":\"Bearer\",\"client_id\":\"{}\",\"ext_expires_in\":\"{}\"}}",
        token.expires_at.unix_seconds(),
        token.not_before.unix_seconds(),
        token::json(token.resource.as_str()),
        token.client_id,
        token.ext_expires_in
    );
    Rendered::counting(before, after)
}

/// The names of the loopback device, with the port of the endpoint.
fn hosts(endpoint: &Endpoint) -> Vec<String> {
    LOOPBACK.iter().flat_map(|host| endpoint.at_its_port(host)).chain(endpoint.named()).collect()
}

/// A refusal in the words of Microsoft's table, as far as that goes.
fn refuse(refusal: &Refusal, request: Option<&Request>, world: &World<'_>) -> Reply {
    match refusal {
        Refusal::Guard(GuardError::Target | GuardError::Host) | Refusal::Path(_) | Refusal::NotFound => {
            described(401, "unknown_source", &format!("Unknown Source {}", source(request)))
        }
        Refusal::Guard(GuardError::NotLoopback) => described(400, "unauthorized_client", NOT_LOOPBACK),
        Refusal::Guard(error) => described(400, "invalid_request", &error.to_string()),
        Refusal::Unproven => described(400, "bad_request_102", "Required metadata header not specified"),
        Refusal::NoSession => described(401, "session_required", NO_SESSION),
        Refusal::NotAllowed => described(403, "access_denied", NOT_ALLOWED),
        Refusal::SessionLife => described(400, "invalid_request", SESSION_LIFE),
        Refusal::Method(path) => {
            described(405, "method_not_allowed", "The method is not allowed").with("allow", &VM_EXTENSION.allow(*path))
        }
        Refusal::ApiVersion => described(400, "invalid_request", "The parameter 'api-version' is not supported"),
        Refusal::Query(error) => described(400, "invalid_request", &error.to_string()),
        Refusal::ResourceMissing => described(400, "invalid_request", "The parameter 'resource' is missing"),
        Refusal::ResourceMalformed => {
            described(400, "invalid_scope", "The parameter 'resource' is not a resource identifier")
        }
        Refusal::Scope => described(400, "invalid_scope", SCOPE),
        Refusal::ResponseType => described(400, "unsupported_response_type", RESPONSE_TYPE),
        Refusal::Throttled => {
            retry_later(described(429, "invalid_request", "Temporarily throttled, too many requests"), world)
        }
        Refusal::IdentityNotFound => described(400, "invalid_request", "Identity not found"),
        Refusal::NoIdentityAtAll | Refusal::NoDefaultIdentity => described(400, "unauthorized_client", NO_IDENTITY),
        Refusal::Disabled => described(403, "access_denied", DISABLED),
        Refusal::Ambiguous => described(400, "invalid_request", SEVERAL),
        Refusal::Refused(error) => json(400, &of_its_time(error)),
        Refusal::Upstream(logs) => upstream(logs, world),
        Refusal::Document(error) if error.is_passing() => described(500, "unknown", &error.to_string()),
        Refusal::Document(error) => described(400, "invalid_request", &error.to_string()),
        Refusal::Updating => described(404, "updating", UPDATING),
        Refusal::DiskFull => retry_later(described(503, "unknown", DISK_FULL), world),
        Refusal::Unserved(why) => unserved(*why),
    }
}

const NOT_LOOPBACK: &str = "The client is not authorized to request an access token using this method: the request did not come \
                            over the machine's own loopback device. Ask http://localhost inside the machine; in one with a \
                            kernel of its own run `bonafide guest`";
const NO_IDENTITY: &str = "The client is not authorized to request an access token using this method: the machine has no managed \
                           identity, or it does not run on this host";
const DISABLED: &str =
    "The resource owner or authorization server denied the request: the principal of the identity is disabled";

/// The address that was asked for, as far as it may be shown.
fn source(request: Option<&Request>) -> String {
    let Some(request) = request else { return String::new() };
    let host = request.headers.get(HOST).map(|host| String::from_utf8_lossy(host.as_bytes()));
    let address = match request.path.starts_with('/') {
        true => format!("http://{}{}", host.unwrap_or_default(), request.path),
        false => request.path.clone(),
    };
    address
        .chars()
        .take(SOURCE_CHARS_MAX)
        .map(|c| if is_printable(c) { c } else { char::REPLACEMENT_CHARACTER })
        .collect()
}

/// An unknown resource, by the number that it had in the time of the extension, and has on Microsoft's pages. Today's is
/// 500011, as at `imds`.
fn of_its_time(error: &OAuthError) -> OAuthError {
    const TODAY: (u32, &str) = (500_011, "AADSTS500011:");
    const THEN: (u32, &str) = (50_001, "AADSTS50001:");
    let mut error = error.clone();
    if let Some(rest) = error.error_description.strip_prefix(TODAY.1) {
        error.error_description = format!("{}{rest}", THEN.1);
        error.error_uri = error.error_uri.map(|uri| uri.replace(&TODAY.0.to_string(), &THEN.0.to_string()));
        error.error_codes =
            error.error_codes.iter().map(|code| if *code == TODAY.0 { THEN.0 } else { *code }).collect();
    }
    error
}

/// msrestazure (older az) takes `MSI_ENDPOINT` without `APPSETTING_WEBSITE_SITE_NAME` for that of the extension.
fn environment(endpoint: &Endpoint) -> Vec<(&'static str, String)> {
    vec![("MSI_ENDPOINT", format!("http://localhost:{}{TOKEN_PATH}", endpoint.port))]
}
