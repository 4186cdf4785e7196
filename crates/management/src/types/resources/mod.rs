//! `Microsoft.Resources`.

pub(crate) mod groups;
