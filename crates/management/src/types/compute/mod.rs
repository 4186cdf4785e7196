//! `Microsoft.Compute`.

pub(crate) mod virtual_machines;
