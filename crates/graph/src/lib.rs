//! The directory in the form of Microsoft Graph: the applications and service principals of a tenant
//! (docs/wire/graph.md). A plain function from a request to a reply; it may block on the store.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod about;
mod app_roles;
mod app_roles_sent;
mod application;
mod application_sent;
mod applications;
mod asked;
mod caller;
mod change;
mod credentials;
mod directory_objects;
mod endpoints;
mod fault;
mod filter;
mod find;
mod ids;
mod key_credentials;
mod kind;
mod lifetime_definition;
mod lifetime_policies;
mod limits;
mod listing;
mod merge;
mod options;
mod options_error;
mod organization;
mod owners;
mod passwords;
mod people;
mod properties;
mod route;
mod sent;
mod service_principal;
mod service_principals;
mod unserved;

use bonafide_core::directory::Audiences;
use bonafide_core::tokens::{AcceptedAudiences, Authority, Caller};
use bonafide_core::view::View;
use bonafide_crypto::secret_hash::Pepper;
use bonafide_store::Store;
use bonafide_types::World;
use bonafide_wire::{Answer, Lane, Outcome, Record, Request, Route, Surface, Unserved};
use fault::Fault;
use ids::Ids;
use std::convert::Infallible;

/// The context in which a request is answered.
#[derive(Clone, Copy)]
pub struct Cx<'a> {
    /// `https://host[:port]` of this surface, without a slash at the end.
    pub endpoint: &'a str,
    /// The service whose tokens are accepted.
    pub authority: &'a Authority,
    /// The audiences that those tokens must have.
    pub audiences: &'a AcceptedAudiences,
    /// Keys and principals, to check a token with; and the order of a listing.
    pub view: &'a View,
    /// Time since the view last showed all that the store had, in seconds.
    pub view_age_seconds: u64,
    /// The audiences that every tenant knows, which no application can take.
    pub known: &'a Audiences,
    /// The key of the hashes of secrets.
    pub pepper: &'a Pepper,
    /// Everything else.
    pub store: &'a Store,
    /// The file that holds the causes of failures, which an answer of 500 names; `None` where there is none.
    pub log_file: Option<&'a str>,
    /// Time and chance.
    pub world: World<'a>,
}

impl Surface for Cx<'_> {
    type Need = Infallible;

    fn routes() -> Vec<&'static Route> {
        endpoints::all().map(AsRef::as_ref).collect()
    }

    fn admit(&self, request: &Request) -> Result<Lane, Box<Answer>> {
        let mut caller = None;
        route::admit(self, request, &mut caller).map_err(|fault| {
            let ids = Ids::of(request, self.world.entropy);
            Box::new(Answer { reply: ids.mark(fault.reply(self, &ids)), record: record(&ids, caller.as_ref()) })
        })
    }

    fn handle(&self, request: &Request) -> Outcome<Infallible> {
        let ids = Ids::of(request, self.world.entropy);
        let mut caller = None;
        let reply = route::answer(self, request, &ids, &mut caller).unwrap_or_else(|fault| fault.reply(self, &ids));
        let record = record(&ids, caller.as_ref());
        Outcome::Answer(Answer { reply: ids.mark(reply), record })
    }

    fn refuse(&self, head: &Request, why: Unserved) -> Answer {
        let ids = Ids::of(head, self.world.entropy);
        Answer { reply: ids.mark(Fault::from(why).reply(self, &ids)), record: record(&ids, None) }
    }
}

/// The fields of the log line (docs/log.md).
fn record(ids: &Ids, caller: Option<&Caller>) -> Record {
    Record::default()
        .with("correlation", Some(ids.logged()))
        .with("tenant", caller.map(|caller| caller.tenant))
        .with("client", caller.map(|caller| caller.client_id))
        .with("principal", caller.map(|caller| caller.object_id))
}
