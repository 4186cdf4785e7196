//! The token endpoint's request and replies, for login, agent, command line and tests alike.

use bonafide_types::{Audience, ClientId, ResourceUuid, Secret};
use serde::{Deserialize, Serialize};

/// `urn:ietf:params:oauth:client-assertion-type:jwt-bearer` (RFC 7523).
pub const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A client-credentials request of our own agent or command line. It prints itself as the form
/// that the endpoint reads; what strangers send is read by the login surface, which is laxer.
pub struct TokenRequest {
    /// The client that signs in.
    pub client_id: ClientId,
    /// The audience of the token.
    pub audience: Audience,
    /// The proof.
    pub proof: Proof,
    /// The workload that the token is for, when an agent asks (`xms_az_rid` of a user-assigned
    /// identity's token). Only believed over the mTLS connection of the workload's host.
    pub workload: Option<ResourceUuid>,
    /// `xms_cc` capabilities, comma separated, to be copied into the token.
    pub capabilities: Option<String>,
}

/// The means by which a client proves its identity.
pub enum Proof {
    /// A client secret.
    Secret(Secret<String>),
    /// A signed JWT.
    Assertion(String),
}

impl TokenRequest {
    /// The form that a v1 endpoint (`/oauth2/token`) reads.
    pub fn to_form(&self) -> String {
        let mut form = form_urlencoded::Serializer::new(String::with_capacity(1024));
        form.append_pair("grant_type", "client_credentials")
            .append_pair("client_id", &self.client_id.to_string())
            .append_pair("resource", self.audience.as_str());
        match &self.proof {
            Proof::Secret(secret) => form.append_pair("client_secret", secret.expose()),
            Proof::Assertion(jwt) => {
                form.append_pair("client_assertion_type", JWT_BEARER).append_pair("client_assertion", jwt)
            }
        };
        if let Some(workload) = self.workload {
            form.append_pair("workload", &workload.to_string());
        }
        if let Some(capabilities) = &self.capabilities {
            form.append_pair("xms_cc", capabilities);
        }
        form.finish()
    }
}

/// The v1 endpoint's success: all values are strings (docs/wire/login.md).
#[derive(Clone, Serialize, Deserialize)]
pub struct TokenV1 {
    /// `Bearer`.
    pub token_type: String,
    /// Seconds until the token expires.
    pub expires_in: String,
    /// The same while the service is degraded; we never extend.
    pub ext_expires_in: String,
    /// The end of its validity, in seconds since the epoch.
    pub expires_on: String,
    /// The start of its validity, in seconds since the epoch.
    pub not_before: String,
    /// The resource as it was asked for.
    pub resource: String,
    /// The token.
    pub access_token: String,
}

/// The v2 endpoint's success: the times are numbers (docs/wire/login.md).
#[derive(Clone, Serialize, Deserialize)]
pub struct TokenV2 {
    /// `Bearer`.
    pub token_type: String,
    /// Seconds until the token expires.
    pub expires_in: u64,
    /// The same while the service is degraded; we never extend.
    pub ext_expires_in: u64,
    /// The token.
    pub access_token: String,
}

/// The token service's error object, with all its fields (docs/wire/login.md).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OAuthError {
    /// `invalid_client`, `invalid_resource`, …
    pub error: String,
    /// `AADSTS…: text\r\nTrace ID: …\r\nCorrelation ID: …\r\nTimestamp: …Z`.
    pub error_description: String,
    /// The number after `AADSTS`.
    #[serde(default)]
    pub error_codes: Vec<u32>,
    /// The time, as `2026-11-21 09:30:00Z`.
    #[serde(default)]
    pub timestamp: String,
    /// The request's id on the server.
    #[serde(default)]
    pub trace_id: String,
    /// The request's id as the client gave it, or a new one.
    #[serde(default)]
    pub correlation_id: String,
    /// The page that explains the code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_uri: Option<String>,
    /// Ours: the nonce that an agent's assertion must carry, where it carried another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
}
