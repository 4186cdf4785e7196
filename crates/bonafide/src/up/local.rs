//! Putting workloads on this machine's host: `up` runs whatever it is asked to run.

use crate::choices::choices;
use crate::control_plane::ControlPlane;
use bonafide_core::access::Allowed;
use bonafide_core::directory::{RESOURCES, Resource, find};
use bonafide_core::lifecycle::{self, PlaceError};
use bonafide_core::placement::PLACEMENTS;
use bonafide_store::{Read, StoreError};
use bonafide_types::{HostId, ResourceId, ResourceUuid};
use std::sync::Arc;

/// Resources looked at in one step of a search by name.
const STEP: usize = 1_000;

/// What runs on this machine's host.
pub(crate) struct LocalHost {
    pub(crate) plane: Arc<ControlPlane>,
    pub(crate) id: HostId,
}

impl LocalHost {
    /// Puts a workload on the host; false when it was there already.
    pub(crate) fn place(&self, workload: ResourceUuid) -> Result<bool, PlaceError> {
        self.plane.store.write(|tx| match tx.get(&RESOURCES, &workload)? {
            Some(resource) if tx.get(&PLACEMENTS, &(self.id, workload))?.is_none() => {
                lifecycle::place(tx, &Allowed::system(resource.tenant), self.id, workload, &resource)?;
                Ok(true)
            }
            Some(_) | None => Ok(false),
        })
    }

    /// Takes a workload from the host.
    pub(crate) fn take_away(&self, workload: ResourceUuid) -> Result<(), StoreError> {
        self.plane.store.write(|tx| lifecycle::take_away(tx, self.id, workload))
    }

    /// Takes everything away but `kept`: what an earlier run's sessions left here, when it ended before them.
    pub(crate) fn take_all_away_but(&self, kept: Option<ResourceUuid>) -> Result<(), StoreError> {
        let placed = self.plane.store.read(|tx| tx.page(&PLACEMENTS, &self.id, None, usize::MAX))?;
        for ((_, workload), _) in placed {
            if Some(workload) != kept {
                self.take_away(workload)?;
            }
        }
        Ok(())
    }

    /// The resource that an ARM id or a name means. A name that several have means none of them, whichever have an
    /// identity: another group's resource must not come first by having one.
    pub(crate) fn resolve(&self, wanted: &str) -> Result<ResourceUuid, String> {
        let found = match ResourceId::parse(wanted) {
            Ok(id) => self.plane.store.read(|tx| Ok::<_, StoreError>(find(tx, &id)?.into_iter().collect())),
            Err(_) => self.workloads(|resource| resource.id.name().eq_ignore_ascii_case(wanted)),
        };
        match found.map_err(|error| error.to_string())?.as_slice() {
            [] => Err(self.unknown(wanted)),
            [(id, _)] => Ok(*id),
            several => {
                let known = choices(several.iter().map(|(_, resource)| &resource.id));
                Err(format!("several resources have that name; give the whole id of one: {known}"))
            }
        }
    }

    fn unknown(&self, wanted: &str) -> String {
        let known = self.workloads(|resource| !resource.identity.is_empty()).unwrap_or_default();
        let known = match known.as_slice() {
            [] => "no resource has an identity yet".to_owned(),
            known => {
                format!("those with an identity are: {}", choices(known.iter().map(|(_, resource)| resource.id.name())))
            }
        };
        format!("there is no resource '{wanted}'; {known}")
    }

    /// All resources that could be workloads and are meant.
    fn workloads(&self, is_meant: impl Fn(&Resource) -> bool) -> Result<Vec<(ResourceUuid, Resource)>, StoreError> {
        self.plane.store.read(|tx| {
            let mut found = Vec::new();
            let mut after = None;
            loop {
                let rows = tx.page(&RESOURCES, &(), after.as_ref(), STEP)?;
                after = rows.last().map(|(id, _)| *id);
                let is_last = rows.len() < STEP;
                let could_be = |resource: &Resource| resource.principal.is_none() && resource.group.is_some();
                found.extend(rows.into_iter().filter(|(_, resource)| could_be(resource) && is_meant(resource)));
                if is_last {
                    return Ok(found);
                }
            }
        })
    }
}
