//! Instance discovery: MSAL asks here whether an authority is one, when it is pointed here.

use crate::fault::Fault;
use crate::{Cx, headers};
use bonafide_wire::{Parameters, Reply, Request};
use http::StatusCode;
use serde_json::json;

/// Time for which the answer may be kept, in seconds. Source: Entra's own.
const MAX_AGE_SECONDS: u64 = 86_400;

/// `GET /common/discovery/instance?api-version=1.1&authorization_endpoint=URL`: the same answer for
/// every path of an authority of ours, `invalid_instance` for any other.
pub(crate) fn handle(cx: &Cx<'_>, request: &Request) -> Result<Reply, Fault> {
    let query = Parameters::parse(&request.query).map_err(|_| Fault::Malformed)?;
    let endpoint = query.get("authorization_endpoint").ok_or(Fault::MissingParameter("authorization_endpoint"))?;
    let (scheme, rest) = endpoint.split_once("://").ok_or(Fault::UnknownInstance)?;
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let authority = &cx.service.authority;
    if !scheme.eq_ignore_ascii_case("https") || !authority.host().eq_ignore_ascii_case(host) {
        return Err(Fault::UnknownInstance);
    }
    let tenant = path.split('/').find(|segment| !segment.is_empty()).unwrap_or("common");
    let is_plain = tenant.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.'));
    let tenant = if is_plain { tenant } else { "common" };
    let api_version = query.get("api-version").filter(|version| *version == "1.0").unwrap_or("1.1");
    let version = if api_version == "1.0" { "" } else { "/v2.0" };
    let main = authority.host();
    let answer = json!({
        "tenant_discovery_endpoint":
            format!("{}/{tenant}{version}/.well-known/openid-configuration", authority.origin()),
        "api-version": api_version,
        "metadata": [{ "preferred_network": main, "preferred_cache": main, "aliases": [main] }],
    });
    Ok(headers::public(Reply::json(StatusCode::OK, &answer), MAX_AGE_SECONDS))
}
