//! Asking login for a token, with a client assertion signed by a key of this host.

use super::keys::IdentityKey;
use super::nonce::LoginNonce;
use super::{HostRequest, Sent};
use crate::upstream::{TokenFetch, UpstreamError};
use bonafide_types::World;
use bonafide_wire::token::{OAuthError, Proof, TokenRequest, TokenV1};
use bytes::Bytes;
use http::{Method, StatusCode};
use std::sync::Arc;

/// A fetch of one token. A key that login does not know, because the identity was taken away and given back, is
/// made anew, once; so is an assertion that names the nonce of another process.
pub struct Fetch<'f> {
    wanted: &'f TokenFetch,
    authority: &'f str,
    nonce: &'f LoginNonce,
    key: Option<Arc<IdentityKey>>,
    has_new_key: bool,
    has_new_nonce: bool,
}

/// An event of a fetch.
pub enum Event {
    /// It begins.
    Begin,
    /// The key that [`Step::Key`] asked for, or why there is none.
    Key(Result<Arc<IdentityKey>, UpstreamError>),
    /// Login's answer to [`Step::Ask`].
    Answer(Sent),
}

/// The next step of a fetch.
pub enum Step {
    /// Find the key of the identity, or make it; forget the one that is held first if it is `unknown` to login.
    Key {
        /// Login does not know the key that is held.
        unknown: bool,
    },
    /// Ask login.
    Ask(HostRequest),
    /// This is the result.
    Done(Result<TokenV1, UpstreamError>),
}

impl<'f> Fetch<'f> {
    /// A fetch of a token from the token service whose origin is `authority`, and whose nonce is known as `nonce`.
    pub fn new(wanted: &'f TokenFetch, authority: &'f str, nonce: &'f LoginNonce) -> Self {
        Self { wanted, authority, nonce, key: None, has_new_key: false, has_new_nonce: false }
    }

    /// The step that follows an event.
    pub fn next(&mut self, event: Event, world: &World<'_>) -> Step {
        match event {
            Event::Begin => Step::Key { unknown: false },
            Event::Key(Ok(key)) => self.ask(key, world),
            Event::Key(Err(why)) => Step::Done(Err(why)),
            Event::Answer(sent) => match result(sent) {
                Err(UpstreamError::Refused(error)) if error.nonce.is_some() => {
                    if let Some(nonce) = &error.nonce {
                        self.nonce.hear(nonce.clone());
                    }
                    match self.key.take().filter(|_| !self.has_new_nonce) {
                        Some(key) => {
                            self.has_new_nonce = true;
                            self.ask(key, world)
                        }
                        None => Step::Done(Err(UpstreamError::Refused(error))),
                    }
                }
                Err(error) if error.says_key_is_unknown() && !self.has_new_key => {
                    self.has_new_key = true;
                    Step::Key { unknown: true }
                }
                result => Step::Done(result),
            },
        }
    }

    fn ask(&mut self, key: Arc<IdentityKey>, world: &World<'_>) -> Step {
        let request = self.request(&key, world);
        self.key = Some(key);
        request.map_or_else(|error| Step::Done(Err(error)), Step::Ask)
    }

    /// The request to login that `key` signs.
    fn request(&self, key: &IdentityKey, world: &World<'_>) -> Result<HostRequest, UpstreamError> {
        let TokenFetch { workload, tenant, client_id, audience, capabilities, .. } = self.wanted;
        let path = format!("/{tenant}/oauth2/token");
        let nonce = self.nonce.get();
        let nonce = nonce.as_ref().map(|nonce| nonce.as_str());
        let jwt = key.assertion(*client_id, &format!("{}{path}", self.authority), nonce, world);
        let form = TokenRequest {
            client_id: *client_id,
            audience: audience.clone(),
            proof: Proof::Assertion(jwt.map_err(UpstreamError::Unsigned)?),
            workload: Some(*workload),
            capabilities: capabilities.clone(),
        };
        Ok(HostRequest {
            method: Method::POST,
            path,
            content_type: "application/x-www-form-urlencoded",
            body: Bytes::from(form.to_form()),
        })
    }
}

/// The meaning of login's answer.
fn result(sent: Sent) -> Result<TokenV1, UpstreamError> {
    let (status, body) = sent.map_err(UpstreamError::Unreachable)?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::NewKey;
    use bonafide_crypto::{SystemEntropy, jws};
    use bonafide_types::{Audience, Timestamp};
    use bonafide_wire::Parameters;
    use serde_json::json;

    const NOW: Timestamp = Timestamp::from_unix_seconds(1_795_253_405);

    fn wanted() -> TokenFetch {
        let id = |kind: u8| format!("{kind:08x}-0000-4000-8000-000000000000");
        TokenFetch {
            workload: id(1).parse().unwrap(),
            tenant: id(2).parse().unwrap(),
            principal: id(3).parse().unwrap(),
            client_id: id(4).parse().unwrap(),
            audience: Audience::parse("https://vault.azure.net").unwrap(),
            capabilities: None,
        }
    }

    fn key() -> Arc<IdentityKey> {
        Arc::new(NewKey::make(wanted().principal, NOW).unwrap().with_expiry(NOW.plus_seconds(60)))
    }

    fn answer(status: u16, body: &serde_json::Value) -> Event {
        Event::Answer(Ok((StatusCode::from_u16(status).unwrap(), Bytes::from(body.to_string()))))
    }

    fn unknown_key() -> Event {
        answer(401, &json!({ "error": "invalid_client", "error_description": "words", "error_codes": [700_027] }))
    }

    /// A fetch that has asked once, and how it goes on.
    fn after(event: Event) -> Step {
        let world = World { now: NOW, entropy: &SystemEntropy };
        let wanted = wanted();
        let nonce = LoginNonce::default();
        let mut fetch = Fetch::new(&wanted, "https://login", &nonce);
        assert!(matches!(fetch.next(Event::Begin, &world), Step::Key { unknown: false }));
        let Step::Ask(request) = fetch.next(Event::Key(Ok(key())), &world) else { panic!() };
        assert_eq!((request.method, request.path), (Method::POST, format!("/{}/oauth2/token", wanted.tenant)));
        fetch.next(event, &world)
    }

    #[test]
    fn a_key_that_login_does_not_know_is_made_anew_once() {
        let world = World { now: NOW, entropy: &SystemEntropy };
        let wanted = wanted();
        let nonce = LoginNonce::default();
        let mut fetch = Fetch::new(&wanted, "https://login", &nonce);
        let _ = fetch.next(Event::Begin, &world);
        for is_first in [true, false] {
            assert!(matches!(fetch.next(Event::Key(Ok(key())), &world), Step::Ask(_)));
            match fetch.next(unknown_key(), &world) {
                Step::Key { unknown: true } => assert!(is_first),
                Step::Done(Err(UpstreamError::Refused(_))) => assert!(!is_first),
                _ => panic!(),
            }
        }
    }

    #[test]
    fn ca_07_an_assertion_with_the_nonce_of_another_process_is_made_anew_once() {
        let world = World { now: NOW, entropy: &SystemEntropy };
        let (wanted, nonce, key) = (wanted(), LoginNonce::default(), key());
        let mut fetch = Fetch::new(&wanted, "https://login", &nonce);
        let refused = |nonce: &str| {
            let words = json!({ "error": "invalid_client", "error_description": "words", "error_codes": [50_027], "nonce": nonce });
            answer(401, &words)
        };
        let named = |step: Step| {
            let Step::Ask(request) = step else { panic!() };
            let form = Parameters::parse(std::str::from_utf8(&request.body).unwrap()).unwrap();
            let jwt = jws::parse_strict(form.get("client_assertion").unwrap()).unwrap();
            let verified = jwt.verify(key.pair().verifying_key()).unwrap();
            verified.claims().get("nonce").map(|nonce| nonce.as_str().unwrap().to_owned())
        };
        let _ = fetch.next(Event::Begin, &world);
        assert_eq!(named(fetch.next(Event::Key(Ok(Arc::clone(&key))), &world)), None);
        assert_eq!(named(fetch.next(refused("second"), &world)), Some("second".to_owned()));
        assert!(matches!(fetch.next(refused("third"), &world), Step::Done(Err(UpstreamError::Refused(_)))));
        assert_eq!(nonce.get().unwrap().as_str(), "third", "the next fetch names it");
    }

    #[test]
    fn each_answer_of_login_has_its_meaning() {
        let done = |event| match after(event) {
            Step::Done(result) => result.map(|token| token.access_token),
            Step::Key { .. } | Step::Ask(_) => panic!(),
        };
        let token = json!({
            "token_type": "Bearer", "expires_in": "60", "ext_expires_in": "60", "expires_on": "1", "not_before": "0",
            "resource": "r", "access_token": "t",
        });
        assert_eq!(done(answer(200, &token)), Ok("t".to_owned()));
        assert_eq!(done(answer(200, &json!({}))), Err(UpstreamError::Malformed));
        assert_eq!(done(answer(400, &json!({}))), Err(UpstreamError::Malformed));
        let unreachable = |result| matches!(result, Err(UpstreamError::Unreachable(_)));
        assert!(unreachable(done(answer(503, &json!({ "error": "x", "error_description": "x" })))));
        assert!(unreachable(done(Event::Answer(Err("no route".to_owned())))));
        assert!(unreachable(done(Event::Key(Err(UpstreamError::Unreachable("no key".to_owned()))))));
        assert!(matches!(
            done(answer(400, &json!({ "error": "invalid_resource", "error_description": "x" }))),
            Err(UpstreamError::Refused(_))
        ));
    }
}
