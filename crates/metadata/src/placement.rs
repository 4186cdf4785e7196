//! The workloads on this host and their identities, as the control plane last named them.

use crate::cache::Tokens;
use crate::instance::Instance;
use crate::knowledge::Looks;
use crate::limits::FETCHES_PER_WORKLOAD_MAX;
use crate::scheduled_events::LastTry;
use crate::throttle::{Gate, Throttle};
use arc_swap::ArcSwapOption;
use bonafide_types::{ClientId, ObjectId, ResourceId, ResourceUuid};
use bonafide_wire::hosts::{Desired, Identity, IdentityKind, Workload};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// A workload with an index of its identities: it may have a thousand.
pub(crate) struct Placement {
    pub(crate) workload: Workload,
    pub(crate) by_client: HashMap<ClientId, usize>,
    pub(crate) by_principal: HashMap<ObjectId, usize>,
    /// User-assigned identities only: the system-assigned one has no resource of its own.
    pub(crate) by_resource: HashMap<ResourceId, usize>,
}

impl Placement {
    fn new(workload: Workload) -> Self {
        let numbered = || workload.identities.iter().enumerate();
        let by_client = numbered().map(|(at, identity)| (identity.client_id, at)).collect();
        let by_principal = numbered().map(|(at, identity)| (identity.principal_id, at)).collect();
        let by_resource = numbered()
            .filter(|(_, identity)| identity.kind == IdentityKind::UserAssigned)
            .map(|(at, identity)| (identity.resource_id.clone(), at))
            .collect();
        Self { by_client, by_principal, by_resource, workload }
    }

    /// True when exactly this identity is assigned. An identity that was deleted and made again has
    /// another principal id and is another identity.
    pub(crate) fn has(&self, principal: ObjectId, client: ClientId) -> bool {
        self.identity(principal).is_some_and(|identity| identity.client_id == client)
    }

    fn identity(&self, principal: ObjectId) -> Option<&Identity> {
        self.by_principal.get(&principal).map(|at| &self.workload.identities[*at])
    }
}

/// A workload on this host. Its tokens and its gate live as long as it stays placed here.
#[derive(Clone)]
pub(crate) struct Place {
    pub(crate) placement: Arc<Placement>,
    pub(crate) tokens: Arc<Tokens>,
    pub(crate) gate: Arc<Gate>,
    /// Begun anew with each change.
    pub(crate) looks: Arc<Looks>,
    /// The machine's document, once it came.
    pub(crate) instance: Arc<ArcSwapOption<Instance>>,
    pub(crate) events_asked: Arc<LastTry>,
}

/// Every workload on this host. Ordered: for a handful of ids comparing is cheaper than hashing.
pub(crate) type Places = BTreeMap<ResourceUuid, Place>;

/// The places after a change, made from those before it.
pub(crate) fn applied(before: &Places, desired: Desired, throttle: Option<Throttle>) -> Places {
    let mut places = if desired.complete {
        let named = |id: &ResourceUuid| before.get(id).map(|place| (*id, place.clone()));
        desired.workloads.iter().filter_map(|workload| named(&workload.id)).collect()
    } else {
        before.clone()
    };
    for id in &desired.removed {
        places.remove(id);
    }
    for workload in desired.workloads {
        let id = workload.id;
        let placement = Arc::new(Placement::new(workload));
        match places.get_mut(&id) {
            Some(place) => (place.placement, place.looks) = (placement, Arc::default()),
            None => {
                let fetches = throttle.map_or(FETCHES_PER_WORKLOAD_MAX, |throttle| throttle.fetches_at_once as usize);
                let (tokens, gate) = (Arc::new(Tokens::new(fetches)), Arc::new(Gate::new(throttle)));
                let (instance, looks, events_asked) = (Arc::default(), Arc::default(), Arc::default());
                places.insert(id, Place { placement, tokens, gate, instance, looks, events_asked });
            }
        }
    }
    places
}
