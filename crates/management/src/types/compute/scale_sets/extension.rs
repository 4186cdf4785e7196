//! The extension of a set's model on its instances: whether one can have it, and what the operation waits for.

use super::work::State;
use crate::Cx;
use crate::operations::{Failure, Step, StepError, Turn};
use crate::types::compute::extensions::{PUBLISHER, Provisioning, failure, of_instance};
use bonafide_core::directory::{EXTENSION_OF, RESOURCES, Resource};
use bonafide_core::lifecycle::{EXTENSION_IDENTITIES_MAX, too_many_identities};
use bonafide_store::{Read, StoreError, Tx};
use bonafide_types::{ResourceUuid, Timestamp};

/// Refuses the model's extension to an instance that has one of its own, or identities of its own that are too many with
/// those of its set: only a machine of a flexible set can.
pub(super) fn check(tx: &impl Read, uuid: ResourceUuid, instance: &Resource) -> Result<(), StepError> {
    let refused = |message| Err(StepError::Failed(Failure::new("VMExtensionProvisioningError", message)));
    let id = &instance.id;
    if tx.find(&EXTENSION_OF, &uuid)?.is_some() {
        return refused(format!(
            "'{id}' has an extension of publisher '{PUBLISHER}' of its own, and its scale set has one for it: delete the one of the machine, and update the instance once more."
        ));
    }
    match too_many_identities(tx, uuid, instance)? {
        None => Ok(()),
        Some(count) => refused(format!(
            "With the extension for managed identities a machine can have at most {EXTENSION_IDENTITIES_MAX} user assigned identities, and '{id}' would have {count}, its own and those of its scale set: take some away, and update the instance once more."
        )),
    }
}

/// Asks for a new run of the extension that an instance has.
pub(super) fn start_anew(instance: &mut Resource, cx: &Cx<'_>) {
    if let Some(extension) = &mut instance.model_extension {
        extension.endpoint.run = cx.world.entropy.guid();
    }
}

/// True when the extension of an instance was asked for and does not answer.
pub(super) fn does_not_answer(
    tx: &impl Read,
    uuid: ResourceUuid,
    instance: &Resource,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let state = of_instance::state(tx, uuid, instance, now)?;
    Ok(state.is_some_and(|(_, state)| matches!(state, Provisioning::Failed(_) | Provisioning::Stopped(_))))
}

/// Waits for the hosts of the instances that the work has changed; the first that fails is its end.
pub(super) fn wait(tx: &Tx<'_>, turn: &Turn<'_>, set: &Resource, state: &mut State) -> Result<Step, StepError> {
    let left = state.left(tx)?;
    let asked = set.model_extension.as_ref().map(|extension| extension.since);
    for (looked_at, uuid) in left.iter().enumerate() {
        if looked_at == turn.batch {
            return Ok(Step::More);
        }
        let row = tx.get(&RESOURCES, uuid)?.filter(|row| state.since.is_some_and(|since| row.changed_at >= since));
        let row = row.filter(|row| row.model_extension.as_ref().map(|extension| extension.since) == asked);
        if let Some(row) = row
            && let Some((extension, provisioning)) = of_instance::state(tx, *uuid, &row, turn.cx.world.now)?
        {
            match provisioning {
                Provisioning::Answers | Provisioning::Stopped(_) => {}
                Provisioning::Failed(cause) => {
                    return Err(StepError::Failed(failure(&extension, row.id.name(), &cause)));
                }
                Provisioning::Pending if looked_at == 0 => return Ok(Step::Waits),
                Provisioning::Pending => return Ok(Step::More),
            }
        }
        state.after = Some(*uuid);
    }
    Ok(Step::Last)
}
