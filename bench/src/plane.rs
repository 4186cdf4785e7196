//! The control plane of a data directory that `up` has made, opened in this process: the surfaces as
//! the plain functions that they are.

use crate::Failure;
use bonafide_core::names::PUBLIC_MANAGEMENT;
use bonafide_core::tokens::{Authenticated, Method as SignIn, issue, resolve};
use bonafide_crypto::{Kek, SystemEntropy};
use bonafide_files::Root;
use bonafide_plane::{
    At, Description, Entry, Need, On, Parts, PlaneFiles, Round, of, open_host_ca, open_pepper, open_server_ca, unlock,
};
use bonafide_store::Locked;
use bonafide_store::engine::Engine;
use bonafide_store_sqlite::SqliteEngine;
use bonafide_types::{Audience, ObjectId, Timestamp, World};
use bonafide_wire::{Answer, Outcome, Peer, Reply, Request};
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method};
use std::ops::Deref;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// An open control plane.
pub(crate) struct Plane {
    parts: Parts,
    /// The description that `up` wrote.
    pub(crate) info: Description,
}

impl Deref for Plane {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.parts
    }
}

/// The moment, and the system's chance.
pub(crate) fn world() -> World<'static> {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let micros = u64::try_from(since_epoch.as_micros()).unwrap_or_default();
    World { now: Timestamp::from_unix_micros(micros), entropy: &SystemEntropy }
}

/// The key-encryption key of a data directory.
pub(crate) fn kek(data: &Path) -> Result<Kek, Failure> {
    Ok(files(data)?.key(false)?)
}

/// The engine of a data directory.
pub(crate) fn engine(data: &Path) -> Result<SqliteEngine, Failure> {
    let files = files(data)?;
    Ok(SqliteEngine::open_marked(&files.store(), &files.mark())?)
}

fn files(data: &Path) -> Result<PlaneFiles, Failure> {
    Ok(PlaneFiles::at(&Root::at(data)?))
}

impl Plane {
    pub(crate) fn open(data: &Path) -> Result<Self, Failure> {
        Self::open_on(engine(data)?, data)
    }

    /// The same on an engine of the caller's.
    pub(crate) fn open_on(engine: impl Engine, data: &Path) -> Result<Self, Failure> {
        let (info, kek) = (Description::read(&files(data)?)?, kek(data)?);
        let store = unlock(Locked::open_marked(engine, &files(data)?.mark())?, &kek)?;
        let secrets = (open_pepper(&store, &kek)?, open_host_ca(&store, &kek)?, open_server_ca(&store, &kek)?);
        let parts = Parts::new(store, kek, secrets, &info.endpoints.management, None)?;
        Ok(Self { parts, info })
    }

    /// `Authorization` of the operator at the resource manager.
    pub(crate) fn authorization(&self) -> Result<HeaderValue, Failure> {
        let view = self.views.snapshot();
        let resource = resolve(&view, &self.login.audiences, self.info.tenant_id, &Audience::parse(PUBLIC_MANAGEMENT)?);
        let resource = resource.ok_or("the resource manager is no resource")?;
        let found = view.principal_by_client(self.info.tenant_id, self.info.operator.client_id).ok_or("no operator")?;
        let client =
            Authenticated { object_id: found.0, principal: found.1, method: SignIn::Certificate, workload: None };
        let issued = issue(&view, &self.login.authority, &world(), &client, &resource, &[])?;
        Ok(HeaderValue::from_str(&format!("Bearer {}", issued.token))?)
    }

    /// The service principal of the operator.
    pub(crate) fn operator(&self) -> Option<ObjectId> {
        let view = self.views.current();
        view.principal_by_client(self.info.tenant_id, self.info.operator.client_id).map(|(id, _)| id)
    }

    /// Answers a request on the public origin.
    pub(crate) fn manage(&self, request: &Request) -> Reply {
        match self.ask(of(On::Public, request), request) {
            Outcome::Answer(answer) => answer.reply,
            Outcome::Need(_) => Reply::empty(http::StatusCode::SERVICE_UNAVAILABLE),
        }
    }

    /// Answers a request to the token service; an error when there is no token.
    pub(crate) fn sign_in(&self, request: &Request) -> Result<Reply, Failure> {
        match self.ask(of(On::Hosts, request), request) {
            Outcome::Answer(Answer { reply, .. }) if reply.status.is_success() => Ok(reply),
            Outcome::Answer(Answer { reply, .. }) => {
                Err(format!("no token: {}", String::from_utf8_lossy(&reply.body)).into())
            }
            Outcome::Need(_) => Err("no token".into()),
        }
    }

    fn ask(&self, surface: &Entry, request: &Request) -> Outcome<Need> {
        let view = self.views.current();
        let round = Round { is_over: true, can_read_store: true };
        surface.handle(At { parts: &self.parts, view: &view, world: world(), round }, request)
    }

    /// The token endpoint's path, and the audience of assertions to it.
    pub(crate) fn token_endpoint(&self) -> (String, String) {
        let path = format!("/{}/oauth2/token", self.info.tenant_id);
        let audience = format!("{}{path}", self.login.authority.origin());
        (path, audience)
    }
}

/// A token request as the shell hands it over.
pub(crate) fn token_request(path: &str, form: String, peer: Peer) -> Request {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
    let (path, query) = (path.to_owned(), String::new());
    Request { method: Method::POST, path, query, version: http::Version::HTTP_11, headers, body: form.into(), peer }
}

/// A management request as the shell hands it over.
pub(crate) fn management_request(
    method: Method,
    authorization: &HeaderValue,
    path: String,
    version: &str,
    body: impl Into<Bytes>,
) -> Request {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(AUTHORIZATION, authorization.clone());
    let query = format!("api-version={version}");
    Request { method, path, query, version: http::Version::HTTP_11, headers, body: body.into(), peer: anybody() }
}

/// A caller that shows nothing.
pub(crate) fn anybody() -> Peer {
    Peer::Anonymous(([127, 0, 0, 1], 1).into())
}
