//! The type of a dialect: everything in which the protocols of the metadata endpoint differ, as one value.

use crate::host::HostRequest;
use crate::refusal::Refusal;
use crate::token::{Rendered, Token};
use bonafide_types::limits::TOKEN_BODY_BYTES_MAX;
use bonafide_types::{ApiVersion, Secret, World};
use bonafide_wire::hosts::Workload;
use bonafide_wire::{Parameters, Reply, Request, Route};
use bytes::Bytes;
use http::header::{HeaderMap, HeaderName};
use http::{Method, StatusCode};

/// A protocol spoken at an endpoint. Each is a `static` in a file of its own in `dialects/`.
pub struct Dialect {
    /// Its name on the command line and the control socket.
    pub(crate) name: &'static str,
    pub(crate) entries: &'static [Entry],
    /// True when an endpoint has a secret that callers must show.
    pub(crate) has_secret: bool,
    /// True when the request has the header that a forged request cannot carry. Every path that is served
    /// demands it, whatever else is wrong with the request.
    pub(crate) is_proven: fn(&Request, &Endpoint) -> bool,
    /// The versions of the token request; a request is one of the first that takes it.
    pub(crate) versions: &'static [Version],
    /// The reply that carries a refusal, of a request that was read and is not over yet, or else of none.
    pub(crate) refuse: fn(&Refusal, Option<&Request>, &World<'_>) -> Reply,
    /// The hosts that an endpoint answers to, as a `Host` header names them.
    pub(crate) hosts: fn(&Endpoint) -> Vec<String>,
    /// True when nothing is served but what comes over the workload's own loopback device.
    pub(crate) wants_loopback: bool,
    /// The variables by which clients find an endpoint.
    pub(crate) environment: fn(&Endpoint) -> Vec<(&'static str, String)>,
    /// Advice for users of the variables, a sentence each.
    pub(crate) notes: &'static [&'static str],
}

/// Something that a dialect serves. Paths are compared exactly, in their canonical form.
pub(crate) struct Entry {
    pub(crate) route: Route,
    pub(crate) call: Call,
    /// True when it is served at the paths below its own, too.
    has_paths_below: bool,
}

/// The subject of a request.
#[derive(Clone, Copy)]
pub(crate) enum Call {
    /// An access token.
    Token,
    /// A session, at a binding that wants them.
    Session,
    /// Something that is known without login, from the request and the workload.
    Document(fn(&Asked<'_>) -> Result<Reply, Refusal>),
    /// The machine's document or an element of it, or what it says of load balancers.
    Instance,
    /// The events that the machine is told of before they happen, or its word that they may.
    Events,
    /// Something that the control plane must be asked.
    Question(fn(&Asked<'_>) -> Result<(HostRequest, Told), Refusal>),
}

/// A request for something other than a token.
pub(crate) struct Asked<'r> {
    /// The workload, if it is placed here.
    pub(crate) workload: Option<&'r Workload>,
    /// The query, still encoded.
    pub(crate) query: &'r str,
}

/// The reply that the control plane's answer makes.
pub(crate) type Told = fn(StatusCode, &[u8]) -> Result<Reply, Refusal>;

/// A version of a dialect's token request.
pub(crate) struct Version {
    /// True when a request with this `api-version`, or without one, is of this version.
    pub(crate) takes: fn(Option<&str>) -> bool,
    /// The parameters that choose an identity.
    pub(crate) selectors: &'static [(&'static str, SelectorKind)],
    /// The body that carries a token. Each token keeps it.
    pub(crate) render: fn(&Token) -> Rendered,
    /// The reply with such a body.
    pub(crate) reply: fn(Bytes) -> Reply,
}

/// The value of a selector parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SelectorKind {
    Client,
    Principal,
    Resource,
}

/// An endpoint, as far as its clients must know it.
#[derive(Default)]
pub struct Endpoint {
    /// Its TCP port.
    pub port: u16,
    /// The secret of a dialect that has one.
    pub secret: Option<Secret<String>>,
    /// Further hosts that it answers to, as a URL has them: a name of the operator's, an IPv6 address in brackets. With the
    /// endpoint's port, unless they name one themselves.
    pub names: Vec<String>,
}

impl Endpoint {
    /// The names of the operator's, as a `Host` header has them.
    pub(crate) fn named(&self) -> impl Iterator<Item = String> {
        self.names.iter().flat_map(|name| match has_port(name) {
            true => vec![name.clone()],
            false => self.at_its_port(name),
        })
    }

    /// `host` as a `Host` header names it for this endpoint: with its port, and without where that is the port of HTTP.
    pub(crate) fn at_its_port(&self, host: &str) -> Vec<String> {
        let mut hosts = vec![format!("{host}:{}", self.port)];
        hosts.extend((self.port == 80).then(|| host.to_owned()));
        hosts
    }

    /// Its base URL, without a slash at the end.
    pub(crate) fn origin(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// True when `given` is the secret. The comparison takes the same time however much of it is right; the
    /// length is no secret. An empty secret equals nothing.
    pub(crate) fn is_secret(&self, given: &[u8]) -> bool {
        let secret = self.secret.as_ref().map(|secret| secret.expose().as_bytes());
        secret.is_some_and(|secret| !secret.is_empty() && bonafide_crypto::random::ct_eq(given, secret))
    }
}

impl Dialect {
    /// Its name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// True when an endpoint of this dialect needs a secret.
    pub fn has_secret(&self) -> bool {
        self.has_secret
    }

    /// The routes of this dialect.
    pub fn routes(&self) -> impl Iterator<Item = &'static Route> + use<> {
        self.entries.iter().map(|entry| &entry.route)
    }

    /// The variables, with their values, by which clients find `endpoint`.
    pub fn environment(&self, endpoint: &Endpoint) -> Vec<(&'static str, String)> {
        (self.environment)(endpoint)
    }

    /// Advice for those who hand these variables to a program, a sentence each.
    pub fn notes(&self) -> &'static [&'static str] {
        self.notes
    }

    /// The version that a request with these parameters speaks, and its number among the dialect's.
    pub(crate) fn version(&self, parameters: &Parameters) -> Result<(usize, &'static Version), Refusal> {
        let asked = parameters.get("api-version");
        let mut numbered = self.versions.iter().enumerate();
        numbered.find(|(_, version)| (version.takes)(asked)).ok_or(Refusal::ApiVersion)
    }

    /// The methods of the routes at a path, or else of all, as `Allow` lists them.
    pub(crate) fn allow(&self, path: Option<&str>) -> String {
        let mut methods: Vec<&str> = Vec::new();
        let is_meant = |entry: &&Entry| path.is_none_or(|path| path == entry.route.path);
        for entry in self.entries.iter().filter(is_meant) {
            if !methods.contains(&entry.route.method.as_str()) {
                methods.push(entry.route.method.as_str());
            }
        }
        methods.join(", ")
    }
}

/// True when `asked` is the date `oldest` or a later one, without a suffix. Azure refuses dates that it does not
/// list; the documented rule is "or greater", so any later date will do here.
pub(crate) fn is_since(oldest: &str, asked: Option<&str>) -> bool {
    let version = asked.and_then(|text| text.parse::<ApiVersion>().ok());
    version.is_some_and(|version| version.at_least(oldest) && !version.is_preview())
}

impl Entry {
    /// The parameters of a token request with `GET` are its query; those of another method are its query and its form.
    pub(crate) const fn new(method: Method, path: &'static str, call: Call) -> Self {
        // The bodies of `GET` are read so that they can be refused in the words of the dialect.
        Self { route: Route::of_view(method, path, TOKEN_BODY_BYTES_MAX), call, has_paths_below: false }
    }

    /// The same, at every path below it, too.
    pub(crate) const fn tree(method: Method, path: &'static str, call: Call) -> Self {
        Self { route: Route::of_view(method, path, TOKEN_BODY_BYTES_MAX), call, has_paths_below: true }
    }

    /// True when it is served at a canonical path.
    pub(crate) fn is_at(&self, path: &str) -> bool {
        let below = path.strip_prefix(self.route.path);
        below.is_some_and(|below| below.is_empty() || (self.has_paths_below && below.starts_with('/')))
    }
}

/// True of a host with a port behind it.
fn has_port(host: &str) -> bool {
    host.rsplit_once(':').is_some_and(|(_, port)| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The names of the loopback device.
pub(crate) const LOOPBACK: [&str; 3] = ["127.0.0.1", "localhost", "[::1]"];

/// The value of a header that occurs exactly once.
pub(crate) fn single_value<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h [u8]> {
    let mut values = values(headers, name);
    values.next().filter(|_| values.next().is_none())
}

/// The values of a header. To look at each of a handful takes less than to hash the name.
pub(crate) fn values<'h>(headers: &'h HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'h [u8]> {
    headers.iter().filter(move |(found, _)| *found == name).map(|(_, value)| value.as_bytes())
}
