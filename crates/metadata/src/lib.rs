//! The metadata agent: the endpoints from which a workload gets its identities' tokens.
//!
//! A synchronous core without sockets or clock. The shell owns the listeners, the connection to the
//! control plane and the timers, and drives the core so:
//!
//! 1. what the control plane wants on this host goes into [`Agent::apply`];
//! 2. every request goes into [`Agent::answer`], together with the [`Binding`] it arrived on;
//! 3. an [`Answer::Reply`] is written; its [`Permit`] is dropped afterwards;
//! 4. an [`Answer::Wait`] waits for [`Waiting::poll_landed`], then goes into [`Agent::finish`];
//! 5. a [`Lead`], from either answer, is a fetch that the shell must run in a task of its own and
//!    end with [`Agent::complete`]. There is one for any number of waiters.
//!
//! Which identity a request may use follows from its binding alone (docs/wire/imds.md).

mod agent;
mod cache;
mod caller;
mod counters;
mod credential;
mod dialects;
mod fault;
mod flight;
mod guard;
mod path;
mod placement;
mod query;
mod route;
mod select;
mod target;
mod throttle;
mod token;

pub use agent::{Agent, Answer, Options, Waiting};
pub use caller::{Binding, Dialect};
pub use counters::Counters;
pub use credential::{CredentialStep, assertion, credential_step};
pub use flight::{Lead, TokenFetch, UpstreamError};
pub use path::{PathError, canonical};
pub use route::ROUTES;
pub use throttle::{Permit, Throttle};

use bonafide_types::World;
use bonafide_wire::{Reply, Request, Unserved};

/// What a binding says to a connection or request that the shell does not serve.
pub fn refuse(binding: &Binding, why: Unserved, world: &World<'_>) -> Reply {
    (binding.dialect().rules().fault)(&fault::Fault::Unserved(why), world)
}

/// The refusal of a request that somebody else had forged or forwarded (MD-02, MD-03). For what the shell itself answers
/// beside a binding's paths: [`Agent::answer`] looks by itself.
pub fn refuse_forged(binding: &Binding, request: &Request, world: &World<'_>) -> Option<Reply> {
    let refusal = guard::check(binding, request, &target::Target::read(&request.path)).err()?;
    Some((binding.dialect().rules().fault)(&refusal.into(), world))
}
