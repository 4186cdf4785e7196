//! `Microsoft.Authorization`: extension resources at any scope.

pub(crate) mod deny_assignments;
pub(crate) mod locks;
pub(crate) mod permissions;
pub(crate) mod role_assignments;
pub(crate) mod role_definitions;
