//! Putting workloads on this machine's host: `up` runs whatever it is asked to run, as the operator and with the
//! operator's own rights.

use bonafide_core::access::{Allowed, Denied, may_write};
use bonafide_core::directory::{RESOURCES, Resource, find};
use bonafide_core::lifecycle::{self, PLACE, PlaceError};
use bonafide_core::placement::PLACEMENTS;
use bonafide_host::Placer;
use bonafide_plane::{ControlPlane, Installation, can_have_identities};
use bonafide_store::{Read, StoreError, Tx};
use bonafide_types::{HostId, ObjectId, ResourceId, ResourceUuid, TenantId, enumerate_some};
use std::sync::Arc;

/// Resources looked at in one step of a search by name.
const STEP: usize = 1_000;

/// A resource with its key.
type Found = (ResourceUuid, Resource);

/// True for what is neither an identity nor a resource group, and of a type that can have identities: a network interface
/// or an extension with the name of a machine is not meant.
fn could_be_workload(resource: &Resource) -> bool {
    resource.principal.is_none() && resource.group.is_some() && can_have_identities(&resource.id)
}

fn names(found: &[Found]) -> String {
    let mut names: Vec<&str> = found.iter().map(|(_, resource)| resource.id.name()).collect();
    names.sort_unstable();
    enumerate_some(names)
}

/// The host that this machine is.
pub(crate) struct LocalHost {
    plane: Arc<ControlPlane>,
    id: HostId,
    tenant: TenantId,
    operator: ObjectId,
}

/// The reason why a workload was not put on the host.
#[derive(Debug, thiserror::Error)]
enum LocalPlaceError {
    #[error("the operator may not write '{0}', and workloads are put on this machine as the operator")]
    Denied(ResourceId),
    #[error("the operator has no role that grants {PLACE} on this machine's host")]
    HostDenied,
    #[error(transparent)]
    Place(#[from] PlaceError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Placer for LocalHost {
    /// A name that several resources have means none of them, whichever have an identity: another group's resource
    /// must not come first by having one.
    fn resolve(&self, wanted: &str) -> Result<ResourceUuid, String> {
        let found = match ResourceId::parse(wanted) {
            Ok(id) => self.plane.store.read(|tx| Ok::<_, StoreError>(find(tx, &id)?.into_iter().collect())),
            Err(_) => self.resources(|resource| resource.id.is_named(wanted)),
        };
        let found = found.map_err(|error| error.to_string())?;
        let (workloads, others): (Vec<Found>, Vec<Found>) =
            found.into_iter().partition(|(_, resource)| could_be_workload(resource));
        match (workloads.as_slice(), others.as_slice()) {
            ([], []) => Err(format!("there is no resource '{wanted}'; {}", self.choice())),
            ([], [other, ..]) => Err(self.no_workload(wanted, other)),
            ([(id, _)], _) => Ok(*id),
            (several, _) => {
                let known = enumerate_some(several.iter().map(|(_, resource)| &resource.id));
                Err(format!("several resources have that name; give the whole id of one: {known}"))
            }
        }
    }

    fn choice(&self) -> String {
        let with_identity = |resource: &Resource| could_be_workload(resource) && !resource.identity.is_empty();
        match self.resources(with_identity).unwrap_or_default().as_slice() {
            [] => "no resource has an identity yet; docs/guide/enabling.md says how to give it to one".to_owned(),
            known => format!("those with an identity are: {}", names(known)),
        }
    }

    fn place(&self, workload: ResourceUuid) -> Result<bool, String> {
        let placed = self.plane.store.write(|tx| match tx.get(&RESOURCES, &workload)? {
            Some(resource) if tx.get(&PLACEMENTS, &(self.id, workload))?.is_none() => {
                let allowed = self.allowed(tx, workload, &resource)?;
                let on = lifecycle::may_place_on(tx, self.tenant, self.operator, self.id)?;
                let on = on.map_err(|Denied| LocalPlaceError::HostDenied)?;
                lifecycle::place(tx, &allowed, on, workload, &resource)?;
                Ok(true)
            }
            Some(_) | None => Ok(false),
        });
        placed.map_err(|error: LocalPlaceError| error.to_string())
    }

    fn take_away(&self, workload: ResourceUuid) -> Result<(), String> {
        self.take(workload).map_err(|error| error.to_string())
    }
}

impl LocalHost {
    pub(crate) fn new(plane: Arc<ControlPlane>, installation: &Installation) -> Self {
        let Installation { local_host: id, tenant, operator, .. } = *installation;
        Self { plane, id, tenant, operator }
    }

    /// The operator's proof of a write on a resource.
    fn allowed(&self, tx: &Tx<'_>, uuid: ResourceUuid, resource: &Resource) -> Result<Allowed, LocalPlaceError> {
        may_write(tx, self.operator, uuid, resource)?.map_err(|Denied| LocalPlaceError::Denied(resource.id.clone()))
    }

    fn take(&self, workload: ResourceUuid) -> Result<(), StoreError> {
        self.plane.store.write(|tx| lifecycle::take_away(tx, self.id, workload))
    }

    /// Takes all workloads away but those to be kept: sessions of an earlier run, that ended before them, left them here.
    pub(crate) fn take_all_away_but(&self, is_kept: impl Fn(ResourceUuid) -> bool) -> Result<(), StoreError> {
        let placed = self.plane.store.read(|tx| tx.page(&PLACEMENTS, &self.id, None, usize::MAX))?;
        for ((_, workload), _) in placed {
            if !is_kept(workload) {
                self.take(workload)?;
            }
        }
        Ok(())
    }

    /// The reason why a resource cannot be a workload, and what to name in its place.
    fn no_workload(&self, wanted: &str, (id, resource): &Found) -> String {
        let Some(principal) = resource.principal else {
            return format!("'{wanted}' is a {}, and no workload; {}", resource.id.type_name(), self.choice());
        };
        let has_it = |other: &Resource| other.identity.users.iter().any(|assigned| assigned.identity == *id);
        match self.resources(has_it).unwrap_or_default().as_slice() {
            [] => format!(
                "'{wanted}' is an identity, and no workload has it yet: assign it to one (docs/guide/enabling.md), and \
                 name that with --workload"
            ),
            known => format!(
                "'{wanted}' is an identity; name a workload that has it with --workload: {}; the identity is chosen by \
                 its client id {}: by `token` with --client-id, by a program under `exec` with AZURE_CLIENT_ID",
                names(known),
                principal.client_id
            ),
        }
    }

    /// All resources that are meant.
    fn resources(&self, is_meant: impl Fn(&Resource) -> bool) -> Result<Vec<Found>, StoreError> {
        self.plane.store.read(|tx| {
            let mut found = Vec::new();
            let mut after = None;
            loop {
                let rows = tx.page(&RESOURCES, &(), after.as_ref(), STEP)?;
                after = rows.last().map(|(id, _)| *id);
                let is_last = rows.len() < STEP;
                found.extend(rows.into_iter().filter(|(_, resource)| is_meant(resource)));
                if is_last {
                    return Ok(found);
                }
            }
        })
    }
}
