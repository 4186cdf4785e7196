//! The one table of surfaces: which surface a request belongs to, on which listeners, and how it is answered. Listeners,
//! testkit and benchmarks read it. A new surface is its crate, and one entry here.

mod absent;
mod health;
mod paths;
mod published;

pub use health::Readiness;

use crate::parts::Parts;
use absent::{Absent, vault};
use bonafide_core::view::View;
use bonafide_types::World;
use bonafide_types::limits::TOKEN_BODY_BYTES_MAX;
use bonafide_wire::{Answer, Lane, Needs, Outcome, Request, Route, Surface, Unserved, served};
use health::{Health, is_health};
use paths::{is_graph, is_hosts, is_management};
use published::{Published, is_published};
use std::collections::HashSet;
use std::convert::Infallible;
use std::sync::LazyLock;

/// The listeners of a control plane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum On {
    /// The public origin, HTTPS.
    Public,
    /// The hosts listener, mTLS.
    Hosts,
}

/// The name of the surface at which hosts ask for what is theirs.
pub(crate) const HOSTS: &str = "hosts";

/// An entry: name, listeners, the test whether a request is the surface's, and the method of [`At`] that makes its
/// context.
macro_rules! entry {
    ($name:expr, $on:expr, $owns:expr, $context:ident) => {
        Entry {
            name: $name,
            on: &$on,
            owns: $owns,
            routes: LazyLock::new(|| Routes::of(routes_of(At::$context))),
            takes_body: |at, head| at.$context().takes_body(head),
            admit: |at, request| at.$context().admit(request),
            handle: |at, request| at.$context().handle(request).map_need(Need::from),
            refuse: |at, head, why| at.$context().refuse(head, why),
        }
    };
}

/// The surfaces, in the order in which they are asked whether a request is theirs.
static SURFACES: [Entry; 7] = [
    entry!("vault", [On::Public], |head| vault(head).is_some(), vault),
    entry!("health", [On::Public], is_health, health),
    entry!("management", [On::Public], is_management, management),
    entry!("graph", [On::Public], is_graph, graph),
    entry!("published", [On::Public], is_published, published),
    entry!(HOSTS, [On::Hosts], is_hosts, hosts),
    entry!("login", [On::Public, On::Hosts], |_| true, login),
];

/// One surface of the table.
pub struct Entry {
    /// Its name.
    pub name: &'static str,
    on: &'static [On],
    owns: fn(&Request) -> bool,
    routes: LazyLock<Routes>,
    takes_body: fn(At<'_>, &Request) -> bool,
    admit: fn(At<'_>, &Request) -> Result<Lane, Box<Answer>>,
    handle: fn(At<'_>, &Request) -> Outcome<Need>,
    refuse: fn(At<'_>, &Request, Unserved) -> Answer,
}

/// The routes of a surface, and the sums of them that each request asks for: there are hundreds.
struct Routes {
    all: Vec<&'static Route>,
    of_view: Vec<&'static Route>,
    /// The largest body that any takes, in bytes.
    body_bytes_max: usize,
    /// True where all take as much.
    is_one_size: bool,
}

impl Routes {
    fn of(all: Vec<&'static Route>) -> Self {
        let of_view = all.iter().copied().filter(|route| route.needs == Needs::View).collect();
        let body_bytes_max = all.iter().map(|route| route.body_bytes_max).max().unwrap_or(TOKEN_BODY_BYTES_MAX);
        let is_one_size = all.iter().all(|route| route.body_bytes_max == body_bytes_max);
        Self { all, of_view, body_bytes_max, is_one_size }
    }
}

/// The surface of a request on a listener. Login is the surface of every path that no other has.
pub fn of(on: On, head: &Request) -> &'static Entry {
    let found = SURFACES.iter().find(|entry| entry.on.contains(&on) && (entry.owns)(head));
    found.unwrap_or(&SURFACES[SURFACES.len() - 1])
}

/// True of a literal segment of any route's path.
pub(crate) fn is_word(segment: &str) -> bool {
    static WORDS: LazyLock<HashSet<String>> = LazyLock::new(|| {
        let routes = SURFACES.iter().flat_map(|entry| &entry.routes.all);
        let segments = routes.flat_map(|route| route.path.split('/'));
        segments.filter(|segment| !segment.contains('{')).map(str::to_ascii_lowercase).collect()
    });
    WORDS.contains(&segment.to_ascii_lowercase())
}

/// The surface of this name.
pub fn named(name: &str) -> Option<&'static Entry> {
    SURFACES.iter().find(|entry| entry.name == name)
}

impl Entry {
    /// Tells whether the head of a request is enough to read its body. It may touch the store.
    pub(crate) fn takes_body(&self, at: At<'_>, head: &Request) -> bool {
        (self.takes_body)(at, head)
    }

    /// Decides without the store what can be decided so of a request that touches it ([`Surface::admit`]).
    pub fn admit(&self, at: At<'_>, request: &Request) -> Result<Lane, Box<Answer>> {
        (self.admit)(at, request)
    }

    /// Answers a request, or says what it needs first.
    pub fn handle(&self, at: At<'_>, request: &Request) -> Outcome<Need> {
        (self.handle)(at, request)
    }

    /// Answers a request that the shell does not serve, in the words of the surface.
    pub fn refuse(&self, at: At<'_>, head: &Request, why: Unserved) -> Answer {
        (self.refuse)(at, head, why)
    }

    /// The source that a request is answered from. A request that no route has is refused without the store where no other touches it;
    /// elsewhere it may have to be looked up first.
    pub(crate) fn needs(&self, head: &Request) -> Needs {
        let Routes { all, of_view, .. } = &*self.routes;
        // The routes of the view are few. To match all would take longer than many an answer.
        if all.len() == of_view.len() || served(of_view, head).is_some() { Needs::View } else { Needs::Store }
    }

    /// The largest body of a request, in bytes: that of its route, or the largest of any where it has none.
    pub(crate) fn body_bytes_max(&self, head: &Request) -> usize {
        let Routes { all, body_bytes_max, is_one_size, .. } = &*self.routes;
        if *is_one_size {
            return *body_bytes_max;
        }
        served(all, head).map_or(*body_bytes_max, |route| route.body_bytes_max)
    }
}

/// Things that surfaces need from the shell before they can answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// The view as it is in the store now.
    Confirm,
    /// A change of the view.
    Wait(bonafide_hosts::Wait),
    /// To know whether the store can be read.
    Store,
}

impl From<bonafide_login::Confirm> for Need {
    fn from(_: bonafide_login::Confirm) -> Self {
        Self::Confirm
    }
}

impl From<bonafide_hosts::Wait> for Need {
    fn from(wait: bonafide_hosts::Wait) -> Self {
        Self::Wait(wait)
    }
}

impl From<Infallible> for Need {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

/// The context that one request is answered from.
#[derive(Clone, Copy)]
pub struct At<'a> {
    /// The control plane.
    pub parts: &'a Parts,
    /// Its view at the moment.
    pub view: &'a View,
    /// Time and chance.
    pub world: World<'a>,
    /// The state of a [`Need`] that was asked for before.
    pub round: Round,
}

/// The state of a need: nothing was asked for yet, or it was fetched.
#[derive(Debug, Clone, Copy, Default)]
pub struct Round {
    /// It is there, or cannot be had, or its time is over: the answer stands.
    pub is_over: bool,
    /// The store can be read, when that was asked.
    pub can_read_store: bool,
}

impl<'a> At<'a> {
    fn login(self) -> bonafide_login::Cx<'a> {
        let Self { parts, view, world, round } = self;
        bonafide_login::Cx { view, service: &parts.login, world, confirmed: round.is_over }
    }

    fn hosts(self) -> bonafide_hosts::Cx<'a> {
        let Self { parts, view, world, round } = self;
        let authority = parts.login.authority.origin();
        bonafide_hosts::Cx {
            store: &parts.store,
            view,
            ca: &parts.host_ca,
            attestation: &parts.attestation,
            authority,
            nonce: parts.login.spent.nonce(),
            world,
            waited: round.is_over,
        }
    }

    /// The resource manager's context: its long operations go on in it.
    pub fn management(self) -> bonafide_management::Cx<'a> {
        let Self { parts, view, world, .. } = self;
        bonafide_management::Cx {
            config: &parts.management,
            authority: &parts.login.authority,
            audiences: &parts.management_audiences,
            view,
            kek: parts.views.kek(),
            view_age_seconds: parts.followed.age().as_secs(),
            store: &parts.store,
            world,
        }
    }

    fn health(self) -> Health<'a> {
        let Round { is_over, can_read_store } = self.round;
        Health { parts: self.parts, store: is_over.then_some(can_read_store) }
    }

    fn graph(self) -> bonafide_graph::Cx<'a> {
        let Self { parts, view, world, .. } = self;
        bonafide_graph::Cx {
            endpoint: &parts.management.graph,
            authority: &parts.login.authority,
            audiences: &parts.graph_audiences,
            view,
            view_age_seconds: parts.followed.age().as_secs(),
            known: &parts.login.audiences,
            pepper: &parts.login.pepper,
            store: &parts.store,
            log_file: parts.management.log_file.as_deref(),
            world,
        }
    }

    fn published(self) -> Published<'a> {
        Published { parts: self.parts }
    }

    fn vault(self) -> Absent<'a> {
        Absent { world: self.world }
    }
}

fn routes_of<S: Surface>(_context: fn(At<'static>) -> S) -> Vec<&'static Route> {
    S::routes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use bonafide_types::limits::MANAGEMENT_BODY_BYTES_MAX;
    use bonafide_wire::Peer;
    use bytes::Bytes;
    use http::{HeaderMap, HeaderValue, Method};
    use std::net::Ipv4Addr;

    #[test]
    fn a_path_belongs_to_one_surface_however_it_is_encoded() {
        for (path, surface) in [
            ("/subscriptions/s", "management"),
            ("/%73ubscriptions/s", "management"),
            ("/%53UBSCRIPTIONS", "management"),
            ("/%2Fsubscriptions%2Fs", "management"),
            ("//%2f/providers", "management"),
            ("/subscriptions%2Fs", "management"),
            ("/metadata/endpoints", "management"),
            // Decoded once: what is left is refused by its own surface.
            ("/%2573ubscriptions/s", "login"),
            ("/subscriptions/%2573", "management"),
            ("/subscriptionsx", "login"),
            ("/v1.0/users", "graph"),
            ("/%42eta/users", "graph"),
            ("/v1.0x", "login"),
            ("/tenant/v1.0", "login"),
            ("/healthz", "health"),
            ("/%68ealthz", "health"),
            ("/READYZ", "health"),
            ("/.well-known/attestation-ca.pem", "published"),
            ("/.well-known/openid-configuration", "login"),
            ("/", "login"),
            ("*", "login"),
        ] {
            assert_eq!(of(On::Public, &head(path, "localhost:8443")).name, surface, "{path}");
        }
    }

    #[test]
    fn the_host_of_a_vault_decides_whatever_the_path_is() {
        for (host, is_vault) in [
            ("demo.vault.localhost:8443", true),
            ("demo.VAULT.azure.net", true),
            ("localhost:8443", false),
            ("vault.localhost:8443", false),
            ("demo.vault", false),
            (".vault.localhost", false),
            ("demo.vault.", false),
            ("demo.vaults.localhost", false),
            ("a.demo.vault.localhost", false),
        ] {
            for path in ["/secrets/s", "/subscriptions/s", "/v1.0/users"] {
                let name = of(On::Public, &head(path, host)).name;
                assert_eq!(name == "vault", is_vault, "{host} {path}");
            }
        }
    }

    #[test]
    fn the_hosts_listener_has_two_surfaces() {
        for (path, surface) in [
            ("/hosts/v1/join", "hosts"),
            ("/%68osts/v1/join", "hosts"),
            ("/subscriptions/s", "login"),
            ("/healthz", "login"),
            ("/common/oauth2/token", "login"),
        ] {
            assert_eq!(of(On::Hosts, &head(path, "demo.vault.localhost")).name, surface, "{path}");
        }
    }

    #[test]
    fn a_body_may_be_as_large_as_its_route_takes() {
        let most = |on, method: Method, path: &str| {
            let head = Request { method, ..head(path, "localhost") };
            of(on, &head).body_bytes_max(&head)
        };
        for method in [Method::PUT, Method::GET, Method::POST] {
            assert_eq!(most(On::Public, method, "/subscriptions/s"), MANAGEMENT_BODY_BYTES_MAX);
        }
        assert_eq!(most(On::Public, Method::POST, "/t/oauth2/token"), TOKEN_BODY_BYTES_MAX);
        assert_eq!(most(On::Public, Method::PUT, "/no/such/path/at/all"), TOKEN_BODY_BYTES_MAX);
        assert_eq!(most(On::Public, Method::POST, "/v1.0/users"), TOKEN_BODY_BYTES_MAX);
        assert_eq!(most(On::Hosts, Method::POST, "/hosts/v1/join"), TOKEN_BODY_BYTES_MAX);
    }

    #[test]
    fn requests_that_touch_the_store_are_told_from_those_that_do_not() {
        let needs = |on, method: Method, path: &str| {
            let head = Request { method, ..head(path, "localhost") };
            of(on, &head).needs(&head)
        };
        assert_eq!(needs(On::Public, Method::GET, "/subscriptions"), Needs::Store);
        assert_eq!(needs(On::Public, Method::POST, "/t/oauth2/token"), Needs::View);
        assert_eq!(needs(On::Public, Method::GET, "/readyz"), Needs::View);
        assert_eq!(needs(On::Hosts, Method::GET, "/hosts/v1/desired"), Needs::View);
        assert_eq!(needs(On::Hosts, Method::POST, "/hosts/v1/join"), Needs::Store);
        // A request that no route has.
        assert_eq!(needs(On::Public, "PROPFIND".parse().unwrap(), "/subscriptions"), Needs::Store);
        assert_eq!(needs(On::Public, Method::DELETE, "/no/such/path"), Needs::View);
    }

    fn head(path: &str, host: &'static str) -> Request {
        let mut headers = HeaderMap::new();
        headers.insert("host", HeaderValue::from_static(host));
        let peer = Peer::Anonymous((Ipv4Addr::LOCALHOST, 1).into());
        let (path, query, body) = (path.to_owned(), String::new(), Bytes::new());
        Request { method: Method::GET, path, query, version: http::Version::HTTP_11, headers, body, peer }
    }
}
