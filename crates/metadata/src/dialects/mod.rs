//! The dialects, one file each: a new one is a file and a line in [`ALL`].

mod app_service;
mod cloud_shell;
mod forwarder;
mod imds;
mod vm_extension;

pub use app_service::APP_SERVICE;
pub use forwarder::{Heard, heard};
pub use imds::IMDS;
pub use vm_extension::VM_EXTENSION;

use crate::dialect::{Dialect, Endpoint, SelectorKind};
use crate::token::ReplyKind;
use bonafide_types::World;
use bonafide_wire::{Reply, Route, Unserved};
use bytes::Bytes;
use http::StatusCode;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderValue};
use serde::Serialize;
use std::sync::LazyLock;

/// Least and longest `Retry-After` of a metadata request, in whole seconds. Source: ours; MSAL Python replays the refusal for
/// that long, and callers who are told the same come again together.
const RETRY_AFTER_SECONDS: (u64, u64) = (1, 2);

/// Every dialect.
pub static ALL: &[&Dialect] = &[&IMDS, &APP_SERVICE, &cloud_shell::CLOUD_SHELL, &VM_EXTENSION];

/// The dialect of this name.
pub fn named(name: &str) -> Option<&'static Dialect> {
    ALL.iter().find(|dialect| dialect.name() == name).copied()
}

/// The routes of all dialects.
pub fn routes() -> Vec<&'static Route> {
    ALL.iter().flat_map(|dialect| dialect.routes()).collect()
}

/// The variables by which clients find an endpoint of some dialect, served here or not: those of another
/// environment must not lead them elsewhere.
pub fn variables() -> Vec<&'static str> {
    let example = Endpoint::default();
    let ours = ALL.iter().flat_map(|dialect| dialect.environment(&example));
    ours.map(|(name, _)| name).chain(VARIABLES_ELSEWHERE).collect()
}

/// Of App Service's older versions, Service Fabric, Azure Arc and .NET's library of old.
/// `APPSETTING_WEBSITE_SITE_NAME`: with it msrestazure 0.6 (older az) asks `MSI_ENDPOINT` in version 2017-09-01,
/// and fails where there is none.
const VARIABLES_ELSEWHERE: [&str; 7] = [
    "MSI_ENDPOINT",
    "MSI_SECRET",
    "APPSETTING_WEBSITE_SITE_NAME",
    "IDENTITY_SERVER_THUMBPRINT",
    "IDENTITY_API_VERSION",
    "IMDS_ENDPOINT",
    "IDENTITY_SECRET",
];

/// The selectors of all dialects.
pub(crate) fn selectors() -> impl Iterator<Item = (&'static str, SelectorKind)> {
    ALL.iter().flat_map(|dialect| dialect.versions).flat_map(|version| version.selectors.iter().copied())
}

/// The kind of reply of a dialect's version.
pub(crate) fn reply_kind(dialect: &'static Dialect, version: usize) -> ReplyKind {
    let before = ALL.iter().take_while(|other| !std::ptr::eq(**other, dialect));
    ReplyKind(before.map(|other| other.versions.len()).sum::<usize>() + version)
}

/// The status of a request that the shell does not serve. A late body would be refused in time too, so there is
/// nothing to wait for.
fn unserved_status(why: Unserved) -> u16 {
    match why {
        Unserved::BodyTooSlow => 400,
        Unserved::OtherUser
        | Unserved::CertificateExpired
        | Unserved::TargetTooLong
        | Unserved::HeadTooLarge
        | Unserved::HeadMalformed
        | Unserved::BodyTooLarge
        | Unserved::BodyBroken
        | Unserved::Busy
        | Unserved::ShareTaken
        | Unserved::Failed => why.status().as_u16(),
    }
}

/// The header fields of every token reply: copied, which takes less than to put them together.
static TOKEN_HEADERS: LazyLock<HeaderMap> = LazyLock::new(|| {
    let mut headers = HeaderMap::with_capacity(4);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers
});

/// The reply with the body of a token.
fn token_reply(body: Bytes) -> Reply {
    Reply { status: StatusCode::OK, headers: TOKEN_HEADERS.clone(), body, why: None }
}

/// The words for a full disk.
const DISK_FULL: &str = "The disk of this machine or of its control plane is full, and a new identity needs space on it: \
                         make space there; tokens follow by themselves";

/// The words for what is sent in the place of `resource`.
const SCOPE: &str = "The parameter 'resource' is missing; a 'scope' is not taken in its place: name the resource alone, without '/.default'";
/// The words for a request outside of a session, where the operator wants one.
const NO_SESSION: &str = "This endpoint wants a session: PUT /metadata/session with 'X-Metadata-Session-TTL-Seconds', and send \
                          what it answers as 'X-Metadata-Session'";
/// The words for a session that begins without its life.
const SESSION_LIFE: &str = "'X-Metadata-Session-TTL-Seconds' is a number from 1 to 21600";
/// The words for what the rules of a binding do not allow. They do not say to whom they allow it.
const NOT_ALLOWED: &str = "The rules of this endpoint do not allow this request to this caller";
/// The words for another `response_type`.
const RESPONSE_TYPE: &str = "The only 'response_type' is 'token'";

/// The words for what is not known yet. They must not be those for what is not here: clients of .NET look for those.
const UPDATING: &str = "The endpoint is being updated: what runs on this host is not known yet. Try again";

fn retry_later(reply: Reply, world: &World<'_>) -> Reply {
    let (least, longest) = RETRY_AFTER_SECONDS;
    reply.with("retry-after", &(least + world.entropy.below(longest - least + 1)).to_string())
}

fn json(status: u16, body: &impl Serialize) -> Reply {
    Reply::json(StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), body)
}

/// The form of refusals of `imds` and `vm-extension`.
fn described(status: u16, error: &'static str, description: &str) -> Reply {
    #[derive(Serialize)]
    struct Described<'a> {
        error: &'static str,
        error_description: &'a str,
    }
    json(status, &Described { error, error_description: description })
}

/// The header by which the log has the request. Other answers do without: only a failure is looked for.
const REQUEST_ID: &str = "x-ms-request-id";
const FORGED_PATH: &str = "The request path is not valid";

#[cfg(test)]
mod tests;
