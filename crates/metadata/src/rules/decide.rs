//! The decision: from a request and its caller to allowed or not.

use super::{Identity, Privilege, Rules};
use bonafide_wire::Parameters;

/// The caller of a request, as far as the kernel tells.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Caller {
    /// Its user.
    pub uid: Option<u32>,
    /// The id of its control group (of version 2), which no other one ever has.
    pub cgroup: Option<u64>,
}

/// The reason why a request is not allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Denial {
    /// No version of the rules could be read.
    #[error("the rules of this binding cannot be read")]
    NoRules,
    /// Nobody may ask for that.
    #[error("no rule is about this request")]
    NoPrivilege,
    /// Others may.
    #[error("the rules allow it to others")]
    OtherCaller,
    /// Those who may cannot be told from others here.
    #[error("the rules name callers by what cannot be seen of this one")]
    UnseenCaller,
}

/// A request that has passed the gate.
pub(super) struct Request<'r> {
    pub(super) dialect: &'r str,
    pub(super) method: &'r str,
    /// In its canonical form.
    pub(super) path: &'r str,
    /// `None` where they cannot be read, which is the parameters of no privilege that names some.
    pub(super) parameters: Option<&'r Parameters>,
}

/// The id of the control group at a path, where there is one now.
pub(super) type CgroupAt<'a> = &'a dyn Fn(&str) -> Option<u64>;

impl Rules {
    /// Decides, whatever the mode.
    pub(super) fn decide(
        &self,
        request: &Request<'_>,
        caller: impl FnOnce() -> Caller,
        cgroup_at: CgroupAt<'_>,
    ) -> Result<(), Denial> {
        if self.are_missing {
            return Err(Denial::NoRules);
        }
        let about = |grant: &&super::Grant| grant.privileges.iter().any(|privilege| privilege.is_about(request));
        let mut grants = self.grants.iter().filter(about).peekable();
        if grants.peek().is_none() {
            return Err(Denial::NoPrivilege);
        }
        let caller = if self.name_callers() { caller() } else { Caller::default() };
        let mut is_unseen = false;
        for identity in grants.flat_map(|grant| &grant.identities) {
            match identity.is(caller, cgroup_at) {
                Some(true) => return Ok(()),
                Some(false) => {}
                None => is_unseen = true,
            }
        }
        Err(if is_unseen { Denial::UnseenCaller } else { Denial::OtherCaller })
    }
}

impl Privilege {
    fn is_about(&self, request: &Request<'_>) -> bool {
        let below = request.path.strip_prefix(self.path.trim_end_matches('/'));
        let has = |(name, value): &(String, String)| {
            request.parameters.is_some_and(|parameters| parameters.get(name) == Some(value))
        };
        below.is_some_and(|below| below.is_empty() || below.starts_with('/'))
            && self.dialect.as_deref().is_none_or(|dialect| dialect == request.dialect)
            && self.method.as_deref().is_none_or(|method| method == request.method)
            && self.parameters.iter().all(has)
    }
}

impl Identity {
    /// `None` where something that decides cannot be seen, and nothing else is against it.
    fn is(&self, caller: Caller, cgroup_at: CgroupAt<'_>) -> Option<bool> {
        let Self::Is { uid, cgroup } = self else { return Some(true) };
        let user = uid.map_or(Some(true), |uid| caller.uid.map(|is| is == uid));
        if user == Some(false) {
            return user;
        }
        // A group that is not there has no callers.
        let group = cgroup.as_deref().map_or(Some(true), |path| caller.cgroup.map(|is| cgroup_at(path) == Some(is)));
        match (user, group) {
            (Some(true), group) => group,
            (_, Some(false)) => Some(false),
            (_, _) => None,
        }
    }
}
