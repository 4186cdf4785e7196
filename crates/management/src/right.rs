//! The rights of calls. A right stands beside the call that it guards: in the entry of a fixed endpoint,
//! in a type's name, in an action. None of them has a default (TN-06).

use crate::command::{Command, Target, Verb};
use crate::resource_type::{ListRight, Rows};
use bonafide_types::{OperationId, Scope, SubscriptionId};

/// The right that a call requires.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Right {
    /// Any valid token; the answer holds only resources that the caller has a role for, or is the same for all.
    SignedIn,
    /// Any role in the subscription.
    AnyRole(SubscriptionId),
    /// A role that grants the action at the scope.
    Action(String, Scope),
    /// As `Action`; whoever holds any role at the scope, above it or inside it sees what those roles let them
    /// read.
    Listing(String, Scope),
    /// As `Action`, at a management group; where that is not there, the right at any: the change itself asks for it at the one
    /// in which the new group is to lie, once its body is read.
    Placing(String, Scope),
    /// The start of the operation by the caller, or the right to read operations in the subscription.
    Operation(SubscriptionId, OperationId),
}

impl Command {
    /// The command's right.
    pub(crate) fn right(&self) -> Right {
        let (scope, kind) = match &self.target {
            Target::Fixed(fixed, named) => return (fixed.right)(named),
            Target::Resource(id, kind) if matches!(self.verb, Verb::List) => {
                return Right::Listing(kind.right("read"), Scope::Id(id.clone()));
            }
            Target::Resource(id, kind) => (Scope::Id(id.clone()), kind),
            Target::Own(scope, kind, _) => (scope.clone(), kind),
        };
        let verb = match self.verb {
            Verb::Put | Verb::Patch => "write",
            Verb::Get | Verb::Head | Verb::List => "read",
            Verb::Delete => "delete",
            Verb::Action(action) => action.right,
        };
        if let (Verb::List, Rows::Own(own)) = (self.verb, &kind.of.rows)
            && matches!(own.list, Some((ListRight::Near, _)))
        {
            return match scope {
                Scope::Root => Right::SignedIn,
                scope => Right::Listing(kind.right(verb), scope),
            };
        }
        Right::Action(kind.right(verb), scope)
    }
}
