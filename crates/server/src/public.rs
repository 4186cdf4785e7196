//! The public origin: one address for every surface; their paths do not collide.

use crate::clock;
use crate::control_plane::ControlPlane;
use crate::event::Event;
use crate::http::{Admission, Answered, Note, Service};
use crate::pool::{Pool, run_in_place};
use crate::surfaces::{self, Surface};
use bonafide_crypto::SignError;
use bonafide_login::{Answer, Confirm, Failure, Record};
use bonafide_types::Timestamp;
use bonafide_types::limits::{MANAGEMENT_BODY_BYTES_MAX, TOKEN_BODY_BYTES_MAX, VIEW_AGE_SECONDS_MAX};
use bonafide_wire::{Outcome, Reply, Request, Unserved};
use http::header::AUTHORIZATION;
use http::{Method, StatusCode};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;

/// How long readiness waits for the store. Source: ours; probes wait a second or more.
const STORE_PATIENCE: Duration = Duration::from_millis(900);

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

    fn admit(&self, address: SocketAddr, _stream: &TcpStream, _certificate: Option<&[u8]>) -> Admission {
        Admission::anybody(address)
    }

    async fn may_send_much(&self, head: &Request) -> bool {
        let authorization = head.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        run_in_place(|| self.plane.knows_caller(authorization, clock::world())).unwrap_or(false)
    }

    fn body_bytes_max(&self, _method: &Method, path: &str) -> usize {
        match surfaces::of_path(path) {
            Surface::Management => MANAGEMENT_BODY_BYTES_MAX,
            Surface::Login | Surface::Healthy | Surface::Ready | Surface::Missing(_) => TOKEN_BODY_BYTES_MAX,
        }
    }

    async fn answer(&self, request: Request, _at: Timestamp) -> Answered {
        match surfaces::of(&request) {
            Surface::Healthy | Surface::Ready if request.method != Method::GET => {
                Reply::empty(StatusCode::METHOD_NOT_ALLOWED).with("allow", "GET").into()
            }
            Surface::Healthy => Reply::json(StatusCode::OK, &serde_json::json!({ "status": "ok" })).into(),
            Surface::Ready => self.readiness().await.into(),
            Surface::Management => {
                let request = Arc::new(request);
                let (plane, asked) = (Arc::clone(&self.plane), Arc::clone(&request));
                let job = move || plane.manage(&asked, clock::world());
                match self.store_pool.run(job).await {
                    Ok(reply) => reply.into(),
                    Err(error) => self.refusal(&request, error.into()),
                }
            }
            Surface::Login => login(&self.plane, &self.store_pool, request).await,
            Surface::Missing(missing) => missing.reply(&request).into(),
        }
    }

    fn refusal(&self, head: &Request, why: Unserved) -> Answered {
        match surfaces::of(head) {
            Surface::Healthy | Surface::Ready => Reply::empty(why.status()).into(),
            Surface::Management => self.plane.refuse_manage(head, why, clock::world()).into(),
            Surface::Login => self.plane.refuse_sign_in(head, why, clock::world()),
            Surface::Missing(missing) => missing.refusal(head, why).into(),
        }
    }
}

impl PublicOrigin {
    /// `/readyz`: the process issues tokens; the body says what else does its work. A store that is down is down for every replica: one that said for that reason that it is
    /// not ready would be taken out with all others, and the tokens with them.
    async fn readiness(&self) -> Reply {
        let plane = Arc::clone(&self.plane);
        let asked = self.store_pool.run(move || plane.store.head().is_ok());
        let store = matches!(tokio::time::timeout(STORE_PATIENCE, asked).await, Ok(Ok(true)));
        let tokens = self.plane.views.current().can_sign(clock::now());
        let view = self.plane.followed.age().as_secs() <= VIEW_AGE_SECONDS_MAX;
        let word = |good: bool, bad: &'static str| if good { "ok" } else { bad };
        let body = serde_json::json!({
            "status": if tokens { word(store && view, "degraded") } else { "unavailable" },
            "tokens": word(tokens, "no signing key"),
            "view": word(view, "too old"),
            "store": word(store, "unavailable"),
        });
        Reply::json(if tokens { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, &body)
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
        Err(error) => return refused(error.into()),
    }
    match ask(true) {
        Ok(Answer { outcome: Outcome::Reply(reply), record }) => answered(plane, reply, record),
        Ok(Answer { outcome: Outcome::Need(Confirm), .. }) => refused(Unserved::Failed),
        Err(error) => refused(error.into()),
    }
}

fn answered(plane: &ControlPlane, reply: Reply, record: Record) -> Answered {
    let (tenant, client) = (record.tenant, record.client);
    match record.failure {
        Some(why @ Failure::Sign(SignError::SelfCheck)) => {
            plane.log.event(&Event::SignatureCheckFailed { tenant, client }, &why);
        }
        Some(why) => plane.log.event(&Event::TokenNotIssued { tenant, client }, &why),
        None => {}
    }
    Answered { reply, note: Note::SignIn(Box::new(record)) }
}
