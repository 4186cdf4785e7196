//! The dialect of Cloud Shell (docs/wire/cloud-shell.md).

use super::imds::{has_metadata_header, hosts};
use super::{
    DISK_FULL, FORGED_PATH, NO_SESSION, NOT_ALLOWED, REQUEST_ID, RESPONSE_TYPE, SCOPE, SESSION_LIFE, UPDATING, json,
    retry_later, token_reply, unserved_status,
};
use crate::dialect::{Call, Dialect, Endpoint, Entry, Version};
use crate::refusal::{Logs, Refusal};
use crate::token::{self, Rendered, Token};
use bonafide_types::World;
use bonafide_wire::{Reply, Request};
use http::Method;
use serde::Serialize;

/// `cloud-shell`, which has no `api-version`.
pub(super) static CLOUD_SHELL: Dialect = Dialect {
    name: "cloud-shell",
    // GET is sent by azure-identity 1.9 for Java.
    entries: &[Entry::new(Method::POST, TOKEN_PATH, Call::Token), Entry::new(Method::GET, TOKEN_PATH, Call::Token)],
    has_secret: false,
    is_proven: has_metadata_header,
    // Clients refuse user-assigned identities here themselves.
    versions: &[Version { takes: |_| true, selectors: &[], render, reply: token_reply }],
    refuse,
    hosts,
    wants_loopback: false,
    environment,
    notes: &[
        "MSAL for Python, and az through it, do not read MSI_ENDPOINT: they ask http://localhost:50342, which this is not",
    ],
};

const TOKEN_PATH: &str = "/oauth2/token";

fn render(token: &Token) -> Rendered {
    let before =
        format!("{{\"access_token\":{},\"refresh_token\":\"\",\"expires_in\":\"", token::json(&token.access_token));
    let after = format!(
        "\",\"expires_on\":\"{}\",\"not_before\":\"{}\",\"resource\":{},\"token_type\":\"Bearer\"}}",
        token.expires_at.unix_seconds(),
        token.not_before.unix_seconds(),
        token::json(token.resource.as_str())
    );
    Rendered::counting(before, after)
}

/// A refusal in the form that Cloud Shell has for an unknown audience; the other words are ours.
fn refuse(refusal: &Refusal, _: Option<&Request>, world: &World<'_>) -> Reply {
    match refusal {
        Refusal::Guard(error) => coded(400, BAD_REQUEST, &error.to_string()),
        Refusal::Path(_) => coded(400, BAD_REQUEST, FORGED_PATH),
        Refusal::NotFound => coded(404, "NotFound", "Nothing is served at this path"),
        Refusal::Unproven => coded(400, BAD_REQUEST, "Required metadata header not specified"),
        Refusal::NoSession => coded(401, "SessionRequired", NO_SESSION),
        Refusal::NotAllowed => coded(403, "AccessDenied", NOT_ALLOWED),
        Refusal::SessionLife => coded(400, BAD_REQUEST, SESSION_LIFE),
        Refusal::Method(path) => {
            coded(405, "MethodNotAllowed", "The method is not allowed").with("allow", &CLOUD_SHELL.allow(*path))
        }
        Refusal::ApiVersion => coded(400, BAD_REQUEST, "The api-version is not supported"),
        Refusal::Query(error) => coded(400, BAD_REQUEST, &error.to_string()),
        Refusal::ResourceMissing => coded(400, BAD_REQUEST, "The parameter 'resource' is missing"),
        Refusal::ResourceMalformed => coded(400, UNKNOWN_AUDIENCE, "The parameter 'resource' is not a resource"),
        Refusal::Scope => coded(400, BAD_REQUEST, SCOPE),
        Refusal::ResponseType => coded(400, BAD_REQUEST, RESPONSE_TYPE),
        Refusal::Throttled => retry_later(coded(429, "TooManyRequests", "Too many requests"), world),
        Refusal::IdentityNotFound | Refusal::NoIdentityAtAll | Refusal::NoDefaultIdentity | Refusal::Disabled => {
            coded(400, "IdentityNotFound", "There is no identity to sign in as")
        }
        Refusal::Ambiguous => {
            coded(400, "IdentityNotFound", "There are several identities, and none can be chosen here")
        }
        Refusal::Refused(error) => coded(400, UNKNOWN_AUDIENCE, &error.error_description),
        Refusal::Upstream(logs) => upstream(logs, world),
        Refusal::Document(error) if error.is_passing() => coded(500, "InternalServerError", &error.to_string()),
        Refusal::Document(error) => coded(400, BAD_REQUEST, &error.to_string()),
        Refusal::Updating => coded(404, "NotFound", UPDATING),
        Refusal::DiskFull => retry_later(coded(503, "ServiceUnavailable", DISK_FULL), world),
        Refusal::Unserved(why) => coded(unserved_status(*why), BAD_REQUEST, &why.to_string()),
    }
}

const BAD_REQUEST: &str = "BadRequest";
const UNKNOWN_AUDIENCE: &str = "AudienceNotSupported";

fn upstream(logs: &Logs, world: &World<'_>) -> Reply {
    let request = world.entropy.guid().to_string();
    let details = logs.for_details(&request).unwrap_or_else(|| "For details see the logs of the host".to_owned());
    let message = format!("Failed to retrieve token from the Active directory. {details}");
    coded(500, "InternalServerError", &message).with(REQUEST_ID, &request)
}

fn coded(status: u16, code: &'static str, message: &str) -> Reply {
    #[derive(Serialize)]
    struct Body<'a> {
        error: Error<'a>,
    }
    #[derive(Serialize)]
    struct Error<'a> {
        code: &'static str,
        message: &'a str,
    }
    json(status, &Body { error: Error { code, message } })
}

/// MSAL for Python knows Cloud Shell by the second.
fn environment(endpoint: &Endpoint) -> Vec<(&'static str, String)> {
    vec![
        ("MSI_ENDPOINT", format!("{}{TOKEN_PATH}", endpoint.origin())),
        ("AZUREPS_HOST_ENVIRONMENT", "cloud-shell/1.0".to_owned()),
    ]
}
