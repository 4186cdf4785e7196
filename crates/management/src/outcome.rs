//! The outcome of a command, apart from its form on the wire.

use bonafide_types::{OperationId, SubscriptionId};
use serde_json::Value;

/// The outcome of a command.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// The resource or list exists and is shown.
    Shown(Shown),
    /// The resource was made and is shown.
    Created(Shown),
    /// It is done, and nothing is shown.
    Done,
    /// There is nothing to show, or nothing was there.
    Nothing,
    /// An operation does the rest.
    Accepted(Accepted),
    /// An operation is not done yet.
    Running(Value),
}

/// A resource or a list.
#[derive(Debug)]
pub(crate) struct Shown {
    pub(crate) body: Value,
    /// The etag of one resource.
    pub(crate) etag: Option<String>,
}

impl Outcome {
    /// A body without an etag.
    pub(crate) fn shown(body: Value) -> Self {
        Self::Shown(Shown { body, etag: None })
    }
}

/// An operation that a client polls.
#[derive(Debug)]
pub(crate) struct Accepted {
    pub(crate) subscription: SubscriptionId,
    pub(crate) operation: OperationId,
    /// The namespace and location under which clients of some types look for the operation's status.
    pub(crate) status: Option<(String, String)>,
}
