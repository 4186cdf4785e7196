//! Asking login for a token, with a client assertion signed by a key of this host.

use crate::keys::{IdentityKey, IdentityKeys};
use crate::upstream::Upstream;
use bonafide_crypto::{SignError, SystemEntropy};
use bonafide_http::Event;
use bonafide_http::Log;
use bonafide_http::clock;
use bonafide_metadata::{TokenFetch, UpstreamError, assertion};
use bonafide_wire::token::{OAuthError, Proof, TokenRequest, TokenV1};
use bytes::Bytes;
use http::{Method, StatusCode};
use std::time::Duration;

/// How long login may take.
const FETCH: Duration = Duration::from_secs(5);

/// The code of a refusal that says that the key is not, or no longer, registered.
const KEY_UNKNOWN: u32 = 700_027;

/// Asks for one token. A key that login does not know, because the identity was taken away and given
/// back, is made anew, once.
pub(crate) async fn fetch(
    log: &Log,
    upstream: &Upstream,
    keys: &IdentityKeys,
    authority: &str,
    fetch: &TokenFetch,
) -> Result<TokenV1, UpstreamError> {
    match ask(log, upstream, keys, authority, fetch).await {
        Err(UpstreamError::Refused(error)) if error.error_codes.contains(&KEY_UNKNOWN) => {
            keys.forget(fetch.principal).await;
            ask(log, upstream, keys, authority, fetch).await
        }
        answer => answer,
    }
}

async fn ask(
    log: &Log,
    upstream: &Upstream,
    keys: &IdentityKeys,
    authority: &str,
    fetch: &TokenFetch,
) -> Result<TokenV1, UpstreamError> {
    let unreachable = |error: &dyn std::fmt::Display| UpstreamError::Unreachable(error.to_string());
    let key = keys.key(upstream, fetch.workload, fetch.principal).await.map_err(|error| unreachable(&error))?;
    let path = format!("/{}/oauth2/token", fetch.tenant);
    let jwt = sign(&key, fetch, &format!("{authority}{path}")).map_err(|error| {
        if error == SignError::SelfCheck {
            let event = Event::named("signatureCheckFailed").with("tenant", fetch.tenant);
            log.event(&event.with("client", fetch.client_id), &error);
        }
        unreachable(&error)
    })?;
    let request = TokenRequest {
        client_id: fetch.client_id,
        audience: fetch.audience.clone(),
        proof: Proof::Assertion(jwt),
        workload: Some(fetch.workload),
        capabilities: fetch.capabilities.clone(),
    };
    let body = Bytes::from(request.to_form());
    let sent = upstream.send(Method::POST, &path, "application/x-www-form-urlencoded", body, FETCH).await;
    let (status, body) = sent.map_err(|error| unreachable(&error))?;
    if status == StatusCode::OK {
        return serde_json::from_slice(&body).map_err(|_| UpstreamError::Malformed);
    }
    if status.is_server_error() {
        return Err(UpstreamError::Unreachable(format!("login answered {status}")));
    }
    match serde_json::from_slice::<OAuthError>(&body) {
        Ok(error) => Err(UpstreamError::Refused(Box::new(error))),
        Err(_) => Err(UpstreamError::Malformed),
    }
}

fn sign(key: &IdentityKey, fetch: &TokenFetch, audience: &str) -> Result<String, SignError> {
    let world = bonafide_types::World { now: clock::now(), entropy: &SystemEntropy };
    assertion(&key.key, &key.thumbprint, fetch.client_id, audience, &world)
}
