//! The reasons why a deployment is refused.

use crate::operations::Failure;
use bonafide_types::Timestamp;
use uuid::Uuid;

/// A deployment that is not begun, found or forgotten.
#[derive(Debug)]
pub(crate) enum DeploymentError {
    /// Its template, or the parameters to it, cannot be read or evaluated.
    Template(String),
    /// A template that uses a part of the language which is not served yet.
    Later(String),
    /// Some of its resources cannot be made.
    Refused { name: String, tracking: Uuid, details: Vec<Failure> },
    /// One of this name is not done yet.
    Active { name: String, since: Timestamp },
    /// It cannot be canceled, for it has ended.
    NotCancelable { name: String, state: &'static str },
    /// No such deployment.
    NotFound(String),
    /// No such operation of a deployment.
    OperationNotFound(String),
    /// The group has all that it can have, and none has ended.
    TooMany,
    /// Its secrets could not be sealed.
    NotSealed,
}
