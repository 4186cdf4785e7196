//! The metadata agent: the endpoints from which a workload gets its identities' tokens.
//!
//! A synchronous core without sockets or clock. The shell owns the listeners, the connection to the
//! control plane and the timers, and drives the core so:
//!
//! 1. what the control plane wants on this host goes into [`Agent::apply`];
//! 2. every request goes into [`Agent::answer`], together with the [`Binding`] it arrived on;
//! 3. an [`Answer::Reply`] is written;
//! 4. an [`Answer::Wait`] waits for [`Waiting::poll_finished`], then goes into [`Agent::finish`];
//! 5. an [`Answer::Ask`] is a [`Question`] to the control plane: what comes of it goes into [`Agent::told`];
//! 6. a [`FetchDuty`], from either answer, is a fetch that the shell must run in a task of its own and
//!    end with [`Agent::complete`]. There is one for any number of waiters.
//!
//! A shell that can look at the control plane meanwhile uses [`Agent::answer_or_hold`] in step 2: what is not known yet is
//! held for a moment, and then answered by [`Agent::answer_held`].
//!
//! The identities that a request may use follow from its binding alone (docs/wire/imds.md).

mod agent;
mod attested;
mod azures;
mod binding;
mod cache;
mod counters;
mod dialect;
pub mod dialects;
mod documents;
mod forwarding;
mod gate;
pub mod host;
mod instance;
mod kept;
mod knowledge;
pub mod limits;
mod load_balancer;
mod moment;
mod path;
mod placement;
mod query;
mod question;
mod refusal;
pub mod rules;
mod scheduled_events;
mod select;
mod session;
mod target;
mod throttle;
mod token;
mod upstream;

pub use agent::{Agent, Answer, Held, Options, Waiting};
pub use binding::Binding;
pub use cache::FetchDuty;
pub use counters::Counters;
pub use dialect::{Dialect, Endpoint};
pub use kept::{KeptAt, KeptToken};
pub use path::{PathError, canonical};
pub use question::Question;
pub use throttle::Throttle;
pub use upstream::{TokenFetch, UpstreamError};

use bonafide_types::World;
use bonafide_wire::{Reply, Request, Unserved};

/// The reply of a binding to a connection or request that the shell does not serve.
pub fn refuse(binding: &Binding, why: Unserved, world: &World<'_>) -> Reply {
    binding.speech.refuse(&refusal::Refusal::Unserved(why), None, world)
}

/// The refusal of a request that somebody else had forged or forwarded (MD-02, MD-03). For what the shell itself answers
/// beside a binding's paths: [`Agent::answer`] looks by itself.
pub fn refuse_forged(binding: &Binding, request: &Request, world: &World<'_>) -> Option<Reply> {
    let refusal = gate::check_origin(binding, request).err()?;
    Some(binding.speech.refuse(&refusal, Some(request), world))
}
