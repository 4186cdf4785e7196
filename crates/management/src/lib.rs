//! The resource manager: subscriptions, resource groups, resources with their identities, and who may
//! touch them. A plain function from a request to a reply; it may block on the store.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod config;
mod fault;
mod filter;
mod headers;
mod identity_block;
pub mod operations;
mod page;
mod perform;
mod pipeline;
mod providers;
mod route;
mod rule;

pub use config::Config;
pub use route::ROUTES;

use bonafide_core::tokens::{AcceptedAudiences, Authority};
use bonafide_core::view::View;
use bonafide_store::Store;
use bonafide_types::World;
use bonafide_wire::{Parameters, Reply, Request, Unserved};
use fault::Fault;

/// What a request is answered from.
#[derive(Clone, Copy)]
pub struct Cx<'a> {
    /// Endpoints and names.
    pub config: &'a Config,
    /// Whose tokens count.
    pub authority: &'a Authority,
    /// What those tokens must be for.
    pub audiences: &'a AcceptedAudiences,
    /// Keys and principals, to check a token with.
    pub view: &'a View,
    /// How long ago the view last showed all that the store had, in seconds.
    pub view_age_seconds: u64,
    /// Everything else.
    pub store: &'a Store,
    /// Time and chance.
    pub world: World<'a>,
}

/// Answers a request to the resource manager.
pub fn handle(cx: &Cx<'_>, request: &Request) -> Reply {
    let correlation = headers::Correlation::of(request, cx.world.entropy);
    let reply = match perform::perform(cx, request, &correlation) {
        Ok(reply) => reply,
        Err(fault) => {
            let trace = correlation.trace(cx.config.log_file.as_deref());
            fault.of_filter(filter(request).as_deref()).reply(|| pipeline::caller::authority(cx, request), &trace)
        }
    };
    correlation.mark(reply, &cx.world)
}

/// The `$filter` of a request.
fn filter(request: &Request) -> Option<String> {
    Parameters::parse(&request.query).ok()?.get("$filter").map(str::to_owned)
}

/// Answers a request that the shell does not serve; its body need not be there.
pub fn refuse(config: &Config, request: &Request, why: Unserved, world: &World<'_>) -> Reply {
    let correlation = headers::Correlation::of(request, world.entropy);
    let trace = correlation.trace(config.log_file.as_deref());
    let reply = Fault::Unserved(why).reply(|| format!("{}/common", config.login), &trace);
    correlation.mark(reply, world)
}
