//! The resource manager: subscriptions, resource groups, resources with their identities, and who may
//! touch them. A plain function from a request to a reply; it may block on the store.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod command;
mod config;
mod deployments;
mod direct;
mod fault;
mod filter;
mod fixed;
mod http;
mod identity_block;
mod limits;
mod locations;
pub mod operations;
mod order;
mod outcome;
mod page;
mod perform;
mod registration;
mod resource_type;
mod right;
mod route;
mod stored;
mod types;

pub use config::Config;
pub use direct::{Refused, put, put_with_key};
pub use types::can_have_identities;

use bonafide_core::tokens::{AcceptedAudiences, Authority};
use bonafide_core::view::View;
use bonafide_crypto::Kek;
use bonafide_store::{Revision, Store};
use bonafide_types::World;
use bonafide_wire::{Answer, Lane, Outcome, Reply, Request, Route, Surface, Unserved};
use std::convert::Infallible;

/// The context in which a request is answered.
#[derive(Clone, Copy)]
pub struct Cx<'a> {
    /// Endpoints and names.
    pub config: &'a Config,
    /// The issuer of valid tokens.
    pub authority: &'a Authority,
    /// The audiences of tokens that are valid here.
    pub audiences: &'a AcceptedAudiences,
    /// Keys and principals, to check a token with.
    pub view: &'a View,
    /// The key under which deployments keep their secrets.
    pub kek: &'a Kek,
    /// Time since the view last showed all that the store had, in seconds.
    pub view_age_seconds: u64,
    /// Everything else.
    pub store: &'a Store,
    /// Time and chance.
    pub world: World<'a>,
}

impl Cx<'_> {
    /// The reply to a write that is done before the hosts that it is about have heard of it, up to a revision: with an
    /// operation that ends when they have, where its client can wait for one.
    pub fn while_hosts_hear(&self, request: &Request, reply: Reply, past: Revision) -> Reply {
        http::while_hosts_hear(self, request, reply, past)
    }
}

impl Surface for Cx<'_> {
    type Need = Infallible;

    fn routes() -> Vec<&'static Route> {
        route::routes()
    }

    fn admit(&self, request: &Request) -> Result<Lane, Box<Answer>> {
        http::admit(self, request).map_err(|reply| Box::new(Answer::from(*reply)))
    }

    fn handle(&self, request: &Request) -> Outcome<Infallible> {
        Outcome::Answer(http::answer(self, request).into())
    }

    fn takes_body(&self, head: &Request) -> bool {
        http::takes_body(self, head)
    }

    fn refuse(&self, head: &Request, why: Unserved) -> Answer {
        http::refuse(self, head, why).into()
    }
}
