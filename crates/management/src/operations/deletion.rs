//! Deletions that take several transactions.

use super::{Begun, Step, StepError, Work, Worker, unreadable};
use crate::command::Call;
use crate::deployments;
use crate::order::locks::{self, Operation};
use bonafide_core::directory::{INSTANCES_OF_SET, RESOURCES, RESOURCES_OF_GROUP};
use bonafide_core::lifecycle::{Announced, Budget, Condemned, Progress, remove, save_condemned, withdraw};
use bonafide_core::placement::EventState;
use bonafide_store::{Read, StoreError, Tx};
use bonafide_types::{OperationId, ResourceUuid, SubscriptionId, World};
use serde::{Deserialize, Serialize};

/// Resources looked at for one step that only withdraws identities, for each that may have some. Source: ours.
const ROWS_PER_ITEM: usize = 4;

/// A resource group and all in it.
pub(super) static OF_GROUPS: Worker = Worker {
    kind: "deleteGroup",
    step: |tx, turn, work| {
        let mut state = work.state::<OfGroup>().ok_or_else(unreadable)?;
        let step = group_step(tx, &turn.cx.world, &mut state, turn.batch)?;
        *work = Work::new(OF_GROUPS.kind, &state);
        Ok(step)
    },
    give_up: |tx, turn, work, _| {
        work.state::<OfGroup>().map_or(Ok(()), |state| mark(tx, &turn.cx.world, state.group, false))
    },
    takes_away: true,
};

/// A resource with too much below it for one transaction.
pub(super) static OF_RESOURCES: Worker = Worker {
    kind: "deleteResource",
    step: |tx, turn, work| {
        let state = work.state::<OfResource>().ok_or_else(unreadable)?;
        check_instances(tx, state.resource.uuid())?;
        match state.announced.map(|announced| announced.go_on(tx, &turn.cx.world)).transpose()? {
            Some(EventState::Waits) => return Ok(Step::Waits),
            Some(EventState::IsDue) => return Ok(Step::More),
            Some(EventState::MayHappen | EventState::IsOver) | None => {}
        }
        Ok(resource_step(tx, &turn.cx.world, state.resource, turn.batch)?)
    },
    give_up: |tx, turn, work, _| {
        work.state::<OfResource>().map_or(Ok(()), |state| mark(tx, &turn.cx.world, state.resource, false))
    },
    takes_away: true,
};

/// The state of the deletion of a group.
#[derive(Serialize, Deserialize)]
struct OfGroup {
    group: Condemned,
    #[serde(default)]
    stage: Stage,
}

/// The state of the deletion of a resource.
#[derive(Serialize, Deserialize)]
struct OfResource {
    resource: Condemned,
    /// The event by which its machine was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    announced: Option<Announced>,
}

/// The stages of the deletion of a group. Its identities go first: they must not outlive the decision by as
/// long as it takes to clear everything away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Stage {
    /// Identities are being withdrawn; those of the resources up to this one have been. By type in lower
    /// case and key, as `RESOURCES_OF_GROUP` sorts them.
    Identities(Option<(String, ResourceUuid)>),
    /// Resources are being deleted.
    Resources,
}

impl Default for Stage {
    fn default() -> Self {
        Self::Identities(None)
    }
}

/// Begins to delete a resource or a group in steps: from here on it takes nothing new.
pub(crate) fn begin(
    tx: &mut Tx<'_>,
    call: &Call<'_>,
    subscription: SubscriptionId,
    condemned: Condemned,
    (is_group, announced): (bool, Option<Announced>),
) -> Result<OperationId, StoreError> {
    mark(tx, &call.cx.world, condemned, true)?;
    let work = if is_group {
        Work::new(OF_GROUPS.kind, &OfGroup { group: condemned, stage: Stage::default() })
    } else {
        Work::new(OF_RESOURCES.kind, &OfResource { resource: condemned, announced })
    };
    Begun::Allowed(work).store(tx, call, subscription)
}

/// Says in the row itself that it is being deleted, or no longer.
fn mark(tx: &mut Tx<'_>, world: &World<'_>, condemned: Condemned, deleting: bool) -> Result<(), StoreError> {
    let Some(mut resource) = tx.get(&RESOURCES, &condemned.uuid())? else { return Ok(()) };
    if resource.deleting == deleting {
        return Ok(());
    }
    resource.deleting = deleting;
    resource.body.forget_deleting();
    save_condemned(tx, world, condemned, &mut resource)
}

/// Deletes some of a resource, its identities first.
fn resource_step(tx: &mut Tx<'_>, world: &World<'_>, resource: Condemned, batch: usize) -> Result<Step, StoreError> {
    // Operations of earlier versions did not say so in the row.
    mark(tx, world, resource, true)?;
    let mut budget = Budget::new(batch);
    if !withdraw(tx, world, resource, resource.uuid(), &mut budget)?.is_done() {
        return Ok(Step::More);
    }
    Ok(step_of(remove(tx, world, resource, resource.uuid(), &mut budget)?))
}

/// Refuses to go on where an instance of the set was locked meanwhile: a machine beside a set that is going takes locks.
fn check_instances(tx: &impl Read, uuid: ResourceUuid) -> Result<(), StepError> {
    let Some(set) = tx.get(&RESOURCES, &uuid)?.filter(|row| row.instances_made > 0) else { return Ok(()) };
    let instances = tx.many(&INSTANCES_OF_SET, &uuid, None, usize::MAX)?;
    locks::locked(tx, &set, &instances, Operation::Delete)?.map_or(Ok(()), |fault| Err(fault.into()))
}

fn step_of(progress: Progress) -> Step {
    if progress.is_done() { Step::Last } else { Step::More }
}

/// Deletes some of a group that takes no new resources, or, when nothing is left in it, the group.
fn group_step(tx: &mut Tx<'_>, world: &World<'_>, state: &mut OfGroup, batch: usize) -> Result<Step, StoreError> {
    let OfGroup { group, stage } = state;
    let group = *group;
    if let Stage::Identities(after) = stage {
        if withdraw_step(tx, world, group, after, batch)? {
            *stage = Stage::Resources;
        }
        return Ok(Step::More);
    }
    let mut budget = Budget::new(batch);
    let inside = tx.many(&RESOURCES_OF_GROUP, &group.uuid(), None, batch)?;
    for (_, uuid) in &inside {
        if !remove(tx, world, group, *uuid, &mut budget)?.is_done() {
            return Ok(Step::More);
        }
    }
    if inside.len() == batch || !deployments::clear(tx, group.uuid())? {
        return Ok(Step::More);
    }
    Ok(step_of(remove(tx, world, group, group.uuid(), &mut budget)?))
}

/// Withdraws identities of the resources behind `after`; true when those of all are withdrawn.
fn withdraw_step(
    tx: &mut Tx<'_>,
    world: &World<'_>,
    group: Condemned,
    after: &mut Option<(String, ResourceUuid)>,
    batch: usize,
) -> Result<bool, StoreError> {
    let mut budget = Budget::new(batch);
    let rows = batch * ROWS_PER_ITEM;
    let inside = tx.many(&RESOURCES_OF_GROUP, &group.uuid(), after.as_ref(), rows)?;
    let last = inside.len() < rows;
    for key in inside {
        if !withdraw(tx, world, group, key.1, &mut budget)?.is_done() {
            return Ok(false);
        }
        *after = Some(key);
    }
    Ok(last)
}
