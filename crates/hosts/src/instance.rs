//! The facts of a workload's machine, for the metadata endpoint of its host.

use crate::{Cx, Fault};
use bonafide_core::placement::{INSTANCE_FACTS, PLACEMENTS};
use bonafide_store::Read;
use bonafide_types::{HostId, ResourceUuid};
use bonafide_wire::Reply;
use http::StatusCode;

/// The document of a workload that this host runs; of no other, for it may hold the workload's user data.
pub(crate) fn read(cx: &Cx<'_>, host: HostId, workload: ResourceUuid) -> Result<Reply, Fault> {
    let facts = cx.store.read(|tx| {
        tx.get(&PLACEMENTS, &(host, workload))?.ok_or(Fault::NotPlaced)?;
        tx.get(&INSTANCE_FACTS, &workload)?.ok_or(Fault::NotFound)
    })?;
    Ok(Reply::json(StatusCode::OK, &facts.document))
}
