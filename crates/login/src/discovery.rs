//! The discovery documents (OpenID Connect Discovery 1.0): those members of Entra's that are true here, and
//! those without which a client fails (docs/wire/login.md).

use crate::asked::Asked;
use crate::fault::Fault;
use crate::tenant::Named;
use crate::{Cx, headers};
use bonafide_core::tokens::TokenVersion;
use bonafide_wire::Reply;
use http::StatusCode;
use serde_json::{Value, json};

/// Time for which a discovery document may be kept, in seconds. Source: Entra's own.
const MAX_AGE_SECONDS: u64 = 86_400;

/// `GET /{tenant}/[v2.0/].well-known/openid-configuration`.
pub(crate) fn handle(asked: Asked<'_>, version: TokenVersion) -> Result<Reply, Fault> {
    let Asked { cx, tenant, sign_in, .. } = asked;
    let tenant = Named::find(cx, tenant)?;
    sign_in.tenant = tenant.one();
    Ok(headers::public(Reply::json(StatusCode::OK, &document(cx, tenant, version)), MAX_AGE_SECONDS))
}

fn issuer(cx: &Cx<'_>, tenant: Named<'_>, version: TokenVersion) -> String {
    match tenant {
        Named::One(id) => cx.service.authority.issuer(version, id),
        Named::Any(_) => cx.service.authority.issuer_of_any_tenant(version),
    }
}

/// The claims that our tokens have.
const CLAIMS: [&str; 12] = ["sub", "iss", "aud", "exp", "iat", "nbf", "tid", "oid", "idtyp", "ver", "uti", "xms_mirid"];

fn document(cx: &Cx<'_>, tenant: Named<'_>, version: TokenVersion) -> Value {
    let (origin, host) = (cx.service.authority.origin(), cx.service.authority.host());
    let base = format!("{origin}/{tenant}");
    // Follows `oauth2` and `discovery` in the version's paths.
    let below = match version {
        TokenVersion::V1 => "",
        TokenVersion::V2 => "/v2.0",
    };
    json!({
        "token_endpoint": format!("{base}/oauth2{below}/token"),
        "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt", "client_secret_basic"],
        "grant_types_supported": ["client_credentials"],
        "jwks_uri": format!("{base}/discovery{below}/keys"),
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "issuer": issuer(cx, tenant, version),
        // Nobody can sign in there. Every MSAL refuses a document without this address, and the standard
        // demands the list of what it would answer.
        "authorization_endpoint": format!("{base}/oauth2{below}/authorize"),
        "response_types_supported": [],
        // MSAL Node 1 refuses a document without this member, and reads it for a user's sign-out only.
        "end_session_endpoint": "",
        "request_uri_parameter_supported": false,
        "claims_supported": CLAIMS,
        "tenant_region_scope": region(tenant),
        "cloud_instance_name": host,
        "msgraph_host": host,
    })
}

fn region(tenant: Named<'_>) -> Option<&'static str> {
    tenant.one().map(|_| "WW")
}
