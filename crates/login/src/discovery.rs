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
    let document = match version {
        TokenVersion::V1 => version_1(cx, tenant),
        TokenVersion::V2 => version_2(cx, tenant),
    };
    Ok(headers::public(Reply::json(StatusCode::OK, &document), MAX_AGE_SECONDS))
}

fn issuer(cx: &Cx<'_>, tenant: Named<'_>, version: TokenVersion) -> String {
    match tenant {
        Named::One(id) => cx.service.authority.issuer(version, id),
        Named::Any(_) => cx.service.authority.issuer_of_any_tenant(version),
    }
}

/// The claims that our tokens have.
const CLAIMS: [&str; 12] = ["sub", "iss", "aud", "exp", "iat", "nbf", "tid", "oid", "idtyp", "ver", "uti", "xms_mirid"];

fn version_1(cx: &Cx<'_>, tenant: Named<'_>) -> Value {
    let (origin, host) = (cx.service.authority.origin(), cx.service.authority.host());
    let base = format!("{origin}/{tenant}");
    json!({
        "token_endpoint": format!("{base}/oauth2/token"),
        "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt", "client_secret_basic"],
        "jwks_uri": format!("{base}/discovery/keys"),
        "response_modes_supported": ["query", "fragment", "form_post"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "response_types_supported": ["code", "id_token", "code id_token", "token id_token", "token"],
        "scopes_supported": ["openid"],
        "issuer": issuer(cx, tenant, TokenVersion::V1),
        "microsoft_multi_refresh_token": true,
        "authorization_endpoint": format!("{base}/oauth2/authorize"),
        "device_authorization_endpoint": format!("{base}/oauth2/devicecode"),
        "http_logout_supported": true,
        "frontchannel_logout_supported": true,
        "end_session_endpoint": format!("{base}/oauth2/logout"),
        "claims_supported": CLAIMS,
        "check_session_iframe": format!("{base}/oauth2/checksession"),
        "userinfo_endpoint": format!("{base}/openid/userinfo"),
        "kerberos_endpoint": format!("{base}/kerberos"),
        "tenant_region_scope": region(tenant),
        "cloud_instance_name": host,
        "cloud_graph_host_name": host,
        "msgraph_host": host,
        "rbac_url": origin,
    })
}

fn version_2(cx: &Cx<'_>, tenant: Named<'_>) -> Value {
    let (origin, host) = (cx.service.authority.origin(), cx.service.authority.host());
    let base = format!("{origin}/{tenant}");
    json!({
        "token_endpoint": format!("{base}/oauth2/v2.0/token"),
        "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt", "client_secret_basic"],
        "jwks_uri": format!("{base}/discovery/v2.0/keys"),
        "response_modes_supported": ["query", "fragment", "form_post"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
        "issuer": issuer(cx, tenant, TokenVersion::V2),
        "request_uri_parameter_supported": false,
        "userinfo_endpoint": format!("{origin}/oidc/userinfo"),
        "authorization_endpoint": format!("{base}/oauth2/v2.0/authorize"),
        "device_authorization_endpoint": format!("{base}/oauth2/v2.0/devicecode"),
        "http_logout_supported": true,
        "frontchannel_logout_supported": true,
        "end_session_endpoint": format!("{base}/oauth2/v2.0/logout"),
        "claims_supported": CLAIMS,
        "kerberos_endpoint": format!("{base}/kerberos"),
        "tenant_region_scope": region(tenant),
        "cloud_instance_name": host,
        "cloud_graph_host_name": host,
        "msgraph_host": host,
        "rbac_url": origin,
    })
}

fn region(tenant: Named<'_>) -> Option<&'static str> {
    tenant.one().map(|_| "WW")
}
