//! Long-running operations: a row that the client polls, whichever replica it reaches, and the work that is
//! left to do.

mod advance;
mod begun;
pub(crate) mod deletion;
mod failure;
mod on_behalf;
pub(crate) mod telling;

pub(crate) use advance::{STEP_ITEMS_MAX, advance};
pub use advance::{advance_all, sweep};
pub(crate) use begun::Begun;
pub use failure::Failure;
pub use on_behalf::OnBehalf;

use crate::Cx;
use crate::deployments;
use crate::fault::Fault;
use crate::types::compute::{extensions, scale_sets, virtual_machines};
use bonafide_core::tokens::Caller;
use bonafide_store::{Absence, Index, Read, StoreError, Table, Tx};
use bonafide_types::{ObjectId, OperationId, SubscriptionId, TenantId, Timestamp};
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
    /// The caller in whose name its steps are taken; none where they need no right, since what they do was allowed
    /// at the start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_behalf: Option<OnBehalf>,
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
    Failed(Failure),
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
    Failed(Failure),
    /// Somebody canceled it.
    Canceled,
}

impl Operation {
    /// The state of the operation.
    pub fn status(&self) -> Status {
        match (&self.end, self.ended_at) {
            (Some(BadEnd::Failed(failure)), _) => Status::Failed(failure.clone()),
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
    /// Takes one step in a transaction, which nothing is left of when it fails.
    pub(crate) step: fn(&mut Tx<'_>, &Turn<'_>, &mut Work) -> Result<Step, StepError>,
    /// Leaves what failed as it is to stay: what would keep others waiting is undone.
    pub(crate) give_up: fn(&mut Tx<'_>, &Turn<'_>, &Work, &Failure) -> Result<(), StoreError>,
    /// True for work that only takes away, and so is done on a full disk, too.
    pub(crate) takes_away: bool,
}

/// The circumstances of one step.
#[derive(Clone, Copy)]
pub(crate) struct Turn<'a> {
    pub(crate) cx: &'a Cx<'a>,
    on_behalf: Option<&'a OnBehalf>,
    /// Items that the step may take on, at most.
    pub(crate) batch: usize,
}

impl Turn<'_> {
    /// The caller in whose name the step's commands are; its rights are asked for anew with each.
    pub(crate) fn caller(&self) -> Result<Caller, StepError> {
        self.on_behalf.and_then(OnBehalf::caller).ok_or_else(unreadable)
    }
}

/// The result of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// There is more to do.
    More,
    /// It was the last one.
    Last,
    /// It changed nothing, for something else must happen first.
    Waits,
    /// It changed nothing, for another operation must end first.
    WaitsFor((SubscriptionId, OperationId)),
}

/// The reason why a step was not taken.
#[derive(Debug)]
pub(crate) enum StepError {
    /// It is tried again.
    Store(StoreError),
    /// No later try would do better: the operation ends with this.
    Failed(Failure),
}

impl From<StoreError> for StepError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::ValueTooLarge { .. } | StoreError::KeyTooLong { .. } | StoreError::TooDeep { .. } => {
                Self::Failed(Fault::BodyTooLarge.failure())
            }
            other => Self::Store(other),
        }
    }
}

/// The refusal of a command is the end of the operation; trouble of the store is not.
impl From<Fault> for StepError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Store(error) => Self::Store(error),
            other => Self::Failed(other.failure()),
        }
    }
}

/// The end of work of a form that nobody wrote.
pub(crate) fn unreadable() -> StepError {
    StepError::Failed(Failure::new("OperationUnreadable", "What is left to do cannot be read."))
}

/// All workers: one line each.
const WORKERS: &[&Worker] = &[
    &deletion::OF_GROUPS,
    &deletion::OF_RESOURCES,
    &deployments::WORKER,
    &extensions::WORKER,
    &scale_sets::INSTANCES_FOLLOW,
    &telling::WORKER,
    &virtual_machines::EVENTS,
    &FINISHED,
];

/// Rows of older versions, which answered a finished write with an operation.
static FINISHED: Worker =
    Worker { kind: "done", step: |_, _, _| Ok(Step::Last), give_up: |_, _, _, _| Ok(()), takes_away: true };

/// The worker of this kind; `None` for work of a later version.
fn worker(kind: &str) -> Option<&'static Worker> {
    WORKERS.iter().copied().find(|worker| worker.kind == kind)
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

/// Cancels an operation that has not ended. No step of it is taken from here on.
pub(crate) fn cancel(
    tx: &mut Tx<'_>,
    now: Timestamp,
    subscription: SubscriptionId,
    id: OperationId,
) -> Result<(), StoreError> {
    match tx.get(&OPERATIONS, &(subscription, id))? {
        Some(mut operation) if operation.ended_at.is_none() => {
            operation.ended_at = Some(now);
            operation.end = Some(BadEnd::Canceled);
            tx.put(&OPERATIONS, &(subscription, id), &operation)
        }
        _ => Ok(()),
    }
}

/// The operation with this id.
pub(crate) fn find(
    tx: &impl Read,
    subscription: SubscriptionId,
    id: OperationId,
) -> Result<Option<Operation>, StoreError> {
    tx.get(&OPERATIONS, &(subscription, id))
}
