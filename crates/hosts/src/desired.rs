//! What is to run on a host.

use crate::{Cx, Fault, Wait};
use bonafide_core::placement::{PlacedIdentity, Placement};
use bonafide_store::Revision;
use bonafide_types::{HostId, ResourceUuid};
use bonafide_wire::hosts::{Desired, Identity, IdentityKind, Workload};
use bonafide_wire::{Outcome, Reply};
use http::StatusCode;

/// What changed on a host since a cursor; everything without one, or with one that is too old or of
/// another epoch. With nothing new it asks to wait, once.
pub(crate) fn desired(cx: &Cx<'_>, host: HostId, after: Option<&str>, wait: u64) -> Outcome<Wait> {
    let cursor = cx.view.cursor();
    let epoch = cursor.epoch.0.to_string();
    let after = match after.map(|after| read_cursor(after, &epoch)) {
        None | Some(Ok(None)) => None,
        Some(Ok(Some(revision))) => Some(revision),
        Some(Err(fault)) => return Outcome::Reply(fault.reply()),
    };
    let changes = cx.view.placed(host).and_then(|placed| placed.changes(after));
    if changes.is_none() && after.is_some() && wait > 0 && !cx.waited {
        return Outcome::Need(Wait { past: cursor.revision, seconds: wait });
    }
    let cursor = format!("{epoch}.{}", cursor.revision.0);
    let desired = match changes {
        Some(changes) => Desired {
            cursor,
            complete: changes.complete,
            workloads: changes.workloads.iter().map(|(id, placement)| workload(*id, placement)).collect(),
            removed: changes.removed,
        },
        None => Desired { cursor, complete: after.is_none(), workloads: Vec::new(), removed: Vec::new() },
    };
    Outcome::Reply(Reply::json(StatusCode::OK, &desired))
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

fn workload(id: ResourceUuid, placement: &Placement) -> Workload {
    Workload {
        id,
        resource_id: placement.resource_id.clone(),
        tenant_id: placement.tenant,
        location: placement.location.clone(),
        identities: placement.identities.iter().map(|identity| describe(placement, identity)).collect(),
    }
}

fn describe(placement: &Placement, identity: &PlacedIdentity) -> Identity {
    let (kind, resource_id) = match &identity.user_assigned {
        None => (IdentityKind::SystemAssigned, &placement.resource_id),
        Some(id) => (IdentityKind::UserAssigned, id),
    };
    Identity { kind, principal_id: identity.principal, client_id: identity.client_id, resource_id: resource_id.clone() }
}
