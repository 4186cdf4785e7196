//! Errors on the wire: the only place that knows the error object.
//!
//! Codes, statuses and texts: Microsoft Learn, "Microsoft Entra authentication and authorization error
//! codes", and public reports of each; docs/wire/login.md says where ours differ.

use crate::headers;
use crate::ids::Ids;
use bonafide_types::{Entropy, Timestamp};
use bonafide_wire::token::OAuthError;
use bonafide_wire::{Reply, Unserved};
use http::{Method, StatusCode};
use std::sync::Arc;

/// The reason why a request is refused. Texts in it are the caller's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    NoSuchPath(String),
    GetOnly(Method),
    PostOnly(Method),
    TenantSpelling(String),
    UnknownTenant(String),
    NoTenant,
    UnknownInstance,
    Malformed,
    DuplicateParameter(String),
    MissingParameter(&'static str),
    GrantType(String),
    OnBehalfOf {
        client: String,
    },
    ResourceParameter,
    Scope(String),
    TwoResources(String),
    TokenType(String),
    UnknownResource {
        asked: String,
        tenant: String,
    },
    /// The service principal of the resource is disabled.
    ResourceDisabled {
        asked: String,
    },
    UnknownClient {
        client: String,
        tenant: String,
    },
    Disabled {
        client: String,
    },
    NoProof,
    TwoProofs,
    Secret {
        client: String,
    },
    SecretExpired {
        client: String,
    },
    /// A secret for a managed identity, which has none.
    ManagedIdentity {
        client: String,
    },
    AssertionType,
    AssertionMalformed(&'static str),
    AssertionAlgorithm,
    NoThumbprint,
    MissingField(&'static str),
    AssertionClient,
    AssertionIssuer(String),
    AssertionAudience,
    AssertionTime {
        now: Timestamp,
        from: Timestamp,
        until: Timestamp,
    },
    KeyNotFound {
        thumbprint: String,
    },
    KeyExpired {
        thumbprint: String,
    },
    Signature {
        thumbprint: String,
    },
    Replayed,
    /// An agent's assertion names another nonce than this.
    Nonce(Arc<str>),
    NotPlaced,
    Busy,
    Throttled {
        after_seconds: u8,
    },
    Internal,
    Unserved(Unserved),
}

const MORE: &str =
    "Review the documentation at https://learn.microsoft.com/entra/identity-platform/certificate-credentials .";
const FEDERATION: &str = "Please check your federated identity credential Subject, Audience and Issuer against the presented \
    assertion. https://docs.microsoft.com/en-us/azure/active-directory/develop/workload-identity-federation";
const NOT_INSTALLED: &str = "This can happen if the application has not been installed by the administrator of the tenant or \
    consented to by any user in the tenant. You might have sent your authentication request to the wrong tenant.";

/// Longest `Retry-After`, in seconds. Source: ours; within a second a share has room again, and the rest keeps those
/// apart who were refused together.
const RETRY_AFTER_SECONDS_MAX: u8 = 5;

impl Fault {
    /// A client, or all strangers together, asked for more than their share.
    pub(crate) fn throttled(entropy: &dyn Entropy) -> Self {
        let mut byte = [0];
        entropy.fill(&mut byte);
        Self::Throttled { after_seconds: 1 + byte[0] % RETRY_AFTER_SECONDS_MAX }
    }

    /// Code, status, error and text: the whole table.
    #[rustfmt::skip]
    fn row(&self) -> (u32, u16, &'static str, String) {
        match self {
            Self::NoSuchPath(path) => (9_002_313, 404, "invalid_request", format!("Invalid request. Nothing is served at '{}'. The discovery documents name every endpoint of this service.", shown(path))),
            Self::GetOnly(method) => (900_561, 405, "invalid_request", format!("The endpoint only accepts GET, HEAD requests. Received a {} request.", shown(method.as_str()))),
            Self::PostOnly(method) => (900_561, 400, "invalid_request", format!("The endpoint only accepts POST requests. Received a {} request.", shown(method.as_str()))),
            Self::TenantSpelling(tenant) => (900_023, 400, "invalid_request", format!("Specified tenant identifier '{}' is neither a valid DNS name, nor a valid external domain.", shown(tenant))),
            Self::UnknownTenant(tenant) => (90_002, 400, "invalid_tenant", format!("Tenant '{}' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud. Check with your subscription administrator, this may happen if there are no active subscriptions for the tenant.", shown(tenant))),
            Self::NoTenant => (50_059, 400, "invalid_request", "No tenant-identifying information found in either the request or implied by any provided credentials.".into()),
            Self::UnknownInstance => (50_049, 400, "invalid_instance", "Unknown or invalid instance.".into()),
            Self::Malformed => (9_002_313, 400, "invalid_request", "Invalid request. Request is malformed or invalid.".into()),
            Self::DuplicateParameter(name) => (9_000_411, 400, "invalid_request", format!("The request is not properly formatted. The parameter '{}' is duplicated.", shown(name))),
            Self::MissingParameter(name) => (900_144, 400, "invalid_request", format!("The request body must contain the following parameter: '{name}'.")),
            Self::GrantType(grant) => (70_003, 400, "unsupported_grant_type", format!("The app requested an unsupported grant type '{}'.", shown(grant))),
            Self::OnBehalfOf { client } => (7_000_114, 400, "unauthorized_client", format!("Application '{client}' is not allowed to make application on-behalf-of calls.")),
            Self::ResourceParameter => (901_002, 400, "invalid_request", "The 'resource' request parameter is not supported.".into()),
            Self::Scope(scope) => (1_002_012, 400, "invalid_scope", format!("The provided value for scope {} is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier (application ID URI).", shown(scope))),
            Self::TwoResources(scope) => (700_022, 400, "invalid_scope", format!("Provided value for the input parameter scope is not valid because it contains more than one resource. Scope {} is not valid.", shown(scope))),
            Self::TokenType(asked) => (90_100, 400, "invalid_request", format!("The request asks for a token of the type '{}'. Only tokens of the type 'Bearer' are issued.", shown(asked))),
            Self::UnknownResource { asked, tenant } => (500_011, 400, "invalid_resource", format!("The application named {} was not found in the tenant named {tenant}. {NOT_INSTALLED}", shown(asked))),
            Self::ResourceDisabled { asked } => (500_014, 400, "invalid_resource", format!("The service principal for resource '{}' is disabled. This indicates that a subscription within the tenant has lapsed, or that the administrator for this tenant has disabled the application, preventing tokens from being issued for it.", shown(asked))),
            Self::UnknownClient { client, tenant } => (700_016, 400, "unauthorized_client", format!("Application with identifier '{}' was not found in the directory '{tenant}'. {NOT_INSTALLED}", shown(client))),
            Self::Disabled { client } => (7_000_112, 400, "unauthorized_client", format!("Application '{client}' is disabled.")),
            Self::NoProof => (7_000_216, 401, "invalid_client", "'client_assertion', 'client_secret' or 'request' is required for the 'client_credentials' grant type.".into()),
            Self::TwoProofs => (9_002_313, 400, "invalid_request", "Invalid request. The client must prove who it is in one way only.".into()),
            Self::Secret { client } => (7_000_215, 401, "invalid_client", format!("Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '{client}'.")),
            Self::SecretExpired { client } => (7_000_222, 401, "invalid_client", format!("The provided client secret keys for app '{client}' are expired.")),
            Self::ManagedIdentity { client } => (7_000_218, 401, "invalid_client", format!("The request body must contain the following parameter: 'client_assertion'. The service principal of application '{client}' is of the type ManagedIdentity: it has no client secret, and signs in only with certificates that its host registered.")),
            Self::AssertionType => (9_002_313, 400, "invalid_request", "Invalid request. 'client_assertion_type' must be 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'.".into()),
            Self::AssertionMalformed(reason) => (50_027, 401, "invalid_client", format!("Invalid JWT token. {reason}")),
            Self::AssertionAlgorithm => (5_002_738, 401, "invalid_client", "Invalid JWT token. The signature algorithm is not supported. Supported signing algorithms are: 'RS256,PS256'".into()),
            Self::NoThumbprint => (5_002_723, 401, "invalid_client", "Invalid JWT token. No certificate SHA-1 thumbprint, certificate SHA-256 thumbprint, nor certificate specified in token header.".into()),
            Self::MissingField(name) => (90_014, 400, "invalid_request", format!("The required field '{name}' is missing from the credential. Ensure that you have all the necessary parameters for the login request.")),
            Self::AssertionClient => (700_021, 401, "invalid_client", format!("Client assertion application identifier doesn't match 'client_id' parameter. {MORE}")),
            Self::AssertionIssuer(issuer) => (700_211, 401, "invalid_client", format!("No matching federated identity record found for presented assertion issuer '{}'. {FEDERATION}", shown(issuer))),
            Self::AssertionAudience => (700_023, 401, "invalid_client", format!("Client assertion audience claim does not match Realm issuer. {MORE}")),
            Self::AssertionTime { now, from, until } => (700_024, 401, "invalid_client", format!("Client assertion is not within its valid time range. Current time: {now}, assertion valid from {from}, expiry time of assertion {until}. {MORE}")),
            Self::KeyNotFound { thumbprint } => (700_027, 401, "invalid_client", format!("The certificate with identifier used to sign the client assertion is not registered on application. [Reason - The key was not found., Thumbprint of key used by client: '{thumbprint}']")),
            Self::KeyExpired { thumbprint } => (700_027, 401, "invalid_client", format!("Client assertion failed signature validation. [Reason - The key used is expired., Thumbprint of key used by client: '{thumbprint}']")),
            Self::Signature { thumbprint } => (700_027, 401, "invalid_client", format!("Client assertion failed signature validation. [Reason - The provided signature value did not match the expected signature value., Thumbprint of key used by client: '{thumbprint}']")),
            Self::Replayed => (50_027, 401, "invalid_client", "Invalid JWT token. The assertion was used before.".into()),
            Self::Nonce(_) => (50_027, 401, "invalid_client", "Invalid JWT token. The assertion is not for this process of the token service.".into()),
            Self::NotPlaced => (700_030, 401, "invalid_client", "Invalid certificate. The identity is not assigned to the workload on this host.".into()),
            Self::Busy | Self::Throttled { .. } | Self::Unserved(Unserved::ShareTaken) => (90_055, 429, "temporarily_unavailable", "Too many requests. Try again later.".into()),
            Self::Internal | Self::Unserved(Unserved::Failed) => (50_000, 500, "server_error", "There was an error issuing a token.".into()),
            Self::Unserved(Unserved::Busy) => (90_033, 503, "temporarily_unavailable", "A transient error has occurred. Please try again.".into()),
            Self::Unserved(Unserved::TargetTooLong) => (90_015, 414, "invalid_request", "Requested query string is too long.".into()),
            Self::Unserved(why) => (9_002_313, why.status().as_u16(), "invalid_request", format!("Invalid request. Request is malformed or invalid: {why}.")),
        }
    }

    /// True when the store could have what the view does not: the view must catch up before this is said.
    pub(crate) fn is_negative(&self) -> bool {
        matches!(
            self,
            Self::UnknownTenant(_)
                | Self::UnknownResource { .. }
                | Self::ResourceDisabled { .. }
                | Self::UnknownClient { .. }
                | Self::Disabled { .. }
                | Self::Secret { .. }
                | Self::SecretExpired { .. }
                | Self::KeyNotFound { .. }
                | Self::NotPlaced
        )
    }

    /// The number after `AADSTS`.
    pub(crate) fn code(&self) -> u32 {
        self.row().0
    }

    /// The reply. One that says that we failed names the log, where the trace id leads to the cause.
    pub(crate) fn reply(&self, now: Timestamp, ids: &Ids, log_file: Option<&str>) -> Reply {
        let (code, status, error, text) = self.row();
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let text = match log_file {
            Some(file) if status == StatusCode::INTERNAL_SERVER_ERROR => {
                format!("{text} For details see logs in {file}")
            }
            Some(_) | None => text,
        };
        let (timestamp, trace, correlation) = (now.sts(), ids.trace, ids.correlation);
        // These two come with blanks in every public report, all others with line ends.
        let between = if matches!(code, 700_211 | 700_024) { " " } else { "\r\n" };
        let description = [
            format!("AADSTS{code}: {text}"),
            format!("Trace ID: {trace}"),
            format!("Correlation ID: {correlation}"),
            format!("Timestamp: {timestamp}"),
        ];
        let body = OAuthError {
            error: error.to_owned(),
            error_description: description.join(between),
            error_codes: vec![code],
            timestamp,
            trace_id: trace.to_string(),
            correlation_id: correlation.to_string(),
            // No public report of 700211 has one (docs/wire/login.md).
            nonce: if let Self::Nonce(nonce) = self { Some(nonce.to_string()) } else { None },
            error_uri: (code != 700_211).then(|| format!("https://login.microsoftonline.com/error?code={code}")),
        };
        let reply = headers::no_store(Reply::json(status, &body));
        match self {
            Self::Throttled { after_seconds } => reply.with("retry-after", &after_seconds.to_string()),
            Self::Busy | Self::Unserved(Unserved::Busy | Unserved::ShareTaken) => reply.with("retry-after", "1"),
            Self::PostOnly(_) => reply.with("allow", "POST"),
            Self::GetOnly(_) => reply.with("allow", "GET, HEAD"),
            _ => reply,
        }
    }
}

/// A caller's text, short enough to repeat and without control characters.
fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(200).collect()
}
