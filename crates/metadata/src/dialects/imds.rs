//! The dialect of `http://169.254.169.254` (docs/wire/imds.md).

use super::{
    DISK_FULL, FORGED_PATH, NO_SESSION, NOT_ALLOWED, REQUEST_ID, RESPONSE_TYPE, SCOPE, SESSION_LIFE, UPDATING,
    described, forwarder, json, retry_later, token_reply, unserved_status,
};
use crate::azures::{VERSIONS, signed};
use crate::dialect::{Asked, Call, Dialect, Endpoint, Entry, LOOPBACK, SelectorKind, Version, is_since, single_value};
use crate::refusal::{DocumentError, Logs, Refusal};
use crate::token::{self, Rendered, Token};
use crate::{attested, instance, load_balancer, scheduled_events};
use bonafide_types::{ClientId, ObjectId, ResourceId, TenantId, World};
use bonafide_wire::hosts::{Identity, IdentityKind};
use bonafide_wire::{Parameters, Reply, Request, Unserved};
use bytes::Bytes;
use http::header::{HeaderMap, HeaderName};
use http::{Method, StatusCode};
use serde::Serialize;
use std::sync::LazyLock;

/// `imds`.
pub static IMDS: Dialect = Dialect {
    name: "imds",
    // The paths of Azure's second protocol, `getplatformmetadata` and `issuecredential`, must stay unknown until
    // they are implemented: MSAL.NET takes a 400 there for proof that they are (docs/wire/imds.md).
    entries: &[
        Entry::new(Method::GET, TOKEN_PATH, Call::Token),
        Entry::new(Method::GET, "/metadata/identity/info", Call::Document(identity_info)),
        Entry::new(Method::GET, "/metadata/versions", Call::Document(versions)),
        Entry::tree(Method::GET, instance::PATH, Call::Instance),
        Entry::new(Method::GET, attested::PATH, Call::Question(attested::ask)),
        Entry::new(Method::GET, load_balancer::PATH, Call::Instance),
        Entry::new(Method::GET, scheduled_events::PATH, Call::Events),
        Entry::new(Method::POST, scheduled_events::PATH, Call::Events),
        Entry::new(Method::GET, forwarder::EXTENSION_PATH, Call::Document(forwarder::extension)),
    ],
    has_secret: false,
    is_proven: has_metadata_header,
    versions: &[Version { takes: |asked| is_since("2018-02-01", asked), selectors: SELECTORS, render, reply }],
    refuse,
    hosts,
    wants_loopback: false,
    environment,
    notes: &[
        "clients that cannot be redirected (Go, C++, older ones) ask this machine's own 169.254.169.254 and do not \
         say so: use the default dialect for them, or `bonafide up --link-local`",
        "DefaultAzureCredential of .NET finds this endpoint only with AZURE_TOKEN_CREDENTIALS=ManagedIdentityCredential, or in \
         the default dialect: it probes first, and takes a refusal as an answer from 169.254.169.254 alone",
    ],
};

/// The parameters that choose an identity, here and at the extension's port.
pub(super) const SELECTORS: &[(&str, SelectorKind)] = &[
    ("client_id", SelectorKind::Client),
    ("object_id", SelectorKind::Principal),
    ("msi_res_id", SelectorKind::Resource),
    ("mi_res_id", SelectorKind::Resource),
    ("resource_id", SelectorKind::Resource),
];
const TOKEN_PATH: &str = "/metadata/identity/oauth2/token";
static METADATA: HeaderName = HeaderName::from_static("metadata");

/// `Metadata: true`, in any case: `True` is what google-auth, gcloud's generated files and Azure's own agents send.
pub(super) fn has_metadata_header(request: &Request, _: &Endpoint) -> bool {
    single_value(&request.headers, &METADATA).is_some_and(|value| value.eq_ignore_ascii_case(b"true"))
}

fn render(token: &Token) -> Rendered {
    let access_token = token::json(&token.access_token);
    let before = format!("{{\"access_token\":{access_token},\"client_id\":\"{}\",\"expires_in\":\"", token.client_id);
    let after = format!(
        "\",\"expires_on\":\"{}\",\"ext_expires_in\":\"{}\",\"not_before\":\"{}\",\"resource\":{},\"token_type\":\"Bearer\",\"refresh_token\":\"\"}}",
        token.expires_at.unix_seconds(),
        token.ext_expires_in,
        token.not_before.unix_seconds(),
        token::json(token.resource.as_str())
    );
    Rendered::counting(before, after)
}

/// Those of every dialect, and the name of the server.
static TOKEN_HEADERS: LazyLock<HeaderMap> = LazyLock::new(|| signed(token_reply(Bytes::new())).headers);

fn reply(body: Bytes) -> Reply {
    Reply { status: StatusCode::OK, headers: TOKEN_HEADERS.clone(), body, why: None }
}

/// `GET /metadata/versions`.
fn versions(_: &Asked<'_>) -> Result<Reply, Refusal> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Versions {
        api_versions: &'static [&'static str],
    }
    Ok(signed(Reply::json(StatusCode::OK, &Versions { api_versions: &VERSIONS })))
}

/// `GET /metadata/identity/info`: Azure's `tenantId`, and our list of the workload's identities.
fn identity_info(asked: &Asked<'_>) -> Result<Reply, Refusal> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Info<'a> {
        tenant_id: TenantId,
        identities: Vec<Listed<'a>>,
    }
    IMDS.version(&Parameters::parse(asked.query)?)?;
    let workload = asked.workload.ok_or(Refusal::IdentityNotFound)?;
    let identities = workload.identities.iter().map(Listed::from).collect();
    Ok(signed(Reply::json(StatusCode::OK, &Info { tenant_id: workload.tenant_id, identities })))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    principal_id: ObjectId,
    client_id: ClientId,
    resource_id: &'a ResourceId,
}

impl<'a> From<&'a Identity> for Listed<'a> {
    fn from(identity: &'a Identity) -> Self {
        let kind = match identity.kind {
            IdentityKind::SystemAssigned => "SystemAssigned",
            IdentityKind::UserAssigned => "UserAssigned",
        };
        Self {
            kind,
            principal_id: identity.principal_id,
            client_id: identity.client_id,
            resource_id: &identity.resource_id,
        }
    }
}

/// A refusal as IMDS words it. Clients repeat what is answered 404, 408, 410, 429 or 5xx, and a .NET process waits
/// with all its other tokens meanwhile: what no waiting mends is 400 (docs/wire/imds.md, "Refusals that waiting can end").
fn refuse(refusal: &Refusal, _: Option<&Request>, world: &World<'_>) -> Reply {
    signed(match refusal {
        Refusal::Guard(error) => described(400, "invalid_request", &error.to_string()),
        Refusal::Path(_) => described(400, "invalid_request", FORGED_PATH),
        Refusal::NotFound => described(404, "Not found", "Nothing is served at this path"),
        Refusal::Unproven => described(400, "bad_request_102", "Required metadata header not specified"),
        Refusal::NoSession => described(401, "session_required", NO_SESSION),
        Refusal::NotAllowed => described(403, "access_denied", NOT_ALLOWED),
        Refusal::SessionLife => described(400, "invalid_request", SESSION_LIFE),
        Refusal::Method(path) => {
            described(405, "method_not_allowed", "The method is not allowed").with("allow", &IMDS.allow(*path))
        }
        Refusal::ApiVersion => bad_version(),
        Refusal::Query(error) => described(400, "invalid_request", &error.to_string()),
        Refusal::ResourceMissing => described(400, "invalid_request", "Required query variable 'resource' is missing"),
        Refusal::ResourceMalformed => {
            described(400, "invalid_scope", "The query variable 'resource' is not a resource identifier")
        }
        Refusal::Scope => described(400, "invalid_scope", SCOPE),
        Refusal::ResponseType => described(400, "unsupported_response_type", RESPONSE_TYPE),
        Refusal::Throttled => {
            retry_later(described(429, "invalid_request", "Temporarily throttled, too many requests"), world)
        }
        Refusal::IdentityNotFound | Refusal::NoIdentityAtAll | Refusal::NoDefaultIdentity | Refusal::Disabled => {
            described(400, "invalid_request", "Identity not found")
        }
        Refusal::Ambiguous => described(400, "invalid_request", SEVERAL),
        Refusal::Refused(error) => json(400, error),
        Refusal::Upstream(logs) => upstream(logs, world),
        Refusal::Document(error) if error.is_passing() => described(500, "unknown", &error.to_string()),
        Refusal::Document(DocumentError::NoLoadBalancer) => described(404, "Not found", NO_LOAD_BALANCER),
        Refusal::Document(error) => described(400, "bad_request", &error.to_string()),
        Refusal::Updating => described(404, "updating", UPDATING),
        Refusal::DiskFull => retry_later(described(503, "unknown", DISK_FULL), world),
        Refusal::Unserved(why) => unserved(*why),
    })
}

/// Azure's words ("Common error codes when using IMDS to retrieve load balancer information").
const NO_LOAD_BALANCER: &str = "No load balancer metadata is found. Please check if your VM is using any non-basic SKU load balancer and retry later.";
pub(super) const SEVERAL: &str = "Multiple user assigned identities exist, please specify the clientId / resourceId of the identity in the token request";

fn bad_version() -> Reply {
    #[derive(Serialize)]
    struct BadVersion {
        error: &'static str,
        error_description: &'static str,
        #[serde(rename = "newest-versions")]
        newest_versions: Vec<&'static str>,
    }
    let body = BadVersion {
        error: "Bad request. api-version is invalid or was not specified in the request. For more information refer to aka.ms/azureimds",
        error_description: "The query variable 'api-version' must be one of those of /metadata/versions; of a token also a later date",
        newest_versions: VERSIONS.iter().rev().take(3).copied().collect(),
    };
    json(400, &body)
}

pub(super) fn upstream(logs: &Logs, world: &World<'_>) -> Reply {
    let request = world.entropy.guid().to_string();
    let details = logs.for_details(&request);
    let details = details.as_deref().unwrap_or("For details see the logs of the host");
    described(500, "unknown", &format!("Failed to retrieve token from the Active directory. {details}"))
        .with(REQUEST_ID, &request)
}

pub(super) fn unserved(why: Unserved) -> Reply {
    let error = match why {
        Unserved::OtherUser => "access_denied",
        Unserved::Busy | Unserved::ShareTaken | Unserved::Failed => "unknown",
        Unserved::CertificateExpired
        | Unserved::TargetTooLong
        | Unserved::HeadTooLarge
        | Unserved::HeadMalformed
        | Unserved::BodyTooLarge
        | Unserved::BodyTooSlow
        | Unserved::BodyBroken => "invalid_request",
    };
    described(unserved_status(why), error, &why.to_string())
}

/// `169.254.169.254`, and the names of the loopback device with the port of the endpoint.
pub(super) fn hosts(endpoint: &Endpoint) -> Vec<String> {
    let mut hosts = vec!["169.254.169.254".to_owned(), "169.254.169.254:80".to_owned()];
    hosts.extend(LOOPBACK.iter().chain(&["169.254.169.254"]).flat_map(|host| endpoint.at_its_port(host)));
    hosts.extend(endpoint.named());
    hosts
}

fn environment(endpoint: &Endpoint) -> Vec<(&'static str, String)> {
    let origin = endpoint.origin();
    // The second is Terraform's, a whole address. Source: its azurerm provider, `msi_endpoint`.
    let whole = format!("{origin}{TOKEN_PATH}");
    vec![("AZURE_POD_IDENTITY_AUTHORITY_HOST", origin), ("ARM_MSI_ENDPOINT", whole)]
}
