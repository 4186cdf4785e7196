//! Long-running operations: a row that the client polls, whichever replica it reaches, and the work that is
//! left to do.

mod advance;
pub(crate) mod deletion;

pub(crate) use advance::{STEP_ITEMS_MAX, advance};
pub use advance::{advance_all, sweep};

use bonafide_store::{Absence, Index, Read, StoreError, Table, Tx};
use bonafide_types::{ObjectId, OperationId, SubscriptionId, TenantId, Timestamp, World};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// An operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Operation {
    /// The tenant of its subscription.
    pub tenant: TenantId,
    /// The principal that started it, and may poll it.
    pub principal: ObjectId,
    /// The work that is left.
    pub work: Work,
    /// The time of its start.
    pub started_at: Timestamp,
    /// The time of its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// The end of an operation that did not succeed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<BadEnd>,
}

/// The end of an operation that did not succeed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum BadEnd {
    /// It could not be done.
    Failed {
        /// The code of the error.
        code: String,
        /// The error.
        message: String,
    },
    /// Somebody canceled it.
    Canceled,
}

/// The state of an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// There is more to do.
    Running,
    /// It is done.
    Succeeded,
    /// It could not be done.
    Failed {
        /// The code of the error.
        code: String,
        /// The error.
        message: String,
    },
    /// Somebody canceled it.
    Canceled,
}

impl Operation {
    /// The state of the operation.
    pub fn status(&self) -> Status {
        match (&self.end, self.ended_at) {
            (Some(BadEnd::Failed { code, message }), _) => {
                Status::Failed { code: code.clone(), message: message.clone() }
            }
            (Some(BadEnd::Canceled), _) => Status::Canceled,
            (None, Some(_)) => Status::Succeeded,
            (None, None) => Status::Running,
        }
    }
}

/// The work that an operation has left: the name of a `Worker`, and its progress in a form of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Work {
    /// The worker's name.
    pub kind: String,
    /// The progress.
    #[serde(flatten)]
    pub state: Map<String, Value>,
}

impl Work {
    /// The work of a worker in its first state.
    pub fn new(kind: &str, state: &impl Serialize) -> Self {
        // A state is a struct of ours; one that has no JSON form is no work.
        let state = serde_json::to_value(state).ok().and_then(|state| state.as_object().cloned());
        Self { kind: kind.to_owned(), state: state.unwrap_or_default() }
    }

    /// The progress, as its worker writes it.
    pub fn state<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_value(Value::Object(self.state.clone())).ok()
    }
}

/// Somebody who knows how to go on with the work of one kind.
pub(crate) struct Worker {
    /// The kind.
    pub(crate) kind: &'static str,
    /// Takes one step of at most so many items in a transaction.
    pub(crate) step: fn(&mut Tx<'_>, &World<'_>, &mut Work, usize) -> Result<Step, StoreError>,
    /// Undoes what would keep others waiting for work that failed.
    pub(crate) give_up: fn(&mut Tx<'_>, &World<'_>, &Work) -> Result<(), StoreError>,
}

/// The result of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// There is more to do.
    More,
    /// It was the last one.
    Last,
    /// The work that is left cannot be read, so that nothing was done.
    Unreadable,
}

/// All workers: one line each.
const WORKERS: [&Worker; 3] = [&deletion::OF_GROUPS, &deletion::OF_RESOURCES, &FINISHED];

/// Rows of older versions, which answered a finished write with an operation.
static FINISHED: Worker = Worker { kind: "done", step: |_, _, _, _| Ok(Step::Last), give_up: |_, _, _| Ok(()) };

/// The worker of this kind; `None` for work of a later version.
fn worker(kind: &str) -> Option<&'static Worker> {
    WORKERS.into_iter().find(|worker| worker.kind == kind)
}

/// Operations by subscription and id.
pub const OPERATIONS: Table<(SubscriptionId, OperationId), Operation> =
    Table::indexed("operation", Absence::Allows, |_, operation, entries| match operation.ended_at {
        Some(at) => entries.many(&ENDED_BY_TIME, &at),
        None => entries.many(&UNFINISHED, &()),
    });

/// The same entries as [`ENDED_BY_TIME`], oldest first.
pub(super) const ENDED: Index<(), (Timestamp, (SubscriptionId, OperationId))> = Index::new("operation-ended");
const ENDED_BY_TIME: Index<Timestamp, (SubscriptionId, OperationId)> = Index::new("operation-ended");

/// Operations that are not done.
pub(super) const UNFINISHED: Index<(), (SubscriptionId, OperationId)> = Index::new("operation-unfinished");

/// Time for which an operation can be polled after it is done, in seconds (one day). Source: ours.
pub const OPERATION_SECONDS: u64 = 86_400;

/// Stores an operation that a request started.
pub(crate) fn start(
    tx: &mut Tx<'_>,
    world: &World<'_>,
    (tenant, principal): (TenantId, ObjectId),
    subscription: SubscriptionId,
    work: Work,
) -> Result<OperationId, StoreError> {
    let id = OperationId::random(world.entropy);
    let operation = Operation { tenant, principal, work, started_at: world.now, ended_at: None, end: None };
    tx.create(&OPERATIONS, &(subscription, id), &operation)?;
    Ok(id)
}

/// The operation with this id.
pub(crate) fn find(
    tx: &impl Read,
    subscription: SubscriptionId,
    id: OperationId,
) -> Result<Option<Operation>, StoreError> {
    tx.get(&OPERATIONS, &(subscription, id))
}
