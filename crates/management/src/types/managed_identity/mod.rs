//! `Microsoft.ManagedIdentity`.

mod associated;
pub(crate) mod identities;
pub(crate) mod user_assigned;
