//! The extension of a set's model on its instances: whether one can have it, and what the operation waits for.

use super::model::{self, UpgradePolicy};
use super::work::State;
use crate::Cx;
use crate::operations::{Step, StepError, Turn};
use crate::resource_type::Stored;
use crate::types::compute::extensions::{Cause, PUBLISHER, Provisioning, failure, of_instance};
use bonafide_core::directory::{RESOURCES, Resource};
use bonafide_core::lifecycle::EXTENSION_IDENTITIES_MAX;
use bonafide_store::{Read, StoreError, Tx};
use bonafide_types::{ResourceUuid, Timestamp};

/// The refusal of the model's extension by an instance that has one of its own, or identities of its own that are too many
/// with those of its set: only a machine of a flexible set can.
pub(super) fn refusal(tx: &dyn Stored, uuid: ResourceUuid, instance: &Resource) -> Result<Option<String>, StoreError> {
    let id = &instance.id;
    if tx.has_own_extension(uuid)? {
        return Ok(Some(format!(
            "'{id}' has an extension of publisher '{PUBLISHER}' of its own, and its scale set has one for it: delete the one of the machine, and update the instance once more."
        )));
    }
    let too_many = tx.too_many_identities(uuid, instance)?;
    Ok(too_many.map(|count| {
        format!(
            "With the extension for managed identities a machine can have at most {EXTENSION_IDENTITIES_MAX} user assigned identities, and '{id}' would have {count}, its own and those of its scale set: take some away, and update the instance once more."
        )
    }))
}

/// The state of the extension on the instances that have it of the latest model, or are to have it by the policy: of the
/// worst of them.
pub(super) fn worst(
    tx: &dyn Stored,
    (uuid, set): (ResourceUuid, &Resource),
    now: Timestamp,
) -> Result<Option<Provisioning>, StoreError> {
    let Some(of_model) = &set.model_extension else { return Ok(None) };
    let by_itself = model::upgrade_policy(&set.body).is_ok_and(UpgradePolicy::upgrades_by_itself);
    let mut worst = None;
    for uuid in tx.instances(uuid)? {
        let Some(mut row) = tx.resource(uuid)? else { continue };
        if row.model_extension.as_ref().is_none_or(|extension| extension.since != of_model.since) {
            row.model_extension = Some(of_model.clone());
            if by_itself && let Some(refusal) = refusal(tx, uuid, &row)? {
                return Ok(Some(Provisioning::Failed(Cause::Refused(refusal))));
            }
            continue;
        }
        match of_instance::state(tx, uuid, &row, now)? {
            Some((_, failed @ Provisioning::Failed(_))) => return Ok(Some(failed)),
            Some((_, Provisioning::Pending)) => worst = Some(Provisioning::Pending),
            Some((_, Provisioning::Answers | Provisioning::Stopped(_))) | None => {}
        }
    }
    Ok(worst)
}

/// Asks for a new run of the extension that an instance has.
pub(super) fn start_anew(instance: &mut Resource, cx: &Cx<'_>) {
    if let Some(extension) = &mut instance.model_extension {
        extension.endpoint.run = cx.world.entropy.guid();
    }
}

/// True when the extension of an instance was asked for and does not answer, and a host is there that could start it anew.
pub(super) fn is_to_start(
    tx: &dyn Stored,
    uuid: ResourceUuid,
    instance: &Resource,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let state = of_instance::state(tx, uuid, instance, now)?;
    Ok(match state {
        // The first host that serves it starts the run that was asked for.
        Some((_, Provisioning::Failed(Cause::NoHost | Cause::NotServed))) => false,
        Some((_, Provisioning::Failed(_) | Provisioning::Stopped(_))) => true,
        Some((_, Provisioning::Answers | Provisioning::Pending)) | None => false,
    })
}

/// Waits for the hosts of the instances that the work has changed, or, where it brought the model, of all that have it; the
/// first that fails is its end.
pub(super) fn wait(tx: &Tx<'_>, turn: &Turn<'_>, set: &Resource, state: &mut State) -> Result<Step, StepError> {
    let left = state.left(tx)?;
    let asked = set.model_extension.as_ref().map(|extension| extension.since);
    for (looked_at, uuid) in left.iter().enumerate() {
        if looked_at == turn.batch {
            return Ok(Step::More);
        }
        let row = tx.get(&RESOURCES, uuid)?.filter(|row| state.since.is_none_or(|since| row.changed_at >= since));
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
