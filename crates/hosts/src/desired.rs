//! The workloads that are to run on a host.

use crate::{Cx, Fault, Wait};
use bonafide_core::directory::{self, Extension};
use bonafide_core::placement::{self, Placed, PlacedIdentity};
use bonafide_store::Revision;
use bonafide_types::{HostId, ResourceId, ResourceUuid};
use bonafide_wire::hosts::{
    DESIRED_WAIT_SECONDS_MAX, Desired, EventKind, ExtensionEndpoint, Identity, IdentityKind, MachineEvent,
    MachineEvents, System, Workload,
};
use bonafide_wire::{Answer, Outcome, Parameters, Record, Reply};
use http::StatusCode;

/// The changes on a host since a cursor; everything without one, or with one that is too old or of another
/// epoch. With nothing new it asks to wait, once.
pub(crate) fn desired(cx: &Cx<'_>, host: HostId, query: &str) -> Result<Outcome<Wait>, Fault> {
    let query = Parameters::parse(query).map_err(|error| Fault::Malformed(error.to_string()))?;
    let seconds = query.get("wait").unwrap_or("0").parse::<u64>();
    let seconds = seconds.map_err(|_| Fault::Malformed("'wait' is not a number of seconds".into()))?;
    let seconds = seconds.min(DESIRED_WAIT_SECONDS_MAX);
    let cursor = cx.view.cursor();
    let epoch = cursor.epoch.0.to_string();
    let after = query.get("after").map(|after| read_cursor(after, &epoch)).transpose()?.flatten();
    let changes = cx.view.placed(host).and_then(|placed| placed.changes(after));
    if changes.is_none() && after.is_some() && seconds > 0 && !cx.waited {
        cx.view.host_polls(host, after, cx.world.now, seconds);
        return Ok(Outcome::Need(Wait { past: cursor.revision, seconds }));
    }
    cx.view.host_polls(host, after, cx.world.now, 0);
    // Nothing came while the host waited: its next poll is on its way, and on a machine that rests these
    // would be all that is logged.
    let record = if changes.is_none() && cx.waited { Record::quiet() } else { Record::default() };
    let cursor = format!("{epoch}.{}", cursor.revision.0);
    let nonce = Some(cx.nonce.to_string());
    let desired = match changes {
        Some(changes) => Desired {
            cursor,
            complete: changes.complete,
            workloads: changes.workloads.iter().map(|(id, placement)| workload(*id, placement)).collect(),
            removed: changes.removed,
            nonce,
        },
        None => Desired { cursor, complete: after.is_none(), workloads: Vec::new(), removed: Vec::new(), nonce },
    };
    Ok(Outcome::Answer(Answer { reply: Reply::json(StatusCode::OK, &desired), record }))
}

/// `EPOCH.REVISION`; `None` when it is of another epoch.
fn read_cursor(text: &str, epoch: &str) -> Result<Option<Revision>, Fault> {
    let (of, revision) = text.split_once('.').ok_or_else(malformed)?;
    let revision = revision.parse().map_err(|_| malformed())?;
    Ok((of == epoch).then_some(Revision(revision)))
}

fn malformed() -> Fault {
    Fault::Malformed("'after' is not a cursor".into())
}

fn workload(id: ResourceUuid, placed: &Placed) -> Workload {
    Workload {
        id,
        resource_id: placed.row.resource_id.clone(),
        tenant_id: placed.row.tenant,
        location: placed.row.location.clone(),
        identities: placed.identities().map(|identity| describe(&placed.row.resource_id, identity)).collect(),
        extension: placed.row.extension.map(endpoint),
        instance: placed.row.instance.clone(),
        events: placed.row.events.as_ref().map(events_of),
    }
}

/// The events of a machine, worded as Azure's are. Source of the words and of the duration: its examples, and those of
/// machines of Azure that were published (docs/wire/instance.md, "Scheduled events").
pub(crate) fn events_of(of: &placement::ScheduledEvents) -> MachineEvents {
    let events = of.events.iter().map(|event| {
        let (kind, description) = match event.kind {
            placement::EventKind::Reboot => (EventKind::Reboot, RESTARTED),
            placement::EventKind::Redeploy => (EventKind::Redeploy, REDEPLOYED),
            placement::EventKind::Preempt => (EventKind::Preempt, ""),
            placement::EventKind::Terminate => (EventKind::Terminate, ""),
        };
        MachineEvent {
            id: event.id,
            kind,
            not_before: event.not_before.unix_seconds(),
            started: event.started_at.is_some(),
            description: description.to_owned(),
            by_user: matches!(kind, EventKind::Reboot | EventKind::Redeploy),
            duration_seconds: -1,
        }
    });
    MachineEvents {
        name: of.name.clone(),
        incarnation: of.incarnation,
        asked_at: of.asked_at.unix_seconds(),
        events: events.collect(),
    }
}

const RESTARTED: &str = "Virtual machine is going to be restarted as requested by authorized user.";
const REDEPLOYED: &str = "Virtual machine is going to be redeployed as requested by authorized user.";

fn endpoint(extension: Extension) -> ExtensionEndpoint {
    let system = match extension.system {
        directory::System::Linux => System::Linux,
        directory::System::Windows => System::Windows,
    };
    ExtensionEndpoint { port: extension.port, system, run: extension.run }
}

fn describe(workload: &ResourceId, identity: &PlacedIdentity) -> Identity {
    let (kind, resource_id) = match (&identity.user_assigned, &identity.system_of) {
        (Some(id), _) => (IdentityKind::UserAssigned, id),
        (None, Some(set)) => (IdentityKind::SystemAssigned, set),
        (None, None) => (IdentityKind::SystemAssigned, workload),
    };
    Identity { kind, principal_id: identity.principal, client_id: identity.client_id, resource_id: resource_id.clone() }
}
