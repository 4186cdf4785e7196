//! Events of a machine, as its host asks for them and says which may start.

use crate::desired::events_of;
use crate::{Cx, Fault};
use bonafide_core::lifecycle::ask_for_events;
use bonafide_core::placement::{HOSTS, Host, PLACEMENTS};
use bonafide_store::Read;
use bonafide_types::{HostId, ResourceUuid};
use bonafide_wire::Reply;
use bonafide_wire::hosts::{EVENTS_START_MAX, EventsRequest};
use http::StatusCode;

/// Takes down that a workload on this host asks for events, and that some may start; all that there are then.
pub(crate) fn ask(cx: &Cx<'_>, host: HostId, workload: ResourceUuid, request: &EventsRequest) -> Result<Reply, Fault> {
    if request.start.len() > EVENTS_START_MAX {
        return Err(Fault::Malformed(format!("'start' names more than {EVENTS_START_MAX} events")));
    }
    let events = cx.store.write(|tx| {
        tx.get(&HOSTS, &host)?.filter(Host::may_speak).ok_or(Fault::UnknownHost(host))?;
        tx.get(&PLACEMENTS, &(host, workload))?.ok_or(Fault::NotPlaced)?;
        ask_for_events(tx, &cx.world, workload, &request.start)?.map_err(|_| Fault::NoSuchEvent)
    })?;
    Ok(Reply::json(StatusCode::OK, &events_of(&events)))
}
