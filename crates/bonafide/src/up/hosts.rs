//! Decisions about hosts, as the operator and with the operator's own rights.

use bonafide_core::access::{DECIDE_HOSTS, Denied, may_decide_hosts};
use bonafide_core::lifecycle::{self, DecideError};
use bonafide_core::placement::{HOSTS, Host};
use bonafide_host::{HostDecisions, HostLine, HostOrder, HostState};
use bonafide_http::clock;
use bonafide_plane::{ControlPlane, Installation};
use bonafide_store::{Read, StoreError, Tx};
use bonafide_types::{HostId, ObjectId, TenantId, enumerate_some};
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
    #[error("several hosts have the name '{0}'; give the id of one")]
    Several(String),
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
            HostOrder::List => return Ok(all(tx)?.iter().map(described).collect()),
            HostOrder::Enable(wanted) => (wanted, true),
            HostOrder::Disable(wanted) => (wanted, false),
        };
        let id = find(tx, wanted)?;
        let decided = lifecycle::decide_host(tx, &clock::world(), &allowed, self.tenant, id, enabled)?;
        Ok(decided.into_iter().map(|host| described(&(id, host))).collect())
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

fn all(tx: &Tx<'_>) -> Result<Vec<(HostId, Host)>, StoreError> {
    tx.page(&HOSTS, &(), None, usize::MAX)
}

fn find(tx: &Tx<'_>, wanted: &str) -> Result<HostId, OrderError> {
    if let Ok(id) = wanted.parse::<HostId>()
        && tx.get(&HOSTS, &id)?.is_some()
    {
        return Ok(id);
    }
    let hosts = all(tx)?;
    let named: Vec<HostId> = hosts.iter().filter(|(_, host)| host.name == wanted).map(|(id, _)| *id).collect();
    match named[..] {
        [id] => Ok(id),
        [] => {
            let known = enumerate_some(hosts.iter().map(|(_, host)| &host.name));
            Err(OrderError::Unknown { wanted: wanted.to_owned(), known })
        }
        _ => Err(OrderError::Several(wanted.to_owned())),
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
