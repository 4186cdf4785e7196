//! Asking login for a token: the policy is `bonafide_metadata::host`.

use crate::keys::IdentityKeys;
use crate::link::Link;
use bonafide_crypto::SignError;
use bonafide_http::Event as LogEvent;
use bonafide_http::Log;
use bonafide_http::clock;
use bonafide_metadata::host::{Event, Fetch, LoginNonce, Step};
use bonafide_metadata::{TokenFetch, UpstreamError};
use bonafide_wire::token::TokenV1;
use std::time::Duration;

/// Longest time that login may take.
const FETCH: Duration = Duration::from_secs(5);

/// Asks for one token.
pub(crate) async fn fetch(
    log: &Log,
    link: &Link,
    keys: &IdentityKeys,
    nonce: &LoginNonce,
    wanted: &TokenFetch,
) -> Result<TokenV1, UpstreamError> {
    let mut fetch = Fetch::new(wanted, &link.authority, nonce);
    let mut event = Event::Begin;
    loop {
        event = match fetch.next(event, &clock::world()) {
            Step::Key { unknown } => {
                if unknown {
                    keys.forget(wanted.principal).await;
                }
                let key = keys.key(link, wanted.workload, wanted.principal).await;
                Event::Key(key.map_err(UpstreamError::from))
            }
            Step::Ask(request) => Event::Answer(link.send(request, FETCH).await.map_err(|error| error.to_string())),
            Step::Done(result) => {
                if let Err(UpstreamError::Unsigned(error @ SignError::SelfCheck)) = &result {
                    let event = LogEvent::named("signatureCheckFailed").with("tenant", wanted.tenant);
                    log.event(&event.with("client", wanted.client_id), error);
                }
                return result;
            }
        };
    }
}
