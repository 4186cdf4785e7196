//! Decisions about hosts, as the operator and with the operator's own rights.

use bonafide_core::access::{DECIDE_HOSTS, Denied, may_decide_hosts};
use bonafide_core::directory::RESOURCES;
use bonafide_core::lifecycle::{self, DecideError};
use bonafide_core::placement::{HOSTS, Host, resource_of};
use bonafide_host::{HostDecisions, HostLine, HostOrder, HostState};
use bonafide_http::clock;
use bonafide_plane::{ControlPlane, Installation};
use bonafide_store::{Read, StoreError, Tx};
use bonafide_types::{HostId, ObjectId, TenantId, enumerate_some};
use std::collections::HashSet;
use std::sync::Arc;

/// The hosts of this installation.
pub(crate) struct Hosts {
    plane: Arc<ControlPlane>,
    tenant: TenantId,
    operator: ObjectId,
}

/// The reason why an order was not carried out.
#[derive(Debug, thiserror::Error)]
enum OrderError {
    #[error("the operator has no role at the root of the tenant that grants {DECIDE_HOSTS}")]
    Denied,
    #[error("there is no host '{wanted}'; there are: {known}")]
    Unknown { wanted: String, known: String },
    #[error("several hosts have the name '{wanted}'; give the id of one: {ids}")]
    Several { wanted: String, ids: String },
    #[error(transparent)]
    Decide(#[from] DecideError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Hosts {
    pub(crate) fn new(plane: Arc<ControlPlane>, installation: &Installation) -> Self {
        Self { plane, tenant: installation.tenant, operator: installation.operator }
    }

    fn obey(&self, tx: &mut Tx<'_>, order: &HostOrder) -> Result<Vec<HostLine>, OrderError> {
        let allowed = may_decide_hosts(tx, self.tenant, self.operator)?.map_err(|Denied| OrderError::Denied)?;
        let (wanted, enabled) = match order {
            HostOrder::List => return Ok(self.all(tx)?.iter().map(described).collect()),
            HostOrder::Enable(wanted) => (wanted, true),
            HostOrder::Disable(wanted) => (wanted, false),
        };
        let id = self.find(tx, wanted)?;
        let decided = lifecycle::decide_host(tx, &clock::world(), &allowed, self.tenant, id, enabled)?;
        Ok(decided.into_iter().map(|host| described(&(id, host))).collect())
    }

    /// The hosts of the tenant, and those that are no resources.
    fn all(&self, tx: &Tx<'_>) -> Result<Vec<(HostId, Host)>, StoreError> {
        let mut hosts = tx.page(&HOSTS, &(), None, usize::MAX)?;
        let mut of_others = HashSet::new();
        for (id, _) in &hosts {
            if tx.get(&RESOURCES, &resource_of(*id))?.is_some_and(|row| row.tenant != self.tenant) {
                of_others.insert(*id);
            }
        }
        hosts.retain(|(id, _)| !of_others.contains(id));
        Ok(hosts)
    }

    fn find(&self, tx: &Tx<'_>, wanted: &str) -> Result<HostId, OrderError> {
        let hosts = self.all(tx)?;
        let id = wanted.parse::<HostId>().ok();
        if let Some((id, _)) = hosts.iter().find(|(known, _)| Some(*known) == id) {
            return Ok(*id);
        }
        let named: Vec<HostId> = hosts.iter().filter(|(_, host)| host.name == wanted).map(|(id, _)| *id).collect();
        match named[..] {
            [id] => Ok(id),
            [] => {
                let known = enumerate_some(hosts.iter().map(|(_, host)| &host.name));
                Err(OrderError::Unknown { wanted: wanted.to_owned(), known })
            }
            _ => Err(OrderError::Several { wanted: wanted.to_owned(), ids: enumerate_some(named) }),
        }
    }
}

impl HostDecisions for Hosts {
    fn obey(&self, order: &HostOrder) -> Result<Vec<HostLine>, String> {
        let lines = self.plane.store.write(|tx| self.obey(tx, order)).map_err(|error| error.to_string())?;
        // The decision is in force when the answer comes.
        self.plane.catch_up().map_err(|error| error.to_string())?;
        Ok(lines)
    }
}

fn described((id, host): &(HostId, Host)) -> HostLine {
    let state = match (host.enabled, host.frozen_at) {
        (false, _) => HostState::Disabled,
        (true, Some(_)) => HostState::Frozen,
        (true, None) => HostState::Enabled,
    };
    HostLine {
        id: *id,
        name: host.name.clone(),
        state,
        since: host.frozen_at.map(|at| at.second()),
        certificate_issued_at: host.issued_at.map(|at| at.second()),
    }
}
