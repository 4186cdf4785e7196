//! Keeping count of what lies below a resource, in the commit that changes it.

use crate::directory::{Below, FullError, RESOURCES, RESOURCES_BELOW, Resource, Shows};
use bonafide_store::{Read, StoreError, Tx};
use bonafide_types::{ResourceUuid, World};

/// The reason why a child was not written.
#[derive(Debug, thiserror::Error)]
pub enum BelowError {
    /// The resource above it takes no more.
    #[error(transparent)]
    Full(#[from] FullError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Counts a child that is about to be stored under `uuid` with the resource above it, which changes with it where it lists
/// it in its own writes.
pub(super) fn count(
    tx: &mut Tx<'_>,
    world: &World<'_>,
    uuid: ResourceUuid,
    child: &Resource,
) -> Result<(), BelowError> {
    let Some((above, mut parent, shows)) = above(tx, child)? else { return Ok(()) };
    let old = tx.get(&RESOURCES, &uuid)?;
    let before = parent.below.clone();
    in_parent(tx, above, &mut parent, (old.as_ref(), child))?;
    if touch(world, &mut parent, (shows, child)) || parent.below != before {
        tx.put(&RESOURCES, &above, &parent)?;
    }
    Ok(())
}

/// The same with the resource above as it is to be stored: its own write makes the child.
pub(super) fn in_parent(
    tx: &impl Read,
    uuid: ResourceUuid,
    parent: &mut Resource,
    (old, new): (Option<&Resource>, &Resource),
) -> Result<(), BelowError> {
    if Shows::of(&parent.id).is_none() {
        return Ok(());
    }
    let mut below = match parent.below.take() {
        Some(below) => *below,
        None => counted(tx, uuid, parent)?,
    };
    match old {
        Some(old) => below.change(&parent.id, (&new.id, old.bytes_below(), new.bytes_below()))?,
        None => below.add(&parent.id, (&new.id, new.bytes_below()))?,
    }
    parent.below = Some(Box::new(below));
    Ok(())
}

/// Counts a child that is gone no longer.
pub(super) fn leave(tx: &mut Tx<'_>, world: &World<'_>, child: &Resource) -> Result<(), StoreError> {
    let Some((above, mut parent, shows)) = above(tx, child)? else { return Ok(()) };
    leave_parent(&mut parent, child);
    touch(world, &mut parent, (shows, child));
    tx.put_from_reserve(&RESOURCES, &above, &parent)
}

/// The same with the resource above as it is to be stored.
pub(super) fn leave_parent(parent: &mut Resource, child: &Resource) {
    if let Some(below) = &mut parent.below {
        below.remove(&parent.id, (&child.id, child.bytes_below()));
    }
}

/// The resource above a child, where it shows it.
fn above(tx: &impl Read, child: &Resource) -> Result<Option<(ResourceUuid, Resource, &'static Shows)>, StoreError> {
    let Some(uuid) = child.parent else { return Ok(None) };
    let Some(shows) = child.id.parent().and_then(|above| Shows::of(&above)) else { return Ok(None) };
    Ok(tx.get(&RESOURCES, &uuid)?.map(|parent| (uuid, parent, shows)))
}

/// Makes the change of a child one of the resource above it, where that lists it in its own writes.
fn touch(world: &World<'_>, parent: &mut Resource, (shows, child): (&'static Shows, &Resource)) -> bool {
    let writes = shows.writes(&child.id);
    if writes {
        parent.version += 1;
        parent.changed_at = world.now;
    }
    writes
}

/// The children that are there, counted: an earlier version did not, and a deletion that stopped half way does not. They may
/// be more than a resource can have now: then it takes none until enough of them are gone.
fn counted(tx: &impl Read, uuid: ResourceUuid, parent: &Resource) -> Result<Below, StoreError> {
    let mut below = Below::default();
    for key in tx.many(&RESOURCES_BELOW, &uuid, None, usize::MAX)? {
        if let Some(child) = tx.get(&RESOURCES, &key)? {
            below.count(&parent.id, (&child.id, child.bytes_below()));
        }
    }
    Ok(below)
}
