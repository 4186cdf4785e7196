//! The rules of a binding at work (MD-11): which of them are in force, and what becomes of a request that they do not allow.

use crate::caller::{control_group_at, control_group_of_peer};
use arc_swap::ArcSwapOption;
use bonafide_http::{Event, Log, masked_path};
use bonafide_metadata::rules::{Caller, Checked, Denial, Rules, check};
use bonafide_metadata::{Binding, canonical};
use bonafide_types::World;
use bonafide_wire::{Peer, Remote, Reply, Request};
use std::cell::Cell;
use std::os::fd::BorrowedFd;
use std::sync::Arc;

/// The rules of a binding, which all of its endpoints have, as they are now.
#[derive(Clone, Default)]
pub(crate) struct RulesInForce(Arc<ArcSwapOption<Rules>>);

/// An endpoint's part in the rules of its binding.
#[derive(Clone)]
pub struct Guarded {
    rules: RulesInForce,
    /// The name of the binding, for the log.
    binding: Arc<str>,
}

impl RulesInForce {
    pub(crate) fn new(rules: Option<Rules>) -> Self {
        Self(Arc::new(ArcSwapOption::from_pointee(rules)))
    }

    /// Puts others in their place, for every request that begins from now on.
    pub(crate) fn replace(&self, rules: Option<Rules>) {
        self.0.store(rules.map(Arc::new));
    }
}

impl Guarded {
    /// An endpoint of a binding with these rules.
    pub(crate) fn new(rules: RulesInForce, binding: &str) -> Self {
        Self { rules, binding: binding.into() }
    }

    /// One that no rules are for.
    pub fn by_nothing() -> Self {
        Self::new(RulesInForce::default(), "")
    }

    /// The control group of a caller, where the rules name some.
    pub(crate) fn control_group_of(&self, connection: BorrowedFd<'_>) -> Option<u64> {
        let rules = self.rules.0.load();
        rules.as_ref().filter(|rules| rules.name_cgroups()).and_then(|_| control_group_of_peer(connection))
    }

    /// The reply to a request that is not allowed. `caller` tells the one whose connection it is, where that decides.
    pub(crate) fn refuse(
        &self,
        binding: &Binding,
        request: &Request,
        caller: impl Fn(Remote) -> Caller,
        log: &Log,
        world: &World<'_>,
    ) -> Option<Reply> {
        let rules = self.rules.0.load();
        let rules = rules.as_ref()?;
        let seen = Cell::new(Caller::default());
        let caller = || {
            let Peer::Anonymous(remote) = request.peer else { return Caller::default() };
            seen.set(caller(remote));
            seen.get()
        };
        let tell = |name, denial| self.tell(log, name, (binding, request), seen.get(), denial);
        match check(rules, binding, request, caller, &control_group_at, world) {
            Checked::Allowed => None,
            Checked::WouldRefuse(denial) => {
                tell("accessWouldBeDenied", denial);
                None
            }
            Checked::Refused(denial, reply) => {
                tell("accessDenied", denial);
                Some(reply)
            }
        }
    }

    fn tell(
        &self,
        log: &Log,
        name: &'static str,
        (binding, request): (&Binding, &Request),
        caller: Caller,
        denial: Denial,
    ) {
        let path = canonical(&request.path).unwrap_or_default();
        let path = masked_path(&path, |segment| binding.has_word(segment));
        let told = |number: Option<u64>| number.map_or_else(|| "unknown".to_owned(), |number| number.to_string());
        let (user, group) = (told(caller.uid.map(u64::from)), told(caller.cgroup));
        let event = Event::named(name).with("binding", &self.binding).with("workload", binding.workload());
        let event = event.with("method", &request.method).with("path", &path);
        let event = event.with("user", &user).with("controlGroup", &group);
        log.event(&event.apart(&format!("{} {path} {user} {group}", self.binding)), &denial);
    }
}

/// Two are alike where they are the rules of one binding.
impl PartialEq for RulesInForce {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for RulesInForce {}

impl std::fmt::Debug for RulesInForce {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("rules")
    }
}
