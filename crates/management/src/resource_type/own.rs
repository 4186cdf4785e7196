//! Types whose rows are no resources: the table, or what takes the place of one, is the type's own.

use crate::command::{Call, Verb};
use crate::fault::Fault;
use crate::order::access::Access;
use crate::outcome::Outcome;
use bonafide_core::access::{Allowed, Attributes};
use bonafide_store::{ReadTx, Tx};

/// Answers from what is stored.
pub(crate) type ReadFn = fn(&ReadTx<'_>, &Call<'_>, &Access) -> Result<Outcome, Fault>;
/// Gives what a condition of a role may ask of a call beside its action.
pub(crate) type AttributesFn = fn(&Tx<'_>, &Call<'_>, &Access) -> Result<Attributes, Fault>;
/// Gives the etag of what a change is about, as it is; `None` if it is not there.
pub(crate) type TagFn = fn(&Tx<'_>, &Call<'_>, &Access) -> Result<Option<String>, Fault>;
/// Changes what is stored.
pub(crate) type ChangeFn = fn(&mut Tx<'_>, &Call<'_>, &Access, &Allowed) -> Result<Outcome, Fault>;

/// The place of a type's rows.
pub(crate) enum Rows {
    /// They are resources.
    Resources,
    /// The type has a table of its own, or none.
    Own(&'static Own),
}

/// The calls of a type whose rows are no resources. What is `None` is not offered.
pub(crate) struct Own {
    /// The only name that there is, where there is only one.
    pub(crate) only: Option<&'static str>,
    pub(crate) check_name: fn(&str) -> Result<(), Fault>,
    pub(crate) get: Option<ReadFn>,
    /// Says only whether a row is there.
    pub(crate) head: Option<ReadFn>,
    pub(crate) list: Option<(ListRight, ReadFn)>,
    /// True if locks do not stop it: a lock can be taken away.
    pub(crate) is_above_locks: bool,
    pub(crate) changes: Option<Changes>,
    /// The attributes of a change; of a type without any, what is granted under a condition is not granted.
    pub(crate) attributes: AttributesFn,
}

impl Own {
    /// A type that offers nothing.
    pub(crate) const NOTHING: Self = Self {
        only: None,
        check_name: |_| Ok(()),
        get: None,
        head: None,
        list: None,
        is_above_locks: false,
        changes: None,
        attributes: |_, _, _| Ok(Attributes::default()),
    };

    /// The function that does a change.
    pub(crate) fn change(&self, verb: Verb) -> Option<ChangeFn> {
        let changes = self.changes.as_ref()?;
        match verb {
            Verb::Put => changes.put,
            Verb::Patch => changes.patch,
            Verb::Delete => changes.delete,
            Verb::Get | Verb::Head | Verb::List | Verb::Action(_) => None,
        }
    }
}

/// The changes of rows that are no resources. What is `None` is not offered.
pub(crate) struct Changes {
    /// The etag of a row: no change is offered whose preconditions could not be checked.
    pub(crate) etag: TagFn,
    pub(crate) put: Option<ChangeFn>,
    pub(crate) patch: Option<ChangeFn>,
    pub(crate) delete: Option<ChangeFn>,
}

/// The roles that a list requires.
#[derive(Debug, Clone, Copy)]
pub(crate) enum ListRight {
    /// A role that grants `{type}/read` at the scope.
    Granted,
    /// Any role near the scope: the list shows what belongs to the caller.
    Near,
}
