//! Callers of tokens: cached ones at the metadata endpoint, new ones of the operator's, and of an identity that is not
//! at the machine.

use super::super::caller::{Caller, access_token};
use super::super::shared::Shared;
use super::claims::claim;
use super::pause;
use std::time::Duration;

/// The time between two cached tokens of one caller: a run of ten minutes asks for enough to tell 99.99 %.
const BETWEEN_CACHED: Duration = Duration::from_millis(15);
const BETWEEN_NEW: Duration = Duration::from_millis(200);

/// The machine's own identity, whose token is cached.
pub(super) fn cached(shared: &Shared, principal: &str) {
    let mut caller = Caller::new(shared);
    while pause(shared, BETWEEN_CACHED) {
        let before = shared.excuse().now();
        let answer = caller.metadata_token(None);
        let excuses = shared.excuse().since(before);
        let token = answer.and_then(|answer| access_token(&answer));
        if let Ok(token) = &token
            && claim(token, "oid").as_deref() != Some(principal)
        {
            shared.violation("the metadata endpoint gave a token of another identity than the machine's".to_owned());
        }
        shared.tally().operation("cached token", token.as_ref().map_or("not served", |_| "served").to_owned());
        shared.tally().cached_token(token.map(|_| ()), excuses.no_cached_tokens());
    }
}

/// New tokens, with the operator's secret.
pub(super) fn new(shared: &Shared) {
    let mut caller = Caller::new(shared);
    while pause(shared, BETWEEN_NEW) {
        let before = shared.excuse().now();
        let answer = caller.operator_token();
        let excuses = shared.excuse().since(before);
        let Ok(cloud) = shared.cloud() else { continue };
        let outcome = match &answer {
            Ok(answer) => answer.status.to_string(),
            Err(_) => "no answer".to_owned(),
        };
        shared.tally().operation("new token", outcome);
        match answer {
            Ok(answer) if answer.status == 200 => {
                let token = access_token(&answer).unwrap_or_default();
                if claim(&token, "appid").is_none_or(|client| client != cloud.client_id) {
                    shared.violation("the token service gave the operator the token of another client".to_owned());
                }
            }
            // Issuing tokens needs no store: only a process or a clock that is away excuses it.
            Ok(answer) if excuses.no_cached_tokens() && excuses.status(answer.status) => {}
            Err(_) if excuses.silence() => {}
            answer => shared.violation(format!("a new token of the operator's: {}", said(answer))),
        }
    }
}

/// An identity that exists, and is not at the machine.
pub(super) fn foreign(shared: &Shared, client_id: &str) {
    let mut caller = Caller::new(shared);
    while pause(shared, BETWEEN_NEW) {
        let Ok(answer) = caller.metadata_token(Some(client_id)) else { continue };
        shared.tally().operation("foreign identity", answer.status.to_string());
        if answer.status == 200 {
            shared.violation("the metadata endpoint gave a token of an identity that is not at the machine".to_owned());
        }
    }
}

/// An answer that is not a success, in a few words.
fn said(answer: Result<crate::connection::Answer, String>) -> String {
    match answer {
        Ok(answer) => format!("{}: {}", answer.status, String::from_utf8_lossy(&answer.body)),
        Err(why) => why,
    }
}
