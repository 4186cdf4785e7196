//! The two kinds of operations.

/// Which of a role's two sets of operations is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plane {
    /// Managing resources: `actions`.
    Control,
    /// The contents of resources: `dataActions`.
    Data,
}
