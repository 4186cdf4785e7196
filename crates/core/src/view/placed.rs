//! Placements as the view holds them: by host, with what each host needs to catch up.

use crate::placement::{Placed, SetIdentities};
use bonafide_store::Revision;
use bonafide_types::ResourceUuid;
use imbl::{HashMap, Vector};
use std::sync::Arc;

/// Removals remembered for each host. Source: ours; a host that is further behind reloads.
const REMOVALS_MAX: usize = 1_024;

/// The workloads placed on one host.
#[derive(Clone)]
pub struct PlacedHost {
    workloads: HashMap<ResourceUuid, (Revision, Arc<Placed>)>,
    removed: Vector<(Revision, ResourceUuid)>,
    /// Removals after this revision are all in `removed`.
    known_since: Revision,
    changed_at: Revision,
}

/// The changes on a host.
pub struct HostChanges {
    /// True when `workloads` is everything there is.
    pub complete: bool,
    /// New and changed workloads.
    pub workloads: Vec<(ResourceUuid, Arc<Placed>)>,
    /// Workloads that are gone.
    pub removed: Vec<ResourceUuid>,
}

impl PlacedHost {
    pub(super) fn new(known_since: Revision) -> Self {
        Self { workloads: HashMap::new(), removed: Vector::new(), known_since, changed_at: known_since }
    }

    pub(super) fn put(&mut self, at: Revision, workload: ResourceUuid, placement: Option<Placed>) {
        self.changed_at = self.changed_at.max(at);
        match placement {
            Some(placement) => drop(self.workloads.insert(workload, (at, Arc::new(placement)))),
            None => {
                self.workloads.remove(&workload);
                self.removed.push_back((at, workload));
                if self.removed.len() > REMOVALS_MAX {
                    self.known_since = self.removed.pop_front().map_or(at, |(revision, _)| revision);
                }
            }
        }
    }

    /// Gives the instances of a set the identities that it has now.
    pub(super) fn put_set(&mut self, at: Revision, set: ResourceUuid, of_set: &Arc<SetIdentities>) {
        let is_instance = |placed: &Placed| placed.row.set.is_some_and(|membership| membership.set == set);
        let instances = self.workloads.iter().filter(|(_, (_, placed))| is_instance(placed));
        let changed: Vec<(ResourceUuid, Placed)> = instances
            .map(|(id, (_, placed))| (*id, Placed { row: placed.row.clone(), of_set: of_set.clone() }))
            .collect();
        for (id, placed) in changed {
            self.put(at, id, Some(placed));
        }
    }

    /// True when instances of a set are on this host.
    pub(super) fn has_instances(&self, set: ResourceUuid) -> bool {
        self.workloads.values().any(|(_, placed)| placed.row.set.is_some_and(|membership| membership.set == set))
    }

    /// The revision of the last change.
    pub(super) fn changed_at(&self) -> Revision {
        self.changed_at
    }

    /// A workload on this host.
    pub fn workload(&self, id: ResourceUuid) -> Option<&Placed> {
        self.workloads.get(&id).map(|(_, placement)| placement.as_ref())
    }

    /// The changes after a revision; `None` when nothing changed. All workloads, when the revision is unknown
    /// (`None`) or too old.
    pub fn changes(&self, after: Option<Revision>) -> Option<HostChanges> {
        let after = after.filter(|after| *after >= self.known_since);
        if after.is_some_and(|after| self.changed_at <= after) {
            return None;
        }
        let is_new = |at: &Revision| after.is_none_or(|after| *at > after);
        let workloads = self.workloads.iter().filter(|(_, (at, _))| is_new(at));
        let removed = self.removed.iter().filter(|(at, id)| is_new(at) && !self.workloads.contains_key(id));
        Some(HostChanges {
            complete: after.is_none(),
            workloads: workloads.map(|(id, (_, placement))| (*id, placement.clone())).collect(),
            removed: if after.is_none() { Vec::new() } else { removed.map(|(_, id)| *id).collect() },
        })
    }
}
