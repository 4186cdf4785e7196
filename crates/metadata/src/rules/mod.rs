//! Rules of a binding: the callers that may ask, and what each of them may ask for (MD-11). Once they are in force, what no rule
//! allows is refused. The parts and their names are those of the access control profiles of Azure's Metadata Security
//! Protocol; the decision is ours.

mod check;
mod decide;
mod read;
#[cfg(test)]
mod tests;

pub use check::{Checked, check};
pub use decide::{Caller, Denial};
pub use read::{RULES_BYTES_MAX, RulesError, RulesFault};

/// The consequence of rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// None: everything is answered.
    Disabled,
    /// Refusals are told, and answered all the same.
    Audit,
    /// Requests that they do not allow are refused.
    Enforce,
}

/// The rules of a binding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    mode: Mode,
    grants: Vec<Grant>,
    /// True where there is no version that could be read: nothing is allowed.
    are_missing: bool,
}

/// A role that was assigned.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Grant {
    privileges: Vec<Privilege>,
    identities: Vec<Identity>,
}

/// Something that can be asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Privilege {
    /// In its canonical form; what is below it is meant, too.
    path: String,
    dialect: Option<String>,
    method: Option<String>,
    /// Parameters that the request has, with these values.
    parameters: Vec<(String, String)>,
}

/// A caller, as the kernel knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Identity {
    /// Every caller that can reach the endpoint.
    Anyone,
    /// One of whom all that is said is true.
    Is { uid: Option<u32>, cgroup: Option<String> },
}

impl Rules {
    /// Those that allow nothing: in place of rules that cannot be read.
    pub fn denying_all() -> Self {
        Self { mode: Mode::Enforce, grants: Vec::new(), are_missing: true }
    }

    /// The name of their mode, as a file has it.
    pub fn mode(&self) -> &'static str {
        match self.mode {
            Mode::Disabled => "disabled",
            Mode::Audit => "audit",
            Mode::Enforce => "enforce",
        }
    }

    /// True where they have a consequence.
    pub fn are_in_force(&self) -> bool {
        self.mode != Mode::Disabled
    }

    /// True where some decision depends on the caller's control group.
    pub fn name_cgroups(&self) -> bool {
        self.are_in_force() && self.identities().any(|it| matches!(it, Identity::Is { cgroup: Some(_), .. }))
    }

    /// True where some decision depends on the caller, if they are in force.
    pub fn name_callers(&self) -> bool {
        self.identities().any(|it| *it != Identity::Anyone)
    }

    fn identities(&self) -> impl Iterator<Item = &Identity> {
        self.grants.iter().flat_map(|grant| &grant.identities)
    }
}
