//! Rules at work: after the gate, and before anything is answered.

use super::decide::{Caller, CgroupAt, Denial, Request as Asked};
use super::{Mode, Rules};
use crate::binding::Binding;
use crate::gate;
use crate::refusal::Refusal;
use bonafide_types::World;
use bonafide_wire::{Parameters, Reply, Request};

/// The outcome of rules for a request.
#[must_use]
pub enum Checked {
    /// They have nothing against it.
    Allowed,
    /// They would refuse it, and are only watched yet.
    WouldRefuse(Denial),
    /// It gets this reply.
    Refused(Denial, Reply),
}

/// Holds a request that arrived on `binding` against its rules. `caller` is asked only where it decides. One that is refused
/// before rules matter is theirs no more than anybody's, and the agent says why.
pub fn check(
    rules: &Rules,
    binding: &Binding,
    request: &Request,
    caller: impl FnOnce() -> Caller,
    cgroup_at: CgroupAt<'_>,
    world: &World<'_>,
) -> Checked {
    if !rules.are_in_force() {
        return Checked::Allowed;
    }
    let Ok(passed) = gate::pass(binding, request, world) else { return Checked::Allowed };
    let parameters = Parameters::parse(&passed.parameters).ok();
    let asked = Asked {
        dialect: binding.speech.dialect.name(),
        method: request.method.as_str(),
        path: &passed.path,
        parameters: parameters.as_ref(),
    };
    match (rules.decide(&asked, caller, cgroup_at), rules.mode) {
        (Ok(()), _) | (Err(_), Mode::Disabled) => Checked::Allowed,
        (Err(denial), Mode::Audit) => Checked::WouldRefuse(denial),
        (Err(denial), Mode::Enforce) => {
            let reply = binding.speech.refuse(&Refusal::NotAllowed, Some(request), world);
            Checked::Refused(denial, reply.because(&denial))
        }
    }
}
