//! Callers without a valid token, or without the right.

use super::Fault;
use super::ours::internal;
use super::wire::Wire;
use bonafide_core::tokens::TokenError;
use bonafide_types::{ResourceId, Timestamp};
use http::StatusCode;

pub(super) fn wire(fault: &Fault) -> Wire<'_> {
    const UNAUTHORIZED: StatusCode = StatusCode::UNAUTHORIZED;
    const FORBIDDEN: StatusCode = StatusCode::FORBIDDEN;
    match fault {
        Fault::Token { error, now, accepted } => token_error(error, *now, accepted),
        Fault::PrincipalGone => (UNAUTHORIZED, "InvalidAuthenticationToken", "The access token is invalid.".to_owned()),
        Fault::WrongTenant { subscription, issuer } => (
            UNAUTHORIZED,
            "InvalidAuthenticationTokenTenant",
            format!(
                "The access token is from the wrong issuer '{}'. It must match the tenant '{}' associated with this subscription. Please use the authority (URL) '{}/{subscription}' to get the token. Note, if the subscription is transferred to another tenant there is no impact to the services, but information about new tenant could take time to propagate (up to an hour). If you just transferred your subscription and see this error message, please try back later.",
                issuer.token, issuer.subscription, issuer.login
            ),
        ),
        Fault::Denied { caller: (client, object), action, scope, under_condition } => {
            let or = if *under_condition { " or an ABAC condition not fulfilled" } else { "" };
            (
                FORBIDDEN,
                "AuthorizationFailed",
                format!(
                    "The client '{client}' with object id '{object}' does not have authorization{or} to perform action '{action}' over scope '{scope}' or the scope is invalid. If access was recently granted, please refresh your credentials."
                ),
            )
        }
        Fault::LinkedDenied { caller: (client, object), action, scope, needed, linked } => {
            let linked: Vec<&str> = linked.iter().map(ResourceId::as_str).collect();
            (
                FORBIDDEN,
                "LinkedAuthorizationFailed",
                format!(
                    "The client '{client}' with object id '{object}' has permission to perform action '{action}' on scope '{scope}'; however, it does not have permission to perform action '{needed}' on the linked scope(s) '{}' or the linked scope(s) are invalid.",
                    linked.join(",")
                ),
            )
        }
        _ => internal(),
    }
}

fn token_error(error: &TokenError, now: Timestamp, accepted: &[String]) -> (StatusCode, &'static str, String) {
    let (code, message) = match error {
        TokenError::Missing => {
            ("AuthenticationFailed", "Authentication failed. The 'Authorization' header is missing.".to_owned())
        }
        TokenError::Scheme => (
            "AuthenticationFailed",
            "Authentication failed. The 'Authorization' header is provided in an invalid format.".to_owned(),
        ),
        TokenError::Expired { at } => (
            "ExpiredAuthenticationToken",
            format!(
                "The access token expiry UTC time '{}' is earlier than current UTC time '{}'.",
                at.american(),
                now.american()
            ),
        ),
        TokenError::Audience { aud } => {
            let accepted: Vec<String> = accepted.iter().map(|audience| format!("'{audience}'")).collect();
            (
                "InvalidAuthenticationTokenAudience",
                format!(
                    "The access token has been obtained for wrong audience or resource '{aud}'. It should exactly match with one of the allowed audiences {}.",
                    accepted.join(",")
                ),
            )
        }
        TokenError::Malformed(_)
        | TokenError::Claim(_)
        | TokenError::UnknownKey
        | TokenError::Signature
        | TokenError::NotYetValid { .. }
        | TokenError::Issuer { .. }
        | TokenError::Principal => ("InvalidAuthenticationToken", "The access token is invalid.".to_owned()),
    };
    (StatusCode::UNAUTHORIZED, code, message)
}
