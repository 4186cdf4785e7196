//! Who may do what: role definitions, role assignments and the check.

pub mod assignments;
mod check;
mod matching;
pub mod roles;
mod scope_key;

pub use assignments::{AssignmentError, NewAssignment, ROLE_ASSIGNMENTS, RoleAssignment};
pub use check::{Allowed, Chain, Denied, Grants, Plane, WrongProof, check};
pub use matching::matches;
pub use scope_key::ScopeKey;
