//! `Microsoft.Compute`.

pub(crate) mod extensions;
pub(crate) mod virtual_machines;
