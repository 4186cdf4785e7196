//! Putting workloads on this machine's host: `up` runs whatever it is asked to run.

use crate::agent::Attach;
use crate::control_plane::ControlPlane;
use bonafide_core::directory::{RESOURCES, Resource, find};
use bonafide_core::placement::{self, PLACEMENTS, PlaceError};
use bonafide_store::{Read, StoreError};
use bonafide_types::{HostId, ResourceId, ResourceUuid};
use std::sync::Arc;

/// Resources looked at in one step of a search by name.
const STEP: usize = 1_000;

/// Puts workloads on `host`.
pub(crate) fn attach(plane: Arc<ControlPlane>, host: HostId) -> Attach {
    Arc::new(move |wanted| {
        let id = resolve(&plane, wanted)?;
        let place = plane.store.write(|tx| match tx.get(&RESOURCES, &id)? {
            Some(resource) if tx.get(&PLACEMENTS, &(host, id))?.is_none() => placement::place(tx, host, id, &resource),
            Some(_) | None => Ok(()),
        });
        place.map_err(|error: PlaceError| error.to_string())?;
        Ok(id)
    })
}

/// The resource that an ARM id or a name means. A name counts among resources that have an identity,
/// and among all others only where none of those has it.
fn resolve(plane: &ControlPlane, wanted: &str) -> Result<ResourceUuid, String> {
    let found = plane.store.read(|tx| {
        if let Ok(id) = ResourceId::parse(wanted) {
            return Ok(find(tx, &id)?.into_iter().collect());
        }
        let mut found: Vec<(ResourceUuid, Resource)> = Vec::new();
        let mut after = None;
        loop {
            let rows = tx.page(&RESOURCES, &(), after.as_ref(), STEP)?;
            after = rows.last().map(|(id, _)| *id);
            let is_last = rows.len() < STEP;
            let is_meant = |resource: &Resource| {
                resource.principal.is_none()
                    && resource.group.is_some()
                    && resource.id.name().eq_ignore_ascii_case(wanted)
            };
            found.extend(rows.into_iter().filter(|(_, resource)| is_meant(resource)));
            if is_last {
                return Ok::<_, StoreError>(found);
            }
        }
    });
    let mut found = found.map_err(|error| error.to_string())?;
    if found.iter().any(|(_, resource)| !resource.identity.is_empty()) {
        found.retain(|(_, resource)| !resource.identity.is_empty());
    }
    let known: Vec<&str> = found.iter().map(|(_, resource)| resource.id.as_str()).collect();
    if known.len() > 1 {
        return Err(format!("several resources have that name; give the whole id of one: {}", known.join(", ")));
    }
    found.first().map(|(id, _)| *id).ok_or_else(|| format!("there is no resource '{wanted}'"))
}
