//! Putting workloads on this host, which is not the agent's to do.

use bonafide_types::ResourceUuid;

/// Puts workloads on this host at the wish of a session. Each call may block; a refusal is text for the person who asked.
pub trait Placer: Send + Sync + 'static {
    /// The workload that an ARM id or a name means.
    fn resolve(&self, wanted: &str) -> Result<ResourceUuid, String>;

    /// The workloads that can be named, in words for the person who named none.
    fn choice(&self) -> String;

    /// Puts a workload on the host; false when it was there already.
    fn place(&self, workload: ResourceUuid) -> Result<bool, String>;

    /// Takes a workload from the host.
    fn take_away(&self, workload: ResourceUuid) -> Result<(), String>;
}
