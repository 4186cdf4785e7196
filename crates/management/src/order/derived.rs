//! Children that are no rows of their own: what their parent says makes them, and they are shown where rows of their type
//! are. They are changed where they come from.

use super::place::{Found, Place};
use crate::fault::Fault;
use crate::resource_type::Kind;
use bonafide_types::ResourceId;

/// The child that an id names, where it is one of these.
pub(crate) fn named(place: &Place, id: &ResourceId, kind: &Kind) -> Option<Found> {
    if place.found.is_some() {
        return None;
    }
    let (uuid, parent) = place.parent.as_ref()?;
    (kind.of.derived)(*uuid, parent).filter(|(_, row)| row.id.name().eq_ignore_ascii_case(id.name()))
}

/// Refuses to change or delete one by its own id.
pub(crate) fn check(place: &Place, id: &ResourceId, kind: &Kind, operation: &'static str) -> Result<(), Fault> {
    const STATE: &str = "of the model of its scale set: change that, and update the instances";
    match named(place, id, kind) {
        Some((_, row)) => Err(Fault::NotAllowedNow { operation, id: row.id, state: STATE }),
        None => Ok(()),
    }
}
