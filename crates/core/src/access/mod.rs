//! Who may do what: role definitions, role assignments and the check.

pub mod assignments;
mod chain;
mod check;
mod grants;
pub mod locks;
mod matching;
mod may_write;
mod plane;
mod proof;
pub mod roles;
mod scope_key;

pub use assignments::{AssignmentError, NewAssignment, ROLE_ASSIGNMENTS, RoleAssignment};
pub use chain::{Chain, chain_of};
pub use check::{Denied, check};
pub use grants::Grants;
pub use matching::matches;
pub use may_write::may_write;
pub use plane::Plane;
pub use proof::{Allowed, WrongProof};
pub use scope_key::ScopeKey;
