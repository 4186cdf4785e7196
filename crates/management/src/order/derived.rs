//! Resources that are read at an id which is no row's: an extension that an instance has of its set's model, and a machine
//! of a flexible scale set below the set. They are changed where they come from.

use super::place::{Found, Place};
use crate::fault::Fault;
use crate::resource_type::Kind;
use crate::types::INSTANCE_TYPE;
use bonafide_core::directory::{Resource, find};
use bonafide_store::{Read, StoreError};
use bonafide_types::{ResourceId, ResourceUuid};

const MACHINE_TYPE: &str = "Microsoft.Compute/virtualMachines";

/// The resource that is read at an id, where the id is no row's.
pub(crate) fn named(tx: &impl Read, place: &Place, id: &ResourceId, kind: &Kind) -> Result<Option<Found>, StoreError> {
    let (None, Some((uuid, parent))) = (&place.found, &place.parent) else { return Ok(None) };
    if kind.name == INSTANCE_TYPE {
        return machine(tx, (*uuid, parent), id.name());
    }
    Ok((kind.of.derived)(*uuid, parent).filter(|(_, row)| row.id.name().eq_ignore_ascii_case(id.name())))
}

/// The machine of a flexible set that is called so.
fn machine(tx: &impl Read, (uuid, set): (ResourceUuid, &Resource), name: &str) -> Result<Option<Found>, StoreError> {
    let id = set.id.group_id().and_then(|group| group.provider_child(MACHINE_TYPE, name).ok());
    let Some(id) = id else { return Ok(None) };
    Ok(find(tx, &id)?.filter(|(_, row)| row.set.is_some_and(|membership| membership.set == uuid)))
}

/// Refuses to change or delete one at such an id.
pub(crate) fn check(
    tx: &impl Read,
    place: &Place,
    id: &ResourceId,
    kind: &Kind,
    operation: &'static str,
) -> Result<(), Fault> {
    const OF_MODEL: &str = "of the model of its scale set: change that, and update the instances";
    const MACHINE: &str =
        "a machine beside its flexible scale set: name it as one of Microsoft.Compute/virtualMachines";
    let Some((_, row)) = named(tx, place, id, kind)? else { return Ok(()) };
    let state = if row.id.is_of(MACHINE_TYPE) { MACHINE } else { OF_MODEL };
    Err(Fault::NotAllowedNow { operation, id: row.id, state })
}
