//! The caller of a request: the binding that its connection arrived on, and nothing else.

use crate::dialect::{Dialect, Endpoint};
use crate::query::Remembered;
use crate::refusal::Refusal;
use crate::session::Sessions;
use bonafide_types::{ResourceUuid, World};
use bonafide_wire::{Reply, Request};
use std::sync::Arc;

/// An endpoint on this host and the workload it belongs to. Nothing in a request can choose another
/// workload: not its address, its `Host`, its headers or its parameters.
pub struct Binding {
    workload: ResourceUuid,
    pub(crate) speech: Speech,
    hosts: Box<[Box<str>]>,
    pub(crate) takes_http_1_0: bool,
    pub(crate) sessions: Option<Sessions>,
    pub(crate) queries: Remembered,
}

/// The protocol spoken at an endpoint.
#[derive(Clone)]
pub(crate) struct Speech {
    pub(crate) dialect: &'static Dialect,
    pub(crate) endpoint: Arc<Endpoint>,
}

impl Speech {
    /// The reply that carries a refusal.
    pub(crate) fn refuse(&self, refusal: &Refusal, request: Option<&Request>, world: &World<'_>) -> Reply {
        (self.dialect.refuse)(refusal, request, world)
    }
}

impl Binding {
    /// A binding of `workload`. It answers to the hosts of its dialect, and to the names of the endpoint.
    pub fn new(workload: ResourceUuid, dialect: &'static Dialect, endpoint: Endpoint) -> Self {
        let hosts: Vec<Box<str>> = (dialect.hosts)(&endpoint).into_iter().map(String::into_boxed_str).collect();
        let speech = Speech { dialect, endpoint: Arc::new(endpoint) };
        Self {
            workload,
            speech,
            hosts: hosts.into(),
            takes_http_1_0: false,
            sessions: None,
            queries: Remembered::default(),
        }
    }

    /// The same binding, which takes HTTP/1.0 if told so: ApacheBench and PHP before 8 send it, and so do proxies that do not
    /// say that they are.
    #[must_use]
    pub fn with_http_1_0(self, takes_http_1_0: bool) -> Self {
        Self { takes_http_1_0, ..self }
    }

    /// The same binding, which answers nothing outside of a session if told so (MD-12).
    #[must_use]
    pub fn with_sessions(self, wants_sessions: bool) -> Self {
        Self { sessions: wants_sessions.then(Sessions::new), ..self }
    }

    /// The workload it belongs to.
    pub fn workload(&self) -> ResourceUuid {
        self.workload
    }

    /// True of a segment of a path that is served here.
    pub fn has_word(&self, segment: &str) -> bool {
        let paths = self.speech.dialect.entries.iter().map(|entry| entry.route.path);
        paths.flat_map(|path| path.split('/')).any(|word| word == segment)
    }

    /// True of a request with the header that a forged request cannot carry.
    pub fn is_proven(&self, request: &Request) -> bool {
        (self.speech.dialect.is_proven)(request, &self.speech.endpoint)
    }

    /// True when `host` is a `Host` that this binding answers to; names are compared without case.
    pub(crate) fn answers_to(&self, host: &[u8]) -> bool {
        // Nearly every client writes it as it stands here.
        let is = |allowed: &[u8]| allowed == host || allowed.eq_ignore_ascii_case(host);
        self.hosts.iter().any(|allowed| is(allowed.as_bytes()))
    }
}
