//! `Microsoft.Resources`.

pub(crate) mod groups;
pub(crate) mod tags;
