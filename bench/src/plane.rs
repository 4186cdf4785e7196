//! The control plane of a data directory that `up` has made, opened in this process: the surfaces as
//! the plain functions that they are.

use crate::Failure;
use crate::cloud::RESOURCE;
use bonafide_core::keys::{DEPLOYMENT_SECRETS, open_deployment_secret};
use bonafide_core::tokens::{AcceptedAudiences, Authenticated, Method as SignIn, Names, issue, resolve};
use bonafide_core::view::Views;
use bonafide_crypto::secret_hash::Pepper;
use bonafide_crypto::{Kek, SystemEntropy};
use bonafide_store::{Read, Store, StoreError};
use bonafide_store_sqlite::SqliteEngine;
use bonafide_types::{Audience, ClientId, Secret, SubscriptionId, TenantId, Timestamp, World};
use bonafide_wire::{Answer, Outcome, Peer, Reply, Request, Surface};
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method};
use serde_json::Value;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// An open control plane.
pub(crate) struct Plane {
    pub(crate) store: Store,
    pub(crate) views: Views,
    pub(crate) login: bonafide_login::Service,
    config: bonafide_management::Config,
    accepted: AcceptedAudiences,
    pub(crate) tenant: TenantId,
    pub(crate) subscription: SubscriptionId,
    pub(crate) operator: ClientId,
    pub(crate) info: Value,
}

/// The moment, and the system's chance.
pub(crate) fn world() -> World<'static> {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let micros = u64::try_from(since_epoch.as_micros()).unwrap_or_default();
    World { now: Timestamp::from_unix_micros(micros), entropy: &SystemEntropy }
}

/// The key-encryption key of a data directory.
pub(crate) fn kek(data: &Path) -> Result<Kek, Failure> {
    Ok(Kek::load_file(&data.join("key"))?)
}

/// The engine of a data directory.
pub(crate) fn engine(data: &Path) -> Result<SqliteEngine, Failure> {
    Ok(SqliteEngine::open(&data.join("store"))?)
}

impl Plane {
    pub(crate) fn open(data: &Path) -> Result<Self, Failure> {
        Self::open_on(Store::open(engine(data)?), data)
    }

    /// The same on an engine of the caller's.
    pub(crate) fn open_on(store: Store, data: &Path) -> Result<Self, Failure> {
        let info: Value = serde_json::from_slice(&std::fs::read(data.join("info.json"))?)?;
        let text = |pointer: &str| info.pointer(pointer).and_then(Value::as_str).ok_or("info.json says too little");
        let url = text("/endpoints/management")?.to_owned();
        let kek = kek(data)?;
        let sealed = store
            .read(|tx| tx.get(&DEPLOYMENT_SECRETS, &"secret-pepper".to_owned()))
            .map_err(|error: StoreError| error)?
            .ok_or("no pepper")?;
        let pepper = open_deployment_secret(&kek, "secret-pepper", &sealed)?;
        let pepper: [u8; Pepper::BYTES] = pepper.expose().as_slice().try_into()?;
        let names = Names::new(&url)?;
        let login = bonafide_login::Service::new(names.authority, names.audiences, Pepper::new(&Secret::new(pepper)));
        let (config, accepted) = (bonafide_management::Config::at(&url), names.accepted);
        let (tenant, subscription) = (text("/tenantId")?.parse()?, text("/subscriptionId")?.parse()?);
        let operator = text("/operator/clientId")?.parse()?;
        let views = Views::load(&store, kek)?;
        Ok(Self { store, views, login, config, accepted, tenant, subscription, operator, info })
    }

    /// `Authorization` of the operator at the resource manager.
    pub(crate) fn authorization(&self) -> Result<HeaderValue, Failure> {
        let view = self.views.snapshot();
        let resource = resolve(&view, &self.login.audiences, self.tenant, &Audience::parse(RESOURCE)?);
        let resource = resource.ok_or("the resource manager is no resource")?;
        let found = view.principal_by_client(self.tenant, self.operator).ok_or("no operator")?;
        let client =
            Authenticated { object_id: found.0, principal: found.1, method: SignIn::Certificate, workload: None };
        let issued = issue(&view, &self.login.authority, &world(), &client, &resource, &[])?;
        Ok(HeaderValue::from_str(&format!("Bearer {}", issued.token))?)
    }

    /// Answers a request to the resource manager.
    pub(crate) fn manage(&self, request: &Request) -> Reply {
        let view = self.views.current();
        let cx = bonafide_management::Cx {
            config: &self.config,
            authority: &self.login.authority,
            audiences: &self.accepted,
            view: &view,
            view_age_seconds: 0,
            store: &self.store,
            world: world(),
        };
        match cx.handle(request) {
            Outcome::Answer(answer) => answer.reply,
            Outcome::Need(never) => match never {},
        }
    }

    /// Answers a request to the token service; an error when there is no token.
    pub(crate) fn sign_in(&self, request: &Request) -> Result<Reply, Failure> {
        let view = self.views.current();
        let cx = bonafide_login::Cx { view: &view, service: &self.login, world: world(), confirmed: true };
        match cx.handle(request) {
            Outcome::Answer(Answer { reply, .. }) if reply.status.is_success() => Ok(reply),
            Outcome::Answer(Answer { reply, .. }) => {
                Err(format!("no token: {}", String::from_utf8_lossy(&reply.body)).into())
            }
            Outcome::Need(_) => Err("no token".into()),
        }
    }

    /// The token endpoint's path, and the audience of assertions to it.
    pub(crate) fn token_endpoint(&self) -> (String, String) {
        let path = format!("/{}/oauth2/token", self.tenant);
        let audience = format!("{}{path}", self.login.authority.origin());
        (path, audience)
    }
}

/// A token request as the shell hands it over.
pub(crate) fn token_request(path: &str, form: String, peer: Peer) -> Request {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
    Request { method: Method::POST, path: path.to_owned(), query: String::new(), headers, body: form.into(), peer }
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
    Request { method, path, query: format!("api-version={version}"), headers, body: body.into(), peer: anybody() }
}

/// A caller that shows nothing.
pub(crate) fn anybody() -> Peer {
    Peer::Anonymous(SocketAddr::from(([127, 0, 0, 1], 1)))
}
