//! DELETE of a resource of any type, with everything that lies below it.

use super::access::Access;
use super::{Input, api_version, audit, etag, write};
use crate::fault::Fault;
use crate::operations::{self, Work};
use crate::providers::{Kind, location_of};
use bonafide_core::access::Allowed;
use bonafide_core::lifecycle::{Budget, Condemned, remove};
use bonafide_store::Tx;
use bonafide_types::{OperationId, ResourceId, SubscriptionId};

/// What became of a deletion in its first transaction.
pub(crate) enum Deleted {
    /// There was nothing.
    Absent,
    /// It is gone, with all below it.
    Gone,
    /// This operation has the rest to do.
    Begun {
        /// The operation.
        operation: (SubscriptionId, OperationId),
        /// Where the resource is.
        location: Option<String>,
    },
}

/// Deletes a resource. With more below it than `batch` it only begins to.
pub(crate) fn resource(
    tx: &mut Tx<'_>,
    input: &Input<'_>,
    access: &Access,
    allowed: &Allowed,
    (id, kind): (&ResourceId, &Kind),
    batch: usize,
) -> Result<Deleted, Fault> {
    let action = format!("{}/delete", kind.name);
    access.confirm(input, allowed, &action)?;
    api_version::check(input, kind, access.place.found.as_ref())?;
    if let Some(name) = id.resource_group()
        && access.place.group.is_none()
    {
        return Err(Fault::GroupNotFound(name.to_owned()));
    }
    let Some((uuid, old)) = access.place.found.clone() else {
        etag::check(input.request, None)?;
        return Ok(Deleted::Absent);
    };
    write::check_above(&access.place, id, kind, "delete")?;
    etag::check(input.request, Some(&old))?;
    audit::record(tx, input, &action, old.id.as_str())?;
    let (cx, caller) = (input.cx, &input.caller);
    let condemned = Condemned::by(allowed, uuid, &old)?;
    if remove(tx, &cx.world, condemned, uuid, &mut Budget::new(batch))?.is_done() {
        return Ok(Deleted::Gone);
    }
    let subscription = old.subscription().ok_or(Fault::NoSuchRoute)?;
    let work = Work::DeleteResource { resource: condemned };
    let operation = operations::start(tx, &cx.world, caller.tenant, caller.object_id, subscription, work)?;
    Ok(Deleted::Begun { operation: (subscription, operation), location: location_of(&old).map(str::to_owned) })
}
