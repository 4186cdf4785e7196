//! `Microsoft.ManagedIdentity`.

pub(crate) mod associated;
pub(crate) mod operations;
pub(crate) mod system_assigned;
pub(crate) mod user_assigned;
