//! DELETE of a resource of any type, with everything that lies below it.

use super::access::Access;
use super::{Input, api_version, audit, etag, write};
use crate::fault::Fault;
use crate::operations::{self, Work};
use crate::providers::Kind;
use bonafide_core::access::Allowed;
use bonafide_core::lifecycle::{Budget, Condemned, remove};
use bonafide_store::Tx;
use bonafide_types::{OperationId, ResourceId, SubscriptionId};
use bonafide_wire::Reply;
use http::StatusCode;

/// Deletes a resource. One that is not there is gone already: 204. With more below it than `batch` it only
/// begins to: what is left is the work of the operation that is returned.
pub(crate) fn resource(
    tx: &mut Tx<'_>,
    input: &Input<'_>,
    access: &Access,
    allowed: &Allowed,
    (id, kind): (&ResourceId, &Kind),
    batch: usize,
) -> Result<(Reply, Option<(SubscriptionId, OperationId)>), Fault> {
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
        return Ok((Reply::empty(StatusCode::NO_CONTENT), None));
    };
    write::check_above(&access.place, id, kind, "delete")?;
    etag::check(input.request, Some(&old))?;
    audit::record(tx, input, &action, old.id.as_str())?;
    let (cx, caller) = (input.cx, &input.caller);
    let condemned = Condemned::by(allowed, uuid, &old)?;
    let gone = remove(tx, &cx.world, condemned, uuid, &mut Budget::new(batch))?.is_done();
    let Some(subscription) = old.subscription() else { return Ok((Reply::empty(StatusCode::OK), None)) };
    if gone && !kind.provider.long_running() {
        return Ok((Reply::empty(StatusCode::OK), None));
    }
    let work = if gone { Work::Done } else { Work::DeleteResource { resource: condemned } };
    let operation = operations::start(tx, &cx.world, caller.tenant, caller.object_id, subscription, work)?;
    let reply = Reply::empty(StatusCode::ACCEPTED);
    let reply = if kind.provider.long_running() {
        operations::started(reply, cx.config, &input.version, subscription, &old, operation)
    } else {
        let url = operations::result_url(cx.config, &input.version, subscription, operation);
        reply.with("location", &url).with("retry-after", "1")
    };
    Ok((reply, (!gone).then_some((subscription, operation))))
}
