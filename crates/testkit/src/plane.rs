//! The control plane in memory: the surfaces on one store, as the shell wires them.

use crate::entropy::RepeatableEntropy;
use crate::keys;
use crate::now::NOW;
use bonafide_core::tokens::{AcceptedAudiences, Names};
use bonafide_core::view::{View, Views};
use bonafide_crypto::ca::HostCa;
use bonafide_crypto::secret_hash::Pepper;
use bonafide_store::{MemoryEngine, Store, StoreError, Tx};
use bonafide_types::{Secret, Timestamp, World};
use bonafide_wire::{Outcome, Reply, Request, Surface};
use http::StatusCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The public origin.
pub const ORIGIN: &str = "https://localhost:8443";
/// The file that answers of 500 name.
pub(crate) const LOG_FILE: &str = "/var/lib/bonafide/log/bonafide.log";
/// What stock clients ask tokens for when they mean Resource Manager.
pub const MANAGEMENT: &str = "https://management.azure.com/";

/// The resource that stock clients ask tokens for when they mean Microsoft Graph.
pub const GRAPH: &str = "https://graph.microsoft.com";

/// How long the authority of the hosts' certificates lasts, in seconds.
const AUTHORITY_SECONDS: u64 = 10 * 365 * 86_400;

/// The control plane and the world it lives in. Its view has always caught up with its store.
pub struct Plane {
    /// The store, for what no surface shows.
    pub store: Store,
    pub(crate) login: bonafide_login::Service,
    views: Views,
    host_ca: HostCa,
    management: bonafide_management::Config,
    audiences: AcceptedAudiences,
    graph_audiences: AcceptedAudiences,
    entropy: RepeatableEntropy,
    now_micros: AtomicU64,
    login_requests: AtomicU64,
}

impl Plane {
    /// An empty control plane.
    pub(crate) fn new() -> Self {
        let store = Store::open(MemoryEngine::new());
        let names = Names::new(ORIGIN).unwrap();
        let pepper = Pepper::new(&Secret::new([9; Pepper::BYTES]));
        Self {
            views: Views::load(&store, keys::kek()).unwrap(),
            store,
            login: bonafide_login::Service {
                log_file: Some(LOG_FILE.to_owned()),
                ..bonafide_login::Service::new(names.authority, names.audiences, pepper)
            },
            host_ca: HostCa::create(NOW.unix_seconds(), AUTHORITY_SECONDS).unwrap(),
            management: bonafide_management::Config {
                log_file: Some(LOG_FILE.to_owned()),
                ..bonafide_management::Config::at(ORIGIN)
            },
            audiences: names.accepted,
            graph_audiences: names.graph,
            entropy: RepeatableEntropy::default(),
            now_micros: AtomicU64::new(NOW.unix_micros()),
            login_requests: AtomicU64::new(0),
        }
    }

    /// Time and chance.
    pub fn world(&self) -> World<'_> {
        World { now: Timestamp::from_unix_micros(self.now_micros.load(Ordering::Relaxed)), entropy: &self.entropy }
    }

    /// Lets time pass.
    pub fn advance(&self, seconds: u64) {
        self.now_micros.fetch_add(seconds * 1_000_000, Ordering::Relaxed);
    }

    /// Answers a request to the token service, on either listener: the peer says which.
    pub fn login(&self, request: &Request) -> Reply {
        self.login_requests.fetch_add(1, Ordering::Relaxed);
        let ask = |confirmed| {
            let view = self.view();
            let cx = bonafide_login::Cx { view: &view, service: &self.login, world: self.world(), confirmed };
            cx.handle(request)
        };
        match ask(false) {
            Outcome::Answer(answer) => answer.reply,
            Outcome::Need(bonafide_login::Confirm) => match ask(true) {
                Outcome::Answer(answer) => answer.reply,
                Outcome::Need(_) => panic!("login asks twice for {} {}", request.method, request.path),
            },
        }
    }

    /// How many requests the token service has had.
    pub fn login_requests(&self) -> u64 {
        self.login_requests.load(Ordering::Relaxed)
    }

    /// Answers a request to the resource manager.
    pub fn management(&self, request: &Request) -> Reply {
        let view = self.view();
        let cx = bonafide_management::Cx {
            config: &self.management,
            authority: &self.login.authority,
            audiences: &self.audiences,
            view: &view,
            view_age_seconds: 0,
            store: &self.store,
            world: self.world(),
        };
        match cx.handle(request) {
            Outcome::Answer(answer) => answer.reply,
            Outcome::Need(never) => match never {},
        }
    }

    /// Answers a request to the directory.
    pub fn graph(&self, request: &Request) -> Reply {
        let view = self.view();
        let cx = bonafide_graph::Cx {
            endpoint: ORIGIN,
            authority: &self.login.authority,
            audiences: &self.graph_audiences,
            view: &view,
            view_age_seconds: 0,
            store: &self.store,
            log_file: Some(LOG_FILE),
            world: self.world(),
        };
        match cx.handle(request) {
            Outcome::Answer(answer) => answer.reply,
            Outcome::Need(never) => match never {},
        }
    }

    /// Answers a request to the hosts listener. A wait for changes is over at once: nothing happens
    /// meanwhile.
    pub fn hosts(&self, request: &Request) -> Reply {
        if bonafide_wire::path::first_segment(&request.path) != "hosts" {
            return self.login(request);
        }
        let ask = |waited| {
            let view = self.view();
            let cx = bonafide_hosts::Cx {
                store: &self.store,
                view: &view,
                ca: &self.host_ca,
                authority: self.login.authority.origin(),
                world: self.world(),
                waited,
            };
            cx.handle(request)
        };
        match ask(false) {
            Outcome::Answer(answer) => answer.reply,
            Outcome::Need(_) => match ask(true) {
                Outcome::Answer(answer) => answer.reply,
                Outcome::Need(_) => Reply::empty(StatusCode::SERVICE_UNAVAILABLE),
            },
        }
    }

    /// Changes the store directly, where there is no surface for it.
    pub fn change<T>(&self, body: impl FnMut(&mut Tx<'_>) -> Result<T, StoreError>) -> T {
        self.store.write(body).unwrap()
    }

    /// The directory as the token path sees it.
    pub fn view(&self) -> Arc<View> {
        self.views.catch_up(&self.store).unwrap();
        self.views.snapshot()
    }
}
