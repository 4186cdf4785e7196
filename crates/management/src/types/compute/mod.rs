//! `Microsoft.Compute`.

pub(crate) mod dedicated_hosts;
pub(crate) mod extensions;
pub(crate) mod on_host;
pub(crate) mod scale_sets;
mod statuses;
pub(crate) mod system;
pub(crate) mod virtual_machines;
mod vm_agent;
