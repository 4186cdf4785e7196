//! Work that outlives a request. Each step is one transaction and can be taken by any replica: the request
//! that started the operation takes the first steps, whoever polls it takes more, and `advance_all` picks up
//! what a stopped process left.

use super::{BadEnd, ENDED, OPERATION_SECONDS, OPERATIONS, Operation, Step, UNFINISHED, worker};
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

/// Takes at most `steps` steps of an operation, and returns it as it then is; `None` when there is none.
pub(crate) fn advance(
    store: &Store,
    world: &World<'_>,
    key: (SubscriptionId, OperationId),
    steps: usize,
) -> Result<Option<Operation>, StoreError> {
    let mut batch = STEP_ITEMS_MAX;
    let mut operation = store.read(|tx| tx.get(&OPERATIONS, &key))?;
    for _ in 0..steps {
        if operation.as_ref().is_none_or(|operation| operation.ended_at.is_some()) {
            break;
        }
        operation = fitting_step(store, world, &key, &mut batch)?;
    }
    Ok(operation)
}

/// Takes one step, a smaller one when a commit cannot hold it: resources with hundreds of identities fill a
/// commit sooner.
fn fitting_step(
    store: &Store,
    world: &World<'_>,
    key: &(SubscriptionId, OperationId),
    batch: &mut usize,
) -> Result<Option<Operation>, StoreError> {
    loop {
        match store.write(|tx| step(tx, world, key, *batch)) {
            Err(StoreError::TooManyOps { .. } | StoreError::TooManyReads { .. }) if *batch > 1 => {
                *batch = batch.div_ceil(4);
            }
            Err(StoreError::TooManyOps { .. } | StoreError::TooManyReads { .. }) => {
                return store.write(|tx| fail(tx, world, key));
            }
            other => return other,
        }
    }
}

/// Goes on with every unfinished operation. The shell calls it now and then. One that fails does not keep
/// the others from their turn; the first failure is returned after all had theirs.
pub fn advance_all(store: &Store, world: &World<'_>) -> Result<(), StoreError> {
    let mut outcome = Ok(());
    let mut after = None;
    loop {
        let keys = store.read(|tx| tx.many(&UNFINISHED, &(), after.as_ref(), OPERATIONS_AT_ONCE))?;
        for key in &keys {
            let advanced = advance(store, world, *key, STEPS_PER_ROUND);
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

fn step(
    tx: &mut Tx<'_>,
    world: &World<'_>,
    key: &(SubscriptionId, OperationId),
    batch: usize,
) -> Result<Option<Operation>, StoreError> {
    let Some(mut operation) = tx.get(&OPERATIONS, key)? else { return Ok(None) };
    if operation.ended_at.is_some() {
        return Ok(Some(operation));
    }
    // Work of a later version waits for one.
    let Some(worker) = worker(&operation.work.kind) else { return Ok(Some(operation)) };
    match (worker.step)(tx, world, &mut operation.work, batch)? {
        Step::More => {}
        Step::Last => operation.ended_at = Some(world.now),
        Step::Unreadable => {
            end_badly(&mut operation, world, "OperationUnreadable", "What is left to do cannot be read.")
        }
    }
    // All operations are deletions, and one that was begun ends on a full disk, too.
    tx.put_from_reserve(&OPERATIONS, key, &operation)?;
    Ok(Some(operation))
}

/// Ends an operation whose smallest step does not fit a commit: no later try would do better.
fn fail(
    tx: &mut Tx<'_>,
    world: &World<'_>,
    key: &(SubscriptionId, OperationId),
) -> Result<Option<Operation>, StoreError> {
    let Some(mut operation) = tx.get(&OPERATIONS, key)? else { return Ok(None) };
    if let Some(worker) = worker(&operation.work.kind) {
        (worker.give_up)(tx, world, &operation.work)?;
    }
    let message = "A step of the operation does not fit into one transaction.";
    end_badly(&mut operation, world, "OperationTooLarge", message);
    tx.put_from_reserve(&OPERATIONS, key, &operation)?;
    Ok(Some(operation))
}

fn end_badly(operation: &mut Operation, world: &World<'_>, code: &str, message: &str) {
    operation.ended_at = Some(world.now);
    operation.end = Some(BadEnd::Failed { code: code.to_owned(), message: message.to_owned() });
}
