//! The discovery documents (OpenID Connect Discovery 1.0), with the members that Entra's have.

use crate::fault::Fault;
use crate::tenant::Named;
use crate::{Cx, Record, headers};
use bonafide_core::tokens::TokenVersion;
use bonafide_wire::Reply;
use http::StatusCode;
use serde_json::{Value, json};

/// How long a discovery document may be kept, in seconds. Source: Entra's own.
const MAX_AGE_SECONDS: u64 = 86_400;

/// `GET /{tenant}/[v2.0/].well-known/openid-configuration`.
pub(crate) fn handle(cx: &Cx<'_>, segment: &str, version: TokenVersion, record: &mut Record) -> Result<Reply, Fault> {
    let tenant = Named::find(cx, segment)?;
    record.tenant = tenant.one();
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
    let mut document = json!({
        "token_endpoint": format!("{base}/oauth2{below}/token"),
        "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt", "client_secret_basic"],
        "jwks_uri": format!("{base}/discovery{below}/keys"),
        "response_modes_supported": ["query", "fragment", "form_post"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "issuer": issuer(cx, tenant, version),
        "authorization_endpoint": format!("{base}/oauth2{below}/authorize"),
        "device_authorization_endpoint": format!("{base}/oauth2{below}/devicecode"),
        "http_logout_supported": true,
        "frontchannel_logout_supported": true,
        "end_session_endpoint": format!("{base}/oauth2{below}/logout"),
        "claims_supported": CLAIMS,
        "kerberos_endpoint": format!("{base}/kerberos"),
        "tenant_region_scope": region(tenant),
        "cloud_instance_name": host,
        "cloud_graph_host_name": host,
        "msgraph_host": host,
        "rbac_url": origin,
    });
    let own = match version {
        TokenVersion::V1 => json!({
            "response_types_supported": ["code", "id_token", "code id_token", "token id_token", "token"],
            "scopes_supported": ["openid"],
            "microsoft_multi_refresh_token": true,
            "check_session_iframe": format!("{base}/oauth2/checksession"),
            "userinfo_endpoint": format!("{base}/openid/userinfo"),
        }),
        TokenVersion::V2 => json!({
            "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
            "scopes_supported": ["openid", "profile", "email", "offline_access"],
            "request_uri_parameter_supported": false,
            "userinfo_endpoint": format!("{origin}/oidc/userinfo"),
        }),
    };
    if let (Value::Object(document), Value::Object(own)) = (&mut document, own) {
        document.extend(own);
    }
    document
}

fn region(tenant: Named<'_>) -> Option<&'static str> {
    tenant.one().map(|_| "WW")
}
