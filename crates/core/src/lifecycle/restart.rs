//! The extension of a machine that starts again.

use super::place;
use super::save::SaveError;
use crate::access::{Allowed, ScopeKey};
use crate::directory::{EXTENSION_OF, RESOURCES, Resource};
use bonafide_store::{Read, Tx};
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
    let Some(extension) = tx.find(&EXTENSION_OF, &uuid)? else { return Ok(()) };
    let Some(mut row) = tx.get(&RESOURCES, &extension)? else { return Ok(()) };
    if let Some(extension) = &mut row.extension {
        extension.run = world.entropy.guid();
    }
    row.changed_at = world.now;
    tx.put(&RESOURCES, &extension, &row)?;
    Ok(place::refresh_machine(tx, uuid)?)
}
