//! The dialect of App Service, versions 2019-08-01 and 2017-09-01 at one address (docs/wire/app-service.md).

use super::imds::hosts;
use super::{
    DISK_FULL, FORGED_PATH, NO_SESSION, NOT_ALLOWED, REQUEST_ID, RESPONSE_TYPE, SCOPE, SESSION_LIFE, UPDATING, json,
    retry_later, token_reply, unserved_status,
};
use crate::dialect::{Call, Dialect, Endpoint, Entry, SelectorKind, Version, is_since, single_value};
use crate::refusal::{Logs, Refusal};
use crate::token::{self, Rendered, Token};
use bonafide_types::World;
use bonafide_wire::{Parameters, Reply, Request};
use http::Method;
use http::header::HeaderName;
use serde::Serialize;

/// `app-service`.
pub static APP_SERVICE: Dialect = Dialect {
    name: "app-service",
    entries: &[Entry::new(Method::GET, TOKEN_PATH, Call::Token)],
    has_secret: true,
    is_proven,
    versions: &[TODAY, OF_2017],
    refuse,
    hosts,
    wants_loopback: false,
    environment,
    notes: &[],
};

const TODAY: Version = Version {
    takes: |asked| is_since("2019-08-01", asked),
    selectors: &[
        ("client_id", SelectorKind::Client),
        ("principal_id", SelectorKind::Principal),
        ("object_id", SelectorKind::Principal),
        ("mi_res_id", SelectorKind::Resource),
        ("msi_res_id", SelectorKind::Resource),
        ("resource_id", SelectorKind::Resource),
    ],
    render,
    reply: token_reply,
};

/// The version that `MSI_ENDPOINT` and `MSI_SECRET` announce. Its clients spell the selectors so: App Service documented
/// `clientid` alone, and MSAL.NET 4.73 and go-autorest send the others all the same.
const OF_2017: Version = Version {
    takes: |asked| asked == Some(VERSION_2017),
    selectors: &[
        ("clientid", SelectorKind::Client),
        ("object_id", SelectorKind::Principal),
        ("mi_res_id", SelectorKind::Resource),
    ],
    render: render_2017,
    reply: token_reply,
};

const VERSION_2017: &str = "2017-09-01";

const TOKEN_PATH: &str = "/msi/token";
static IDENTITY_HEADER: HeaderName = HeaderName::from_static("x-identity-header");
static SECRET: HeaderName = HeaderName::from_static("secret");

/// The endpoint's secret in `X-IDENTITY-HEADER`, or in version 2017-09-01 in `secret`.
fn is_proven(request: &Request, endpoint: &Endpoint) -> bool {
    let has = |name| single_value(&request.headers, name).is_some_and(|value| endpoint.is_secret(value));
    has(&IDENTITY_HEADER) || (has(&SECRET) && is_of_2017(&request.query))
}

fn is_of_2017(query: &str) -> bool {
    Parameters::parse(query).is_ok_and(|parameters| parameters.get("api-version") == Some(VERSION_2017))
}

fn render(token: &Token) -> Rendered {
    Rendered::fixed(format!(
        "{{\"access_token\":{},\"client_id\":\"{}\",\"expires_on\":\"{}\",\"not_before\":\"{}\",\"resource\":{},\"token_type\":\"Bearer\"}}",
        token::json(&token.access_token),
        token.client_id,
        token.expires_at.unix_seconds(),
        token.not_before.unix_seconds(),
        token::json(token.resource.as_str())
    ))
}

fn render_2017(token: &Token) -> Rendered {
    Rendered::fixed(format!(
        "{{\"access_token\":{},\"expires_on\":\"{}\",\"resource\":{},\"token_type\":\"Bearer\"}}",
        token::json(&token.access_token),
        token.expires_at.american_with_offset(),
        token::json(token.resource.as_str())
    ))
}

/// Spelt as Azure spells it.
const NO_AAD_TOKEN: &str = "An unexpected error occured while fetching the AAD Token.";
const NOT_FOUND: &str =
    "No User Assigned or Delegated Managed Identity found for specified ClientId/ResourceId/PrincipalId.";

/// A refusal as App Service words it.
fn refuse(refusal: &Refusal, _: Option<&Request>, world: &World<'_>) -> Reply {
    let numbered = |status, message: &str| identified(status, message, &world.entropy.guid().to_string());
    match refusal {
        Refusal::Guard(error) => numbered(400, &error.to_string()),
        Refusal::Path(_) => numbered(400, FORGED_PATH),
        Refusal::NotFound => numbered(404, "Not found"),
        Refusal::Unproven => numbered(401, "The X-IDENTITY-HEADER header is missing or wrong."),
        Refusal::NoSession => numbered(401, NO_SESSION),
        Refusal::NotAllowed => numbered(403, NOT_ALLOWED),
        Refusal::SessionLife => numbered(400, SESSION_LIFE),
        Refusal::Method(path) => numbered(405, "The method is not allowed.").with("allow", &APP_SERVICE.allow(*path)),
        Refusal::ApiVersion => numbered(400, "The api-version is missing or not supported. Use 2019-08-01."),
        Refusal::Query(error) => numbered(400, &error.to_string()),
        Refusal::ResourceMissing => numbered(400, "The parameter 'resource' is missing."),
        Refusal::ResourceMalformed => numbered(400, "The parameter 'resource' is not a resource identifier."),
        Refusal::Scope => numbered(400, SCOPE),
        Refusal::ResponseType => numbered(400, RESPONSE_TYPE),
        Refusal::Throttled => retry_later(numbered(429, "Too many requests."), world),
        Refusal::IdentityNotFound | Refusal::NoIdentityAtAll | Refusal::Disabled => numbered(400, NOT_FOUND),
        Refusal::NoDefaultIdentity | Refusal::Ambiguous => numbered(400, "Unable to load the proper Managed Identity."),
        Refusal::Refused(error) => numbered(500, &format!("{NO_AAD_TOKEN} {}", error.error_description)),
        Refusal::Upstream(logs) => upstream(logs, world),
        Refusal::Document(error) if error.is_passing() => numbered(500, &error.to_string()),
        Refusal::Document(error) => numbered(400, &error.to_string()),
        Refusal::Updating => numbered(404, UPDATING),
        Refusal::DiskFull => retry_later(numbered(503, DISK_FULL), world),
        Refusal::Unserved(why) => numbered(unserved_status(*why), &why.to_string()),
    }
}

fn upstream(logs: &Logs, world: &World<'_>) -> Reply {
    let request = world.entropy.guid().to_string();
    let details = logs.for_details(&request);
    let text = details.map_or(NO_AAD_TOKEN.to_owned(), |details| format!("{NO_AAD_TOKEN} {details}"));
    identified(500, &text, &request).with(REQUEST_ID, &request)
}

fn identified(status: u16, message: &str, correlation_id: &str) -> Reply {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Numbered<'a> {
        status_code: u16,
        message: &'a str,
        correlation_id: &'a str,
    }
    json(status, &Numbered { status_code: status, message, correlation_id })
}

/// With `APPSETTING_WEBSITE_SITE_NAME` msrestazure (older az) takes `MSI_ENDPOINT` for that of App Service; without
/// it, for that of a virtual machine's extension.
fn environment(endpoint: &Endpoint) -> Vec<(&'static str, String)> {
    let address = format!("{}{TOKEN_PATH}", endpoint.origin());
    let secret = endpoint.secret.as_ref().map(|secret| secret.expose().clone()).unwrap_or_default();
    vec![
        ("IDENTITY_ENDPOINT", address.clone()),
        ("IDENTITY_HEADER", secret.clone()),
        ("MSI_ENDPOINT", address),
        ("MSI_SECRET", secret),
        ("APPSETTING_WEBSITE_SITE_NAME", "bonafide".to_owned()),
    ]
}
