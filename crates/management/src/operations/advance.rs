//! Work that outlives a request. Each step is one transaction and can be taken by any replica: the request
//! that started the operation takes the first steps, whoever polls it takes more, and `advance_all` picks up
//! what a stopped process left.

use super::{
    BadEnd, ENDED, Failure, OPERATION_SECONDS, OPERATIONS, Operation, Step, StepError, Turn, UNFINISHED, worker,
};
use crate::Cx;
use bonafide_store::{Read, Store, StoreError, Tx};
use bonafide_types::{OperationId, SubscriptionId, World};

/// Resources and role assignments deleted in one transaction, at most. Source: ours; a commit has 4,096
/// operations and a small resource takes about 20.
pub(crate) const STEP_ITEMS_MAX: usize = 100;
/// Rows of operations read or deleted at once. Source: ours.
const OPERATIONS_AT_ONCE: usize = 100;
/// Steps that one operation gets in a round of [`advance_all`], so that none keeps the others waiting.
/// Source: ours.
const STEPS_PER_ROUND: usize = 256;

/// Takes at most `steps` steps of an operation, and returns it as it then is; `None` when there is none. Of another one
/// that it waits for they are taken first.
pub(crate) fn advance(
    cx: &Cx<'_>,
    key: (SubscriptionId, OperationId),
    mut steps: usize,
) -> Result<Option<Operation>, StoreError> {
    take(cx, key, &mut steps)
}

fn take(cx: &Cx<'_>, key: (SubscriptionId, OperationId), steps: &mut usize) -> Result<Option<Operation>, StoreError> {
    let mut batch = STEP_ITEMS_MAX;
    let mut operation = cx.store.read(|tx| tx.get(&OPERATIONS, &key))?;
    while *steps > 0 {
        let Some(before) = operation.as_ref().filter(|operation| operation.ended_at.is_none()) else { break };
        match fitting_step(cx, key, before, &mut batch)? {
            Taken::Waits => break,
            // It is older than what waits for it, so that none waits for itself.
            Taken::WaitsFor(other) => {
                if take(cx, other, steps)?.is_some_and(|other| other.ended_at.is_none()) {
                    break;
                }
            }
            Taken::Now(now) => {
                operation = now.map(|now| *now);
                *steps -= 1;
            }
        }
    }
    Ok(operation)
}

/// The result of a step that was tried.
enum Taken {
    /// The operation as it is now.
    Now(Option<Box<Operation>>),
    /// There is nothing to do at present.
    Waits,
    /// There is nothing to do before the end of another operation.
    WaitsFor((SubscriptionId, OperationId)),
}

impl Taken {
    fn now(operation: Option<Operation>) -> Self {
        Self::Now(operation.map(Box::new))
    }
}

/// Takes one step, a smaller one when a commit cannot hold it: resources with hundreds of identities fill a
/// commit sooner.
fn fitting_step(
    cx: &Cx<'_>,
    key: (SubscriptionId, OperationId),
    before: &Operation,
    batch: &mut usize,
) -> Result<Taken, StoreError> {
    loop {
        match cx.store.write(|tx| step(tx, cx, key, *batch)) {
            Err(StepError::Store(StoreError::TooManyOps { .. } | StoreError::TooManyReads { .. })) => {
                if *batch > 1 {
                    *batch = batch.div_ceil(4);
                    continue;
                }
                let failure =
                    Failure::new("OperationTooLarge", "A step of the operation does not fit into one transaction.");
                return end(cx, key, before, failure).map(Taken::now);
            }
            Err(StepError::Failed(failure)) => return end(cx, key, before, failure).map(Taken::now),
            Err(StepError::Store(error)) => return Err(error),
            Ok(taken) => return Ok(taken),
        }
    }
}

/// Goes on with every unfinished operation. The shell calls it now and then. One that fails does not keep
/// the others from their turn; the first failure is returned after all had theirs.
pub fn advance_all(cx: &Cx<'_>) -> Result<(), StoreError> {
    let mut outcome = Ok(());
    let mut after = None;
    loop {
        let keys = cx.store.read(|tx| tx.many(&UNFINISHED, &(), after.as_ref(), OPERATIONS_AT_ONCE))?;
        for key in &keys {
            let advanced = advance(cx, *key, STEPS_PER_ROUND);
            outcome = outcome.and(advanced.map(drop));
        }
        after = keys.last().copied();
        if keys.len() < OPERATIONS_AT_ONCE {
            return outcome;
        }
    }
}

/// Forgets operations that were done more than [`OPERATION_SECONDS`] ago. The shell calls it now and then.
pub fn sweep(store: &Store, world: &World<'_>) -> Result<(), StoreError> {
    loop {
        let old = store.read(|tx| tx.many(&ENDED, &(), None, OPERATIONS_AT_ONCE))?;
        let old: Vec<_> =
            old.into_iter().filter(|(ended, _)| ended.plus_seconds(OPERATION_SECONDS) < world.now).collect();
        if old.is_empty() {
            return Ok(());
        }
        store.write(|tx| old.iter().try_for_each(|(_, key)| tx.delete(&OPERATIONS, key)))?;
    }
}

fn step(tx: &mut Tx<'_>, cx: &Cx<'_>, key: (SubscriptionId, OperationId), batch: usize) -> Result<Taken, StepError> {
    let Some(mut operation) = tx.get(&OPERATIONS, &key)? else { return Ok(Taken::Now(None)) };
    if operation.ended_at.is_some() {
        return Ok(Taken::now(Some(operation)));
    }
    // Work of a later version waits for one.
    let Some(worker) = worker(&operation.work.kind) else { return Ok(Taken::Waits) };
    let turn = Turn { cx, on_behalf: operation.on_behalf.as_ref(), batch };
    match (worker.step)(tx, &turn, &mut operation.work)? {
        Step::More => {}
        Step::Last => operation.ended_at = Some(cx.world.now),
        Step::Waits => return Ok(Taken::Waits),
        Step::WaitsFor(other) => return Ok(Taken::WaitsFor(other)),
    }
    save(tx, key, &operation)?;
    Ok(Taken::now(Some(operation)))
}

/// Ends an operation with a failure, or with a short one where the rows that repeat it cannot hold it: an operation that
/// cannot end would be taken up again for ever.
fn end(
    cx: &Cx<'_>,
    key: (SubscriptionId, OperationId),
    before: &Operation,
    failure: Failure,
) -> Result<Option<Operation>, StoreError> {
    let code = failure.code.clone();
    let failure = failure.bounded();
    match cx.store.write(|tx| fail(tx, cx, key, before, &failure)) {
        Err(StoreError::ValueTooLarge { .. } | StoreError::TooDeep { .. }) => {
            let short = Failure::new(code, "The error is too large to be kept.").bounded();
            cx.store.write(|tx| fail(tx, cx, key, before, &short))
        }
        other => other,
    }
}

/// Ends an operation with a step that no later try would do better. One that somebody else took a step of meanwhile
/// goes on.
fn fail(
    tx: &mut Tx<'_>,
    cx: &Cx<'_>,
    key: (SubscriptionId, OperationId),
    before: &Operation,
    failure: &Failure,
) -> Result<Option<Operation>, StoreError> {
    let Some(mut operation) = tx.get(&OPERATIONS, &key)? else { return Ok(None) };
    if operation != *before {
        return Ok(Some(operation));
    }
    if let Some(worker) = worker(&operation.work.kind) {
        let turn = Turn { cx, on_behalf: operation.on_behalf.as_ref(), batch: 1 };
        (worker.give_up)(tx, &turn, &operation.work, failure)?;
    }
    operation.ended_at = Some(cx.world.now);
    operation.end = Some(BadEnd::Failed(failure.clone()));
    save(tx, key, &operation)?;
    Ok(Some(operation))
}

/// Stores the state of an operation. One that takes away, and was begun, ends on a full disk, too.
fn save(tx: &mut Tx<'_>, key: (SubscriptionId, OperationId), operation: &Operation) -> Result<(), StoreError> {
    match worker(&operation.work.kind) {
        Some(worker) if worker.takes_away => tx.put_from_reserve(&OPERATIONS, &key, operation),
        _ => tx.put(&OPERATIONS, &key, operation),
    }
}
