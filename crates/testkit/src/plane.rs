//! The control plane in memory: the surfaces on one store, as the shell wires them.

use crate::entropy::RepeatableEntropy;
use crate::keys;
use crate::now::NOW;
use crate::report::report_without_secrets;
use bonafide_core::names::PUBLIC_MANAGEMENT;
use bonafide_core::view::View;
use bonafide_crypto::ca::{HostCa, ServerCa, ServerCaSpec};
use bonafide_crypto::secret_hash::Pepper;
use bonafide_management::operations;
use bonafide_plane::{At, Entry, Need, On, Parts, Round, named, of};
use bonafide_store::{Store, StoreError, Tx};
use bonafide_types::{Secret, Timestamp, World};
use bonafide_wire::{Outcome, Reply, Request};
use http::StatusCode;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The public origin.
pub const ORIGIN: &str = "https://localhost:8443";
/// The file that answers of 500 name.
pub(crate) const LOG_FILE: &str = "/var/lib/bonafide/log/bonafide.log";
/// The audience by which stock clients mean Resource Manager.
pub const MANAGEMENT: &str = PUBLIC_MANAGEMENT;

/// The resource that stock clients ask tokens for when they mean Microsoft Graph.
pub const GRAPH: &str = "https://graph.microsoft.com";

/// Lifetime of the authority of the hosts' certificates, in seconds.
const AUTHORITY_SECONDS: u64 = 10 * 365 * 86_400;

/// The control plane and the world it lives in. Its view has always caught up with its store.
pub struct Plane {
    parts: Parts,
    entropy: RepeatableEntropy,
    now_micros: AtomicU64,
    login_requests: AtomicU64,
}

impl Deref for Plane {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.parts
    }
}

impl Plane {
    /// An empty control plane.
    pub(crate) fn new() -> Self {
        report_without_secrets();
        let pepper = Pepper::new(&Secret::new([9; Pepper::BYTES]));
        let host_ca = HostCa::create(NOW.unix_seconds(), AUTHORITY_SECONDS).unwrap();
        let spec = ServerCaSpec {
            common_name: "bonafide",
            permitted_dns: &["localhost"],
            permitted_ip: &[],
            lifetime_seconds: AUTHORITY_SECONDS,
        };
        let server_ca = ServerCa::create(&spec, NOW.unix_seconds()).unwrap();
        let store = Store::in_memory();
        Self {
            parts: Parts::new(store, keys::kek(), (pepper, host_ca, server_ca), ORIGIN, Some(LOG_FILE.to_owned()))
                .unwrap(),
            entropy: RepeatableEntropy::default(),
            now_micros: AtomicU64::new(NOW.unix_micros()),
            login_requests: AtomicU64::new(0),
        }
    }

    /// Lets clients ask the token service for as much as they like.
    pub(crate) fn lift_shares(&mut self) {
        self.parts.login.shares = None;
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
        self.ask(named("login").unwrap(), request)
    }

    /// Answers a request to the public listener, whatever surface it is for.
    pub fn public(&self, request: &Request) -> Reply {
        self.ask(of(On::Public, request), request)
    }

    /// The number of requests that the token service has had.
    pub fn login_requests(&self) -> u64 {
        self.login_requests.load(Ordering::Relaxed)
    }

    /// Answers a request to the resource manager.
    pub fn management(&self, request: &Request) -> Reply {
        self.ask(named("management").unwrap(), request)
    }

    /// Answers a request to the directory.
    pub fn graph(&self, request: &Request) -> Reply {
        self.ask(named("graph").unwrap(), request)
    }

    /// Answers a request to the hosts listener. A wait for changes is over at once: nothing happens
    /// meanwhile.
    pub fn hosts(&self, request: &Request) -> Reply {
        self.ask(of(On::Hosts, request), request)
    }

    /// Asks a surface, and once more if it needs something: here it is always there.
    fn ask(&self, surface: &Entry, request: &Request) -> Reply {
        if surface.name == "login" {
            self.login_requests.fetch_add(1, Ordering::Relaxed);
        }
        let ask = |round| {
            let view = self.view();
            surface.handle(At { parts: &self.parts, view: &view, world: self.world(), round }, request)
        };
        match ask(Round::default()) {
            Outcome::Answer(answer) => answer.reply,
            Outcome::Need(_) => match ask(Round { is_over: true, can_read_store: true }) {
                Outcome::Answer(answer) => answer.reply,
                Outcome::Need(Need::Wait(_)) => Reply::empty(StatusCode::SERVICE_UNAVAILABLE),
                Outcome::Need(_) => panic!("{} asks twice for {} {}", surface.name, request.method, request.path),
            },
        }
    }

    /// Goes on with every long operation, as the shell does now and then.
    pub fn upkeep(&self) {
        let view = self.view();
        let at = At { parts: &self.parts, view: &view, world: self.world(), round: Round::default() };
        operations::advance_all(&at.management()).unwrap();
    }

    /// Changes the store directly, where there is no surface for it.
    pub fn change<T>(&self, body: impl FnMut(&mut Tx<'_>) -> Result<T, StoreError>) -> T {
        self.store.write(body).unwrap()
    }

    /// The directory as the token path sees it.
    pub fn view(&self) -> Arc<View> {
        self.parts.catch_up().unwrap();
        self.views.snapshot()
    }
}
