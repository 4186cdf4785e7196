//! The hosts surface: enrolment, desired state, identity credentials. It is served over mTLS only,
//! on a listener of its own; the protocol is `bonafide_wire::hosts`.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod credential;
mod desired;
mod fault;
mod join;
mod route;

pub use fault::Fault;
pub use route::ROUTES;

use bonafide_core::view::View;
use bonafide_crypto::ca::HostCa;
use bonafide_store::{Revision, Store};
use bonafide_types::{HostId, World};
use bonafide_wire::hosts::Deployment;
use bonafide_wire::{Outcome, Peer, Reply, Request};
use http::StatusCode;
use route::Call;

/// What the surface works with.
pub struct Cx<'a> {
    /// Where hosts and credentials are kept.
    pub store: &'a Store,
    /// The directory as the token path sees it.
    pub view: &'a View,
    /// Who signs host certificates.
    pub ca: &'a HostCa,
    /// The token service's origin.
    pub authority: &'a str,
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
    /// How long the host is willing to wait.
    pub seconds: u64,
}

/// Answers a request to the hosts listener, other than those of the token service.
pub fn handle(cx: &Cx<'_>, request: &Request) -> Outcome<Wait> {
    let call = match route::route(request) {
        Ok(call) => call,
        Err(fault) => return Outcome::Reply(fault.reply()),
    };
    let result = match call {
        Call::Join(body) => join::join(cx, &body),
        Call::Renew(body) => host(cx, request).and_then(|host| join::renew(cx, host, &body)),
        Call::Register(principal, body) => {
            host(cx, request).and_then(|host| credential::register(cx, host, principal, &body))
        }
        Call::Deployment => {
            host(cx, request).map(|_| Reply::json(StatusCode::OK, &Deployment { authority: cx.authority.to_owned() }))
        }
        Call::Desired(after, wait) => match host(cx, request) {
            Ok(host) => return desired::desired(cx, host, after.as_deref(), wait),
            Err(fault) => Err(fault),
        },
    };
    Outcome::Reply(result.unwrap_or_else(|fault| fault.reply()))
}

/// The host at the other end of the connection, if it may still speak.
fn host(cx: &Cx<'_>, request: &Request) -> Result<HostId, Fault> {
    let Peer::Host(id) = request.peer else { return Err(Fault::NoCertificate) };
    match cx.view.host(id) {
        Some(host) if host.enabled => Ok(id),
        Some(_) | None => Err(Fault::UnknownHost(id)),
    }
}
