//! The operation in which instances follow their set: as many as it has capacity for, of its model, switched as it was
//! asked. Each step is one commit with some of them.

use super::extension;
use super::instances::{bring_to_model, make};
use super::model::{self, UpgradePolicy};
use super::work::{Does, KIND, State};
use crate::Cx;
use crate::fault::Fault;
use crate::operations::{Failure, Step, StepError, Turn, Work, Worker, unreadable};
use crate::order::locks::{self, Operation};
use crate::types::compute::extensions::preempted;
use bonafide_core::directory::{Membership, Power, Resource};
use bonafide_core::lifecycle::{Budget, ChangedSet};
use bonafide_core::placement::EventState;
use bonafide_store::{Read, StoreError, Tx};
use bonafide_types::ResourceUuid;

/// The worker.
pub(crate) static INSTANCES_FOLLOW: Worker =
    Worker { kind: KIND, step, give_up: |_, _, _, _| Ok(()), takes_away: false };

/// Refuses work on instances of which one is locked; none is all of them.
pub(super) fn check(
    tx: &impl Read,
    of: ChangedSet,
    set: &Resource,
    does: Does,
    only: Option<&[ResourceUuid]>,
) -> Result<(), Fault> {
    let there = of.instances(tx)?;
    let Does::Follow { upgrades } = does else {
        return locks::check_each(tx, set, only.unwrap_or(&there), does.operation());
    };
    let (stay, go) = there.split_at(model::capacity(&set.body)?.min(there.len()));
    locks::check_each(tx, set, go, Operation::Delete)?;
    if upgrades { locks::check_each(tx, set, stay, Operation::Write) } else { Ok(()) }
}

/// Refuses the next of the work where locks stop it that came later.
fn check_next(tx: &impl Read, set: &Resource, next: &[ResourceUuid], operation: Operation) -> Result<(), StepError> {
    // Not by `check_each`: a step that reads too much is tried again as a smaller one.
    locks::locked(tx, set, next, operation)?.map_or(Ok(()), |fault| Err(fault.into()))
}

fn step(tx: &mut Tx<'_>, turn: &Turn<'_>, work: &mut Work) -> Result<Step, StepError> {
    let mut state: State = work.state().ok_or_else(unreadable)?;
    // With a set that is gone or going, so are its instances.
    let Some(mut set) = state.set.read(tx)? else { return Ok(Step::Last) };
    let mut step = match state.does {
        Does::Follow { .. } => {
            check_scaling(tx, turn.batch, state.set, &set)?;
            scale(tx, turn.cx, turn.batch, state.set, &mut set)?
        }
        Does::Await => wait(tx, turn, &set, &mut state)?,
        Does::Upgrade if is_preempted(&state, &set) => return Err(preempted()),
        _ => each(tx, turn, &mut state, &set)?,
    };
    if step == Step::Last
        && let Some(next) = next(&state, &set)
    {
        if state.does == Does::Upgrade {
            // Those that were not changed may not answer either.
            state.since = None;
        }
        (state.does, state.after, step) = (next, None, Step::More);
    }
    *work = Work::new(KIND, &state);
    Ok(step)
}

/// The change that follows one that is done.
fn next(done: &State, set: &Resource) -> Option<Does> {
    let awaits = set.model_extension.is_some() || !done.refusals.is_empty();
    match done.does {
        Does::Follow { upgrades: true } => Some(Does::Upgrade),
        Does::Follow { .. } | Does::Upgrade => awaits.then_some(Does::Await),
        Does::Await | Does::Restart | Does::Switch(_) | Does::Delete => None,
    }
}

/// Waits for what was asked for, and then tells of the instances that refused it: in a step that changes nothing, since
/// a step that fails leaves nothing behind.
fn wait(tx: &Tx<'_>, turn: &Turn<'_>, set: &Resource, state: &mut State) -> Result<Step, StepError> {
    let failure = match extension::wait(tx, turn, set, state) {
        Ok(Step::Last) => state.failure(None),
        Err(StepError::Failed(failure)) => state.failure(Some(failure)),
        other => return other,
    };
    failure.map_or(Ok(Step::Last), |failure| Err(StepError::Failed(failure)))
}

/// True when a later change of the model upgrades all instances itself.
fn is_preempted(state: &State, set: &Resource) -> bool {
    state.model.is_some_and(|model| model < set.model)
        && model::upgrade_policy(&set.body).is_ok_and(UpgradePolicy::upgrades_by_itself)
}

/// Refuses a step of scaling where locks or tags that came later stop it.
fn check_scaling(tx: &impl Read, batch: usize, of: ChangedSet, set: &Resource) -> Result<(), StepError> {
    let there = of.instances(tx)?;
    let target = model::capacity(&set.body).unwrap_or(there.len());
    if there.len() < target {
        model::check_tags(set, target)?;
        return check_next(tx, set, &[of.uuid()], Operation::Write);
    }
    check_next(tx, set, &surplus(&there, target, batch), Operation::Delete)
}

/// The next of the instances that are more than the capacity: the newest go first.
fn surplus(there: &[ResourceUuid], target: usize, batch: usize) -> Vec<ResourceUuid> {
    there.iter().skip(target).rev().take(batch).copied().collect()
}

/// Makes or removes instances, as many as a commit holds.
pub(super) fn scale(
    tx: &mut Tx<'_>,
    cx: &Cx<'_>,
    batch: usize,
    of: ChangedSet,
    set: &mut Resource,
) -> Result<Step, StoreError> {
    let there = of.instances(tx)?;
    let target = model::capacity(&set.body).unwrap_or(there.len());
    if there.len() < target {
        let missing = target - there.len();
        let made = missing.min(batch);
        for _ in 0..made {
            make(tx, cx, of, set)?;
        }
        of.count(tx, set)?;
        return Ok(if made == missing { Step::Last } else { Step::More });
    }
    let going = surplus(&there, target, batch);
    if let Some(step) = announce(tx, cx, of, &going)? {
        return Ok(step);
    }
    let mut budget = Budget::new(batch);
    for uuid in going {
        if !of.remove(tx, &cx.world, uuid, &mut budget)?.is_done() {
            return Ok(Step::More);
        }
    }
    Ok(if there.len() - target <= batch { Step::Last } else { Step::More })
}

/// Tells instances that they are removed; none once they may be.
fn announce(tx: &mut Tx<'_>, cx: &Cx<'_>, of: ChangedSet, going: &[ResourceUuid]) -> Result<Option<Step>, StoreError> {
    let (view, now) = (cx.view, cx.world.now);
    let state = of.announce_removal(tx, &cx.world, going, &|host| view.is_host_connected(host, now))?;
    Ok(match state {
        EventState::Waits => Some(Step::Waits),
        EventState::IsDue => Some(Step::More),
        EventState::MayHappen | EventState::IsOver => None,
    })
}

/// Changes the next of the instances that it is about.
fn each(tx: &mut Tx<'_>, turn: &Turn<'_>, state: &mut State, set: &Resource) -> Result<Step, StepError> {
    let of = state.only.as_ref().map_or_else(|| state.set.instances(tx), |only| Ok(only.clone()))?.len();
    let batch = match (state.does, model::upgrade_policy(&set.body)) {
        (Does::Upgrade, Ok(UpgradePolicy::Rolling)) => model::rolling_batch(&set.body, of).min(turn.batch),
        _ => turn.batch,
    };
    let next: Vec<ResourceUuid> = state.left(tx)?.into_iter().take(batch).collect();
    check_next(tx, set, &next, state.does.operation())?;
    if state.does == Does::Delete
        && let Some(step) = announce(tx, turn.cx, state.set, &next)?
    {
        return Ok(step);
    }
    let mut budget = Budget::new(turn.batch);
    for uuid in &next {
        match state.does {
            Does::Delete => {
                if !state.set.remove(tx, &turn.cx.world, *uuid, &mut budget)?.is_done() {
                    return Ok(Step::More);
                }
            }
            // One that refuses keeps no other from it.
            Does::Upgrade => upgrade(tx, turn, state.set, *uuid, set)?.map_or((), |refusal| state.refuse(refusal)),
            does => drop(state.set.change(tx, &turn.cx.world, *uuid, |instance| change(instance, does, turn))?),
        }
        state.after = Some(*uuid);
    }
    if next.len() == batch {
        return Ok(Step::More);
    }
    if state.does == Does::Delete {
        let mut set = set.clone();
        model::set_capacity(&mut set.body, state.set.instances(tx)?.len());
        state.set.count(tx, &set)?;
    }
    Ok(Step::Last)
}

/// Brings an instance to the latest model, or says why it refuses.
fn upgrade(
    tx: &mut Tx<'_>,
    turn: &Turn<'_>,
    of: ChangedSet,
    uuid: ResourceUuid,
    set: &Resource,
) -> Result<Option<Failure>, StoreError> {
    let Some(old) = of.instance(tx, uuid)? else { return Ok(None) };
    let mut new = old.clone();
    new.set = Some(Membership { set: of.uuid(), model: set.model });
    bring_to_model(&mut new, set);
    if new.model_extension.is_some() {
        if let Some(message) = extension::refusal(tx, uuid, &new)? {
            return Ok(Some(Failure::new("VMExtensionProvisioningError", message)));
        }
        if new.model_extension == old.model_extension && extension::is_to_start(tx, uuid, &old, turn.cx.world.now)? {
            extension::start_anew(&mut new, turn.cx);
        }
    }
    of.change(tx, &turn.cx.world, uuid, |instance| *instance = new)?;
    Ok(None)
}

fn change(instance: &mut Resource, does: Does, turn: &Turn<'_>) {
    match does {
        // One that has no place has none to keep.
        Does::Switch(Power::Stopped) if instance.power == Power::Deallocated => {}
        Does::Switch(power) => {
            if power.is_running() && !instance.power.is_running() {
                extension::start_anew(instance, turn.cx);
            }
            instance.power = power;
        }
        Does::Restart if instance.power.is_running() => extension::start_anew(instance, turn.cx),
        Does::Follow { .. } | Does::Upgrade | Does::Await | Does::Restart | Does::Delete => {}
    }
}
