//! The two kinds of operations.

/// One of a role's two sets of operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plane {
    /// Managing resources: `actions`.
    Control,
    /// The contents of resources: `dataActions`.
    Data,
}
