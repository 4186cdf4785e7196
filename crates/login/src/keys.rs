//! Key sets (RFC 7517) with which anybody verifies our tokens.

use crate::asked::Asked;
use crate::fault::Fault;
use crate::headers;
use crate::tenant::Named;
use bonafide_core::tokens::{TokenVersion, published_keys};
use bonafide_crypto::thumbprint::sha256_hex;
use bonafide_types::base64url::encode_standard;
use bonafide_wire::Reply;
use http::StatusCode;
use serde::Serialize;

/// Time for which a key set may be kept, in seconds. Source: ours; Entra says a day, but then a key that
/// is withdrawn is believed for a day.
const MAX_AGE_SECONDS: u64 = 3_600;

#[derive(Serialize)]
struct KeySet<'a> {
    keys: Vec<Jwk<'a>>,
}

#[derive(Serialize)]
struct Jwk<'a> {
    kty: &'static str,
    r#use: &'static str,
    kid: &'a str,
    x5t: &'a str,
    n: &'a str,
    e: &'a str,
    x5c: [String; 1],
    /// The issuer of the tokens that the key may sign, with a placeholder in the set of `common`; only in the version 2 set, as
    /// with Entra.
    #[serde(skip_serializing_if = "Option::is_none")]
    issuer: Option<String>,
}

/// `GET /{tenant}/discovery/[v2.0/]keys`.
pub(crate) fn handle(asked: Asked<'_>, version: TokenVersion) -> Result<Reply, Fault> {
    let Asked { cx, request, tenant, sign_in, .. } = asked;
    let tenant = Named::find(cx, tenant)?.one();
    sign_in.tenant = tenant;
    let authority = &cx.service.authority;
    // The set of `common` names no tenant: it would be a list of all.
    let issuer = tenant.map_or_else(|| authority.issuer_of_any_tenant(version), |id| authority.issuer(version, id));
    let keys = published_keys(cx.view, tenant, cx.world.now).into_iter().map(|key| {
        let issuer = (version == TokenVersion::V2).then(|| issuer.clone());
        let parts = key.public_parts();
        let x5c = [encode_standard(key.certificate_der())];
        Jwk { kty: "RSA", r#use: "sig", kid: key.kid(), x5t: key.kid(), n: &parts.n, e: &parts.e, x5c, issuer }
    });
    let reply = Reply::json(StatusCode::OK, &KeySet { keys: keys.collect() });
    let etag = format!("\"{}\"", &sha256_hex(&reply.body)[..32]);
    let unchanged = request.header("if-none-match").is_some_and(|known| {
        known.split(',').map(str::trim).any(|known| known == "*" || known.trim_start_matches("W/") == etag)
    });
    let reply = if unchanged { Reply::empty(StatusCode::NOT_MODIFIED) } else { reply };
    Ok(headers::public(reply, MAX_AGE_SECONDS).with("etag", &etag))
}
