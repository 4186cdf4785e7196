//! `Microsoft.Resources`: what Resource Manager itself holds.

pub(crate) mod endpoints;
pub(crate) mod groups;
pub(crate) mod inventory;
pub(crate) mod locations;
pub(crate) mod providers;
pub(crate) mod subscriptions;
