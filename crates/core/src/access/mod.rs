//! Access: role definitions, role assignments, locks and the check.

pub mod assignments;
mod chain;
mod check;
pub mod custom_roles;
pub mod definitions;
mod directory_actions;
mod directory_rights;
mod grants;
pub mod locks;
mod matching;
mod may_decide_hosts;
mod may_write;
mod permission;
mod plane;
mod proof;
pub mod roles;
mod root_owners;
mod scope_key;
mod sights;

pub use assignments::{AssignmentError, NewAssignment, ROLE_ASSIGNMENTS, RoleAssignment};
pub use chain::{Chain, chain_of};
pub use check::{Denied, check};
pub use custom_roles::{Assignable, CUSTOM_ROLES, CustomRole};
pub use definitions::{NewRole, RoleError};
pub use directory_actions::{CHANGE_DIRECTORY, READ_DIRECTORY};
pub use directory_rights::{may_change_directory, may_manage};
pub use grants::Grants;
pub use matching::matches;
pub use may_decide_hosts::{DECIDE_HOSTS, may_decide_hosts};
pub use may_write::may_write;
pub use permission::{Pattern, Permission};
pub use plane::Plane;
pub use proof::{Allowed, WrongProof};
pub use root_owners::OWNER;
pub use scope_key::ScopeKey;
pub use sights::Sights;
