//! How a refusal looks on the wire: the only file that knows the error JSON of the dialects.
//! Sources: docs/wire/imds.md and docs/wire/app-service.md.

use crate::dialects::imds::{newest_versions, signed};
use crate::flight::UpstreamError;
use crate::guard::{Refusal, Unproven};
use crate::path::PathError;
use crate::query::QueryError;
use bonafide_types::World;
use bonafide_types::limits::METADATA_RETRY_AFTER_SECONDS;
use bonafide_wire::token::OAuthError;
use bonafide_wire::{ParameterError, Reply, Unserved};
use http::StatusCode;
use serde::Serialize;
use std::sync::Arc;

/// Everything that can be wrong with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A guard turned it away.
    Guard(Refusal),
    /// The path cannot be read.
    Path(PathError),
    /// The path is not known.
    NotFound,
    /// The header is missing that a forged request cannot carry.
    Unproven(Unproven),
    /// The path is known, the method is not `GET`.
    Method,
    /// `api-version` is missing, malformed or too old.
    ApiVersion,
    /// A parameter is wrong.
    Query(QueryError),
    /// `resource` is missing or empty.
    ResourceMissing,
    /// `resource` cannot be the name of any resource.
    ResourceMalformed,
    /// Too many requests, or too many at once.
    Throttled,
    /// The identity asked for is not assigned here, whether or not it exists elsewhere.
    IdentityNotFound,
    /// No identity was asked for, and there is none to default to.
    NoDefaultIdentity,
    /// No identity was asked for, and there are several to choose from.
    Ambiguous,
    /// The token service refused what was asked for.
    Refused(Box<OAuthError>),
    /// The token service gave no usable answer.
    Upstream(Logs),
    /// The shell does not serve it.
    Unserved(Unserved),
}

/// The file that holds the causes of failures, where there is one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Logs(Option<Arc<str>>);

impl Logs {
    pub(crate) fn in_file(path: &str) -> Self {
        Self(Some(path.into()))
    }

    /// Where to look, and for which id.
    fn for_details(&self, request: &str) -> Option<String> {
        self.0.as_ref().map(|path| format!("For details see logs in {path} (request {request})"))
    }
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Method => Self::Method,
            other => Self::Guard(other),
        }
    }
}

impl From<PathError> for Fault {
    fn from(error: PathError) -> Self {
        Self::Path(error)
    }
}

impl From<Unproven> for Fault {
    fn from(unproven: Unproven) -> Self {
        Self::Unproven(unproven)
    }
}

impl From<QueryError> for Fault {
    fn from(error: QueryError) -> Self {
        Self::Query(error)
    }
}

impl From<ParameterError> for Fault {
    fn from(error: ParameterError) -> Self {
        Self::Query(error.into())
    }
}

impl From<&UpstreamError> for Fault {
    /// What the caller asked for is the caller's to hear. Whatever concerns our own request
    /// (its key, its form) is our fault and none of the caller's business.
    fn from(error: &UpstreamError) -> Self {
        match error {
            UpstreamError::Unreachable(_) | UpstreamError::Malformed => Self::Upstream(Logs::default()),
            UpstreamError::Refused(_) if error.says_identity_is_gone() => Self::IdentityNotFound,
            UpstreamError::Refused(refusal) if error.is_about_what_was_asked() => Self::Refused(refusal.clone()),
            UpstreamError::Refused(_) => Self::Upstream(Logs::default()),
        }
    }
}

const NOT_FOUND: &str = "Nothing is served at this path";
/// Spelt as Azure spells it.
const NO_AAD_TOKEN: &str = "An unexpected error occured while fetching the AAD Token.";
/// By which the log has the request. Other answers do without: only a failure is looked for.
const REQUEST_ID: &str = "x-ms-request-id";
const FORGED_PATH: &str = "The request path is not valid";
const VERSION_RULE: &str = "The query variable 'api-version' must be a date, 2018-02-01 or later";
const BAD_VERSION: &str = "Bad request. api-version is invalid or was not specified in the request. For more information refer to aka.ms/azureimds";

/// A refusal as IMDS words it. Clients repeat what is answered 404, 408, 410, 429 or 5xx, and a .NET process waits
/// with all its other tokens meanwhile: what no waiting mends is 400 (docs/wire/imds.md, "Whether waiting helps").
pub(crate) fn imds(fault: &Fault, world: &World<'_>) -> Reply {
    let reply = match fault {
        Fault::Guard(refusal) => described(400, "invalid_request", &refusal.to_string()),
        Fault::Path(_) => described(400, "invalid_request", FORGED_PATH),
        Fault::NotFound => described(404, "Not found", NOT_FOUND),
        Fault::Unproven(_) => described(400, "bad_request_102", "Required metadata header not specified"),
        Fault::Method => described(405, "method_not_allowed", "The method is not allowed").with("allow", "GET"),
        Fault::ApiVersion => {
            #[derive(Serialize)]
            struct BadVersion {
                error: &'static str,
                error_description: &'static str,
                #[serde(rename = "newest-versions")]
                newest_versions: Vec<&'static str>,
            }
            let newest_versions = newest_versions().collect();
            json(400, &BadVersion { error: BAD_VERSION, error_description: VERSION_RULE, newest_versions })
        }
        Fault::Query(error) => described(400, "invalid_request", &error.to_string()),
        Fault::ResourceMissing => described(400, "invalid_request", "Required query variable 'resource' is missing"),
        Fault::ResourceMalformed => {
            described(400, "invalid_resource", "The query variable 'resource' is not a resource identifier")
        }
        Fault::Throttled => retry_later(described(429, "invalid_request", "Temporarily throttled, too many requests")),
        Fault::IdentityNotFound | Fault::NoDefaultIdentity => described(400, "invalid_request", "Identity not found"),
        Fault::Ambiguous => described(
            400,
            "invalid_request",
            "Multiple user assigned identities exist, please specify the clientId / resourceId of the identity in the token request",
        ),
        Fault::Refused(error) => json(400, error),
        Fault::Upstream(logs) => {
            let request = world.entropy.guid().to_string();
            let details = logs.for_details(&request);
            let details = details.as_deref().unwrap_or("For details see the logs of the host");
            described(500, "unknown", &format!("Failed to retrieve token from the Active directory. {details}"))
                .with(REQUEST_ID, &request)
        }
        Fault::Unserved(why) => {
            let error = match why {
                Unserved::OtherUser => "access_denied",
                Unserved::Busy | Unserved::Failed => "unknown",
                Unserved::CertificateExpired
                | Unserved::TargetTooLong
                | Unserved::HeadTooLarge
                | Unserved::HeadMalformed
                | Unserved::BodyTooLarge
                | Unserved::BodyTooSlow
                | Unserved::BodyBroken => "invalid_request",
            };
            described(unserved_status(*why), error, &why.to_string())
        }
    };
    signed(reply)
}

/// A refusal as App Service words it.
pub(crate) fn app_service(fault: &Fault, world: &World<'_>) -> Reply {
    let numbered = |status, message: &str| numbered(status, message, world);
    match fault {
        Fault::Guard(refusal) => numbered(400, &refusal.to_string()),
        Fault::Path(_) => numbered(400, FORGED_PATH),
        Fault::NotFound => numbered(404, "Not found"),
        Fault::Unproven(_) => numbered(401, "The X-IDENTITY-HEADER header is missing or wrong."),
        Fault::Method => numbered(405, "The method is not allowed.").with("allow", "GET"),
        Fault::ApiVersion => numbered(400, "The api-version is missing or not supported. Use 2019-08-01."),
        Fault::Query(error) => numbered(400, &error.to_string()),
        Fault::ResourceMissing => numbered(400, "The parameter 'resource' is missing."),
        Fault::ResourceMalformed => numbered(400, "The parameter 'resource' is not a resource identifier."),
        Fault::Throttled => retry_later(numbered(429, "Too many requests.")),
        Fault::IdentityNotFound => numbered(
            400,
            "No User Assigned or Delegated Managed Identity found for specified ClientId/ResourceId/PrincipalId.",
        ),
        Fault::NoDefaultIdentity | Fault::Ambiguous => numbered(400, "Unable to load the proper Managed Identity."),
        Fault::Refused(error) => numbered(500, &format!("{NO_AAD_TOKEN} {}", error.error_description)),
        Fault::Upstream(logs) => {
            let request = world.entropy.guid().to_string();
            let details = logs.for_details(&request);
            let text = details.map_or(NO_AAD_TOKEN.to_owned(), |details| format!("{NO_AAD_TOKEN} {details}"));
            identified(500, &text, &request).with(REQUEST_ID, &request)
        }
        Fault::Unserved(why) => numbered(unserved_status(*why), &why.to_string()),
    }
}

/// A late body would be refused in time too, so there is nothing to wait for.
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
        | Unserved::Failed => why.status().as_u16(),
    }
}

fn described(status: u16, error: &'static str, description: &str) -> Reply {
    #[derive(Serialize)]
    struct Described<'a> {
        error: &'static str,
        error_description: &'a str,
    }
    json(status, &Described { error, error_description: description })
}

fn numbered(status: u16, message: &str, world: &World<'_>) -> Reply {
    identified(status, message, &world.entropy.guid().to_string())
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

fn retry_later(reply: Reply) -> Reply {
    reply.with("retry-after", &METADATA_RETRY_AFTER_SECONDS.to_string())
}

fn json(status: u16, body: &impl Serialize) -> Reply {
    Reply::json(StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), body)
}

#[cfg(test)]
mod tests;
