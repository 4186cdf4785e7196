//! The hosts surface: enrolment, desired state, identity credentials. It is served over mTLS only,
//! on a listener of its own; the protocol is `bonafide_wire::hosts`.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod attested;
mod credential;
mod desired;
mod dialects;
mod events;
mod extension;
mod fault;
mod instance;
mod join;
mod rejoin;
mod route;

pub use attested::{ATTESTED_SECONDS, Attestation};

use bonafide_core::view::View;
use bonafide_crypto::ca::HostCa;
use bonafide_store::{Revision, Store};
use bonafide_types::{HostId, World};
use bonafide_wire::{Answer, Lane, Outcome, Peer, Request, Route, Surface, Unserved, find, path};
use fault::Fault;
use route::Run;
use std::sync::Arc;

/// The context in which a request is answered.
pub struct Cx<'a> {
    /// The store of hosts and credentials.
    pub store: &'a Store,
    /// The directory as the token path sees it.
    pub view: &'a View,
    /// The authority that signs host certificates.
    pub ca: &'a HostCa,
    /// The signer of attested documents.
    pub attestation: &'a Attestation,
    /// The token service's origin.
    pub authority: &'a str,
    /// The nonce of the token service, which assertions carry.
    pub nonce: Arc<str>,
    /// Time and chance.
    pub world: World<'a>,
    /// True when a wait asked for earlier is over, whether anything changed or not.
    pub waited: bool,
}

/// Wait until the view has passed this revision, or for so many seconds, and call again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wait {
    /// The revision of the view that showed nothing new.
    pub past: Revision,
    /// Longest wait that the host accepts.
    pub seconds: u64,
}

impl Surface for Cx<'_> {
    type Need = Wait;

    fn routes() -> Vec<&'static Route> {
        route::ENDPOINTS.iter().map(|endpoint| &endpoint.route).collect()
    }

    fn admit(&self, request: &Request) -> Result<Lane, Box<Answer>> {
        admit(self, request).map_err(|fault| Box::new(fault.reply().into()))
    }

    fn handle(&self, request: &Request) -> Outcome<Wait> {
        answer(self, request).unwrap_or_else(|fault| Outcome::Answer(fault.reply().into()))
    }

    fn refuse(&self, _head: &Request, why: Unserved) -> Answer {
        Fault::from(why).reply().into()
    }
}

fn admit(cx: &Cx<'_>, request: &Request) -> Result<Lane, Fault> {
    let segments = path::segments(&request.path).map_err(|_| Fault::NotFound)?;
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let (endpoint, _) = find(route::ENDPOINTS, &request.method, &segments).map_err(|_| Fault::NotFound)?;
    match endpoint.run {
        Run::Anybody(_) => Ok(Lane::Stranger),
        Run::Host(_) => host(cx, request).map(|_| Lane::System),
    }
}

fn answer(cx: &Cx<'_>, request: &Request) -> Result<Outcome<Wait>, Fault> {
    let segments = path::segments(&request.path).map_err(|_| Fault::NotFound)?;
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let (endpoint, captures) = find(route::ENDPOINTS, &request.method, &segments).map_err(|_| Fault::NotFound)?;
    match endpoint.run {
        Run::Anybody(run) => run(cx, request, &captures),
        Run::Host(run) => run(cx, request, &captures, host(cx, request)?),
    }
}

/// The host at the other end of the connection, if it may still speak.
fn host(cx: &Cx<'_>, request: &Request) -> Result<HostId, Fault> {
    let (id, counts) = match request.peer {
        Peer::Anonymous(_) => return Err(Fault::NoCertificate),
        Peer::Certified(id, _) => (id, false),
        Peer::Host(id) => (id, true),
    };
    match cx.view.host(id) {
        None => Err(Fault::UnknownHost(id)),
        Some(host) if !host.enabled => Err(Fault::Disabled(id)),
        Some(host) if host.frozen_at.is_some() => Err(Fault::Frozen(id)),
        Some(_) if !counts => Err(Fault::JoinAgain(id)),
        Some(_) => Ok(id),
    }
}
