//! The extension of a machine that starts again.

use super::place;
use super::save::SaveError;
use crate::access::{Allowed, ScopeKey};
use crate::directory::{EXTENSION_OF, RESOURCES, Resource};
use bonafide_store::{Read, StoreError, Tx};
use bonafide_types::{ResourceUuid, World};

/// Asks for a new run of the extension on a machine that starts again. `allowed` is the proof of a write on the machine.
pub fn restart_extension(
    tx: &mut Tx<'_>,
    world: &World<'_>,
    allowed: &Allowed,
    uuid: ResourceUuid,
    machine: &Resource,
) -> Result<(), SaveError> {
    allowed.confirm_write(machine.tenant, ScopeKey::of(uuid, machine), machine.id.type_name().as_str())?;
    Ok(restart(tx, world, uuid)?)
}

/// The same of a machine of which that was allowed before. An instance of a scale set may have the extension of its model.
pub(super) fn restart(tx: &mut Tx<'_>, world: &World<'_>, uuid: ResourceUuid) -> Result<(), StoreError> {
    let Some(mut machine) = tx.get(&RESOURCES, &uuid)? else { return Ok(()) };
    if let Some(of_model) = &mut machine.model_extension {
        of_model.endpoint.run = world.entropy.guid();
        tx.put(&RESOURCES, &uuid, &machine)?;
        return place::refresh(tx, uuid, &machine);
    }
    let Some(extension) = tx.find(&EXTENSION_OF, &uuid)? else { return Ok(()) };
    let Some(mut row) = tx.get(&RESOURCES, &extension)? else { return Ok(()) };
    if let Some(extension) = &mut row.extension {
        extension.run = world.entropy.guid();
    }
    row.changed_at = world.now;
    tx.put(&RESOURCES, &extension, &row)?;
    place::refresh_machine(tx, uuid)
}
