//! The outcome of a command, apart from its form on the wire.

use crate::resource_type::Kind;
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
    /// The resource is stored and shown; an operation does the rest, or has failed to.
    Begun(Begun),
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
    /// The address at which clients of some types look for the operation's status.
    pub(crate) status: Option<StatusAddress>,
}

impl Accepted {
    /// The operation's key.
    pub(crate) fn key(&self) -> (SubscriptionId, OperationId) {
        (self.subscription, self.operation)
    }
}

/// The address of an operation's status: a choice of the type that it is about.
#[derive(Debug)]
pub(crate) enum StatusAddress {
    /// In a namespace, at a location.
    OfLocation { namespace: String, location: String },
    /// Below a path, which has a route of its own for it.
    Below(String),
}

impl StatusAddress {
    /// The address for a resource of a type at a location.
    pub(crate) fn of(kind: &Kind, location: String) -> Self {
        let namespace = kind.name.split('/').next().unwrap_or_default();
        Self::OfLocation { namespace: namespace.to_owned(), location }
    }
}

/// A write that goes on after its answer.
#[derive(Debug)]
pub(crate) struct Begun {
    pub(crate) shown: Shown,
    /// True if the resource was made.
    pub(crate) is_new: bool,
    pub(crate) operation: Accepted,
}
