//! The public origin: one address for every surface; their paths do not collide.

use crate::clock;
use crate::control_plane::ControlPlane;
use crate::event::Event;
use crate::health::Readiness;
use crate::http::{Admission, Answered, Note, Service};
use crate::pool::{Pool, run_in_place};
use bonafide_crypto::SignError;
use bonafide_login::{Answer, Confirm, Failure, Record};
use bonafide_types::Timestamp;
use bonafide_types::limits::{MANAGEMENT_BODY_BYTES_MAX, TOKEN_BODY_BYTES_MAX};
use bonafide_wire::{Outcome, Reply, Request, Unserved};
use http::header::AUTHORIZATION;
use http::{Method, StatusCode};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpStream;

/// Answers everything public.
pub(crate) struct PublicOrigin {
    pub(crate) plane: Arc<ControlPlane>,
    /// For what touches the store: however slow that is, tokens are not.
    pub(crate) store_pool: Arc<Pool>,
}

/// The surfaces of the public origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Surface {
    Health,
    Management,
    Login,
}

/// Which surface a path belongs to, by its first segment.
fn surface(path: &str) -> Surface {
    let first = path.split('/').find(|segment| !segment.is_empty()).unwrap_or_default();
    let is = |word: &str| first.eq_ignore_ascii_case(word);
    if is("healthz") || is("readyz") {
        Surface::Health
    } else if is("subscriptions") || is("providers") || is("tenants") || is("metadata") {
        Surface::Management
    } else {
        Surface::Login
    }
}

impl Service for PublicOrigin {
    fn name(&self) -> &'static str {
        "public"
    }

    fn admit(&self, address: SocketAddr, _stream: &TcpStream, _certificate: Option<&[u8]>) -> Admission {
        Admission::anybody(address)
    }

    async fn may_send_much(&self, head: &Request) -> bool {
        let authorization = head.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        run_in_place(|| self.plane.knows_caller(authorization, clock::world())).unwrap_or(false)
    }

    fn body_bytes_max(&self, _method: &Method, path: &str) -> usize {
        match surface(path) {
            Surface::Management => MANAGEMENT_BODY_BYTES_MAX,
            Surface::Login | Surface::Health => TOKEN_BODY_BYTES_MAX,
        }
    }

    async fn answer(&self, request: Request, _at: Timestamp) -> Answered {
        match surface(&request.path) {
            Surface::Health => self.health(&request).await.into(),
            Surface::Management => {
                let request = Arc::new(request);
                let (plane, asked) = (Arc::clone(&self.plane), Arc::clone(&request));
                let job = move || plane.manage(&asked, clock::world());
                match self.store_pool.run(job).await {
                    Ok(reply) => reply.into(),
                    Err(error) => self.refusal(&request, (&error).into()).because(&error),
                }
            }
            Surface::Login => login(&self.plane, &self.store_pool, request).await,
        }
    }

    fn refusal(&self, head: &Request, why: Unserved) -> Answered {
        match surface(&head.path) {
            Surface::Health => Reply::empty(why.status()).into(),
            Surface::Management => self.plane.refuse_manage(head, why, clock::world()).into(),
            Surface::Login => self.plane.refuse_sign_in(head, why, clock::world()),
        }
    }
}

impl PublicOrigin {
    /// `/healthz`: the process answers. `/readyz`: it issues tokens; the body says what else does its work.
    async fn health(&self, request: &Request) -> Reply {
        if request.method != Method::GET {
            return Reply::empty(StatusCode::METHOD_NOT_ALLOWED).with("allow", "GET");
        }
        if request.path.eq_ignore_ascii_case("/healthz") {
            return Reply::json(StatusCode::OK, &serde_json::json!({ "status": "ok" }));
        }
        let ready = Readiness::of(&self.plane, &self.store_pool).await;
        let (status, said) = ready.word();
        let word = |good: bool, bad: &'static str| if good { "ok" } else { bad };
        let body = serde_json::json!({
            "status": said,
            "tokens": word(ready.tokens, "no signing key"),
            "view": word(ready.view, "too old"),
            "store": word(ready.store, "unavailable"),
        });
        Reply::json(status, &body)
    }
}

/// Asks the token service. A refusal that rests on the view alone is confirmed first: the view is
/// brought up to the store's revision, where the store answers, and the question asked again.
pub(crate) async fn login(plane: &Arc<ControlPlane>, store_pool: &Pool, request: Request) -> Answered {
    let ask = |confirmed: bool| run_in_place(|| plane.sign_in(&request, clock::world(), confirmed));
    let refused = |why: Unserved| plane.refuse_sign_in(&request, why, clock::world());
    let first = ask(false);
    if request.method == Method::POST {
        // Signatures are made and checked in place: a connection with many requests in its pipeline lets
        // those go first that have waited meanwhile.
        tokio::task::yield_now().await;
    }
    match first {
        Ok(Answer { outcome: Outcome::Reply(reply), record }) => return answered(plane, reply, record),
        Ok(Answer { outcome: Outcome::Need(Confirm), .. }) => plane.confirm(store_pool).await,
        Err(error) => return refused((&error).into()).because(&error),
    }
    match ask(true) {
        Ok(Answer { outcome: Outcome::Reply(reply), record }) => answered(plane, reply, record),
        Ok(Answer { outcome: Outcome::Need(Confirm), .. }) => {
            refused(Unserved::Failed).because(&"login asked twice for a confirmation")
        }
        Err(error) => refused((&error).into()).because(&error),
    }
}

fn answered(plane: &ControlPlane, reply: Reply, record: Record) -> Answered {
    let (tenant, client, failure) = (record.tenant, record.client, record.failure);
    let answered = Answered { reply, note: Note::SignIn(Box::new(record)) };
    let Some(why) = failure else { return answered };
    let event = match why {
        Failure::Sign(SignError::SelfCheck) => Event::SignatureCheckFailed { tenant, client },
        _ => Event::TokenNotIssued { tenant, client },
    };
    plane.log.event(&event, &why);
    // An event is said once a minute, this of each request.
    answered.because(&why)
}
