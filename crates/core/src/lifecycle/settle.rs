//! Workloads that are put on hosts for good: a placement that stays until somebody who may takes it away. A machine runs on
//! one host, and says on which; any other workload on several.

use super::on_host::OnHost;
use super::place::{self, PlaceError};
use super::save::{SaveError, confirm_write, save};
use crate::access::{Allowed, ScopeKey};
use crate::directory::{Change, RESOURCES, Resource};
use crate::placement::resource_of;
use bonafide_store::{Read, Tx};
use bonafide_types::{HostId, ResourceUuid, World};

/// The reason why a machine was not moved.
#[derive(Debug, thiserror::Error)]
pub enum MoveError {
    /// It could not be saved.
    #[error(transparent)]
    Save(#[from] SaveError),
    /// It could not be put on the host.
    #[error(transparent)]
    Place(#[from] PlaceError),
}

/// The place that a machine is to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Move {
    /// A host.
    To(OnHost),
    /// No host.
    Away,
}

/// Saves a machine as [`save`] does, and moves it. A placement for a session on another host stays: it ends by itself.
///
/// # Errors
/// [`MoveError`].
pub fn save_and_move(
    tx: &mut Tx<'_>,
    world: &World<'_>,
    allowed: &Allowed,
    uuid: ResourceUuid,
    machine: &mut Resource,
    change: Option<&Change>,
    to: Move,
) -> Result<(), MoveError> {
    // Before the version says that it is there.
    confirm_write(allowed, uuid, machine).map_err(PlaceError::from)?;
    let was = machine.host.take();
    machine.host_resource = None;
    if let Move::To(on) = to {
        machine.host = Some(on.host());
        let host = tx.get(&RESOURCES, &resource_of(on.host())).map_err(PlaceError::from)?;
        machine.host_resource = host.map(|host| host.id);
    }
    save(tx, world, allowed, uuid, machine, change)?;
    if let Some(was) = was.filter(|was| machine.host != Some(*was)) {
        place::take_from(tx, was, uuid).map_err(PlaceError::from)?;
    }
    match to {
        Move::To(on) => Ok(place::put(tx, on, uuid, machine, true)?),
        Move::Away => Ok(()),
    }
}

/// Puts a workload that is no machine on one more host. `allowed` is the proof of a write on the workload.
///
/// # Errors
/// [`PlaceError`].
pub fn settle(
    tx: &mut Tx<'_>,
    allowed: &Allowed,
    on: OnHost,
    uuid: ResourceUuid,
    workload: &Resource,
) -> Result<(), PlaceError> {
    allowed.confirm_write(workload.tenant, ScopeKey::of(uuid, workload), workload.id.type_name().as_str())?;
    place::put(tx, on, uuid, workload, true)
}

/// Takes a workload from a host, however it came there. `allowed` is the proof of a write on the workload. What a machine
/// says of its host is not changed by this.
///
/// # Errors
/// [`PlaceError`].
pub fn unsettle(
    tx: &mut Tx<'_>,
    allowed: &Allowed,
    host: HostId,
    uuid: ResourceUuid,
    workload: &Resource,
) -> Result<(), PlaceError> {
    allowed.confirm_write(workload.tenant, ScopeKey::of(uuid, workload), workload.id.type_name().as_str())?;
    Ok(place::take_from(tx, host, uuid)?)
}
