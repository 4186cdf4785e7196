//! The lanes in which requests that touch the store wait.

/// Where a request that touches the store waits, and with whom: each lane has a queue and threads of its own, so that
/// what waits in one holds up nobody in another ([ADR 20](../../../docs/adr/0020-lanes.md)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// What the installation itself lives on: health, the view, hosts and the keys of their identities.
    System,
    /// What takes something away: revocation must not wait behind anything else.
    Removal,
    /// What changes something.
    Write,
    /// What reads one thing.
    Read,
    /// What reads any number of things.
    List,
    /// What comes from somebody who has not proved who they are.
    Stranger,
}

impl Lane {
    /// Every one.
    pub const ALL: [Self; 6] = [Self::System, Self::Removal, Self::Write, Self::Read, Self::List, Self::Stranger];
}
