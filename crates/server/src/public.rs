//! The public origin: one address for every surface; their paths do not collide.

use crate::control_plane::ControlPlane;
use crate::health::Readiness;
use crate::pool::{Pool, run_in_place};
use crate::surfaces::{self, Served};
use bonafide_http::clock;
use bonafide_http::{Admission, PeerFacts, Service};
use bonafide_login::Confirm;
use bonafide_types::Timestamp;
use bonafide_types::limits::{MANAGEMENT_BODY_BYTES_MAX, TOKEN_BODY_BYTES_MAX};
use bonafide_wire::{Answer, Outcome, Reply, Request, Surface, Unserved, path};
use http::header::AUTHORIZATION;
use http::{Method, StatusCode};
use std::borrow::Cow;
use std::sync::Arc;

/// Answers everything public.
pub(crate) struct PublicOrigin {
    pub(crate) plane: Arc<ControlPlane>,
    /// For what touches the store: however slow that is, tokens are not.
    pub(crate) store_pool: Arc<Pool>,
}

impl Service for PublicOrigin {
    fn name(&self) -> &'static str {
        "public"
    }

    fn admit(&self, peer: &PeerFacts, _certificate: Option<&[u8]>) -> Admission {
        Admission::anybody(peer)
    }

    async fn may_send_much(&self, head: &Request) -> bool {
        let authorization = head.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        run_in_place(|| self.plane.knows_caller(authorization, clock::world())).unwrap_or(false)
    }

    fn body_bytes_max(&self, _method: &Method, path: &str) -> usize {
        match surfaces::of_path(path) {
            Served::Management => MANAGEMENT_BODY_BYTES_MAX,
            Served::Login | Served::Graph | Served::Healthy | Served::Ready | Served::Missing(_) => {
                TOKEN_BODY_BYTES_MAX
            }
        }
    }

    fn read_path<'r>(&self, raw: &'r str) -> Cow<'r, str> {
        path::decoded_or_as_sent(raw)
    }

    async fn answer(&self, request: Request, _at: Timestamp) -> Answer {
        match surfaces::of(&request) {
            Served::Healthy | Served::Ready if request.method != Method::GET => {
                Reply::empty(StatusCode::METHOD_NOT_ALLOWED).with("allow", "GET").into()
            }
            Served::Healthy => Reply::json(StatusCode::OK, &serde_json::json!({ "status": "ok" })).into(),
            Served::Ready => self.readiness().await.into(),
            Served::Management => {
                let request = Arc::new(request);
                let (plane, asked) = (Arc::clone(&self.plane), Arc::clone(&request));
                let job = move || plane.manage(&asked, clock::world());
                match self.store_pool.run(job).await {
                    Ok(reply) => reply.into(),
                    Err(error) => self.refusal(&request, (&error).into()).because(&error),
                }
            }
            Served::Graph => {
                let request = Arc::new(request);
                let (plane, asked) = (Arc::clone(&self.plane), Arc::clone(&request));
                let job = move || plane.graph(clock::world(), |graph| graph.handle(&asked));
                match self.store_pool.run(job).await {
                    Ok(Outcome::Answer(answer)) => answer,
                    Ok(Outcome::Need(never)) => match never {},
                    Err(error) => self.refusal(&request, (&error).into()).because(&error),
                }
            }
            Served::Login => login(&self.plane, &self.store_pool, request).await,
            Served::Missing(missing) => missing.reply(&request).into(),
        }
    }

    fn refusal(&self, head: &Request, why: Unserved) -> Answer {
        match surfaces::of(head) {
            Served::Healthy | Served::Ready => Reply::empty(why.status()).into(),
            Served::Management => self.plane.refuse_manage(head, why, clock::world()).into(),
            Served::Graph => self.plane.graph(clock::world(), |graph| graph.refuse(head, why)),
            Served::Login => self.plane.login(clock::world(), true, |login| login.refuse(head, why)),
            Served::Missing(missing) => missing.refusal(why).into(),
        }
    }
}

impl PublicOrigin {
    /// `/readyz`: the process issues tokens; the body says what else does its work.
    async fn readiness(&self) -> Reply {
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
pub(crate) async fn login(plane: &Arc<ControlPlane>, store_pool: &Pool, request: Request) -> Answer {
    let ask = |confirmed| run_in_place(|| plane.login(clock::world(), confirmed, |login| login.handle(&request)));
    let refused = |why: Unserved| plane.login(clock::world(), true, |login| login.refuse(&request, why));
    let first = ask(false);
    if request.method == Method::POST {
        // Signatures are made and checked in place: a connection with many requests in its pipeline lets
        // those go first that have waited meanwhile.
        tokio::task::yield_now().await;
    }
    match first {
        Ok(Outcome::Answer(answer)) => return answer,
        Ok(Outcome::Need(Confirm)) => plane.confirm(store_pool).await,
        Err(error) => return refused((&error).into()).because(&error),
    }
    match ask(true) {
        Ok(Outcome::Answer(answer)) => answer,
        Ok(Outcome::Need(Confirm)) => refused(Unserved::Failed).because(&"login asked twice for a confirmation"),
        Err(error) => refused((&error).into()).because(&error),
    }
}
