//! DELETE of a resource of any type, groups too, with everything that lies below it: in one transaction, or,
//! when that cannot hold it all, in several, which `operations` takes.

use super::access::Access;
use super::place::check_above;
use super::{api_version, audit, conditions, derived, locks};
use crate::command::Call;
use crate::fault::Fault;
use crate::operations::deletion;
use crate::types::location_of;
use bonafide_core::access::Allowed;
use bonafide_core::lifecycle::{Budget, Condemned, announce_deletion, remove};
use bonafide_store::Tx;
use bonafide_types::{OperationId, SubscriptionId};

/// The result of a deletion's first transaction.
pub(crate) enum Deleted {
    /// There was nothing.
    Absent,
    /// It is gone, with all below it.
    Gone,
    /// This operation has the rest to do.
    Begun {
        /// The operation.
        operation: (SubscriptionId, OperationId),
        /// The resource's location.
        location: Option<String>,
    },
}

/// Deletes a resource. With more below it than `batch` it only begins to. A group is always begun: it takes
/// nothing new from here on.
pub(crate) fn resource(
    tx: &mut Tx<'_>,
    call: &Call<'_>,
    access: &Access,
    allowed: &Allowed,
    batch: usize,
) -> Result<Deleted, Fault> {
    let (id, kind) = call.resource()?;
    let action = kind.right("delete");
    access.confirm(call, allowed, &action)?;
    api_version::check(call, kind, access.place.found.as_ref())?;
    // A resource in no group cannot miss its group: then there is an answer to give.
    if let Some(name) = id.resource_group()
        && access.place.group.is_none()
    {
        return Err(Fault::GroupNotFound(name.to_owned()));
    }
    let Some((uuid, old)) = access.place.found.clone() else {
        conditions::check(&call.command.conditions, || None)?;
        derived::check(tx, &access.place, id, kind, "delete")?;
        return Ok(Deleted::Absent);
    };
    check_above(&access.place, id, kind, "delete")?;
    let etags = || [false, true].map(|is_partial| conditions::etag_of_view(uuid, &old, is_partial)).into();
    conditions::check_delete(&call.command.conditions, etags)?;
    locks::check_delete(tx, call, &access.place)?;
    audit::record(tx, call, &action, old.id.as_str())?;
    let condemned = Condemned::by(allowed, uuid, &old)?;
    let is_group = old.id.is_group();
    let (view, now) = (call.cx.view, call.cx.world.now);
    let is_connected = |host| view.is_host_connected(host, now);
    let announced = announce_deletion(tx, &call.cx.world, condemned, &old, &is_connected)?;
    if !is_group
        && announced.is_none()
        && remove(tx, &call.cx.world, condemned, uuid, &mut Budget::new(batch))?.is_done()
    {
        return Ok(Deleted::Gone);
    }
    let subscription = old.subscription().ok_or(Fault::NoSuchRoute)?;
    let operation = deletion::begin(tx, call, subscription, condemned, (is_group, announced))?;
    Ok(Deleted::Begun { operation: (subscription, operation), location: location_of(&old).map(str::to_owned) })
}
