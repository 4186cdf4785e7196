//! The lanes in which requests that touch the store wait.

/// The lane in which a request that touches the store waits: each has a queue and threads of its own, so that
/// a request in one holds up none in another ([ADR 20](../../../docs/adr/0020-lanes.md)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// The installation's own: health, the view, hosts and the keys of their identities.
    System,
    /// Deletions: revocation must not wait behind anything else.
    Removal,
    /// Changes.
    Write,
    /// Deployments, as far as their templates are evaluated: that takes memory.
    Template,
    /// One thing, read.
    Read,
    /// Any number of things, read.
    List,
    /// Requests of somebody who has not proved who they are.
    Stranger,
}

impl Lane {
    /// Every one.
    pub const ALL: [Self; 7] =
        [Self::System, Self::Removal, Self::Write, Self::Template, Self::Read, Self::List, Self::Stranger];
}
