//! The identities that a workload has: the one place that decides it. An instance of a scale set refers to its set and
//! copies nothing: what the set loses, all its instances lose in the same commit, and what the set has lives as long as
//! the set, not as long as one instance.

use super::PlacedIdentity;
use crate::directory::{PrincipalRef, RESOURCES, Resource};
use bonafide_store::{Absence, Read, StoreError, Table};
use bonafide_types::{ResourceId, ResourceUuid};
use serde::{Deserialize, Serialize};

/// The identities of scale sets that have instances on hosts. The placements of the instances refer to these rows.
pub const IDENTITIES_OF_SETS: Table<ResourceUuid, SetIdentities> = Table::new("set-identities", Absence::Withholds);

/// The identities that a scale set gives to its instances, the system-assigned one first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SetIdentities(Vec<SetIdentity>);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct SetIdentity {
    /// The version of the set's model that it came with.
    since: u64,
    #[serde(flatten)]
    identity: PlacedIdentity,
}

impl SetIdentities {
    /// Those of a set.
    pub(crate) fn of(set: &Resource) -> Self {
        let since = set.identity.system.iter().map(|_| set.identity.system_since);
        let since = since.chain(set.identity.users.iter().map(|user| user.since));
        let identities = own(set).into_iter().map(|identity| PlacedIdentity {
            system_of: identity.user_assigned.is_none().then(|| set.id.clone()),
            ..identity
        });
        Self(since.zip(identities).map(|(since, identity)| SetIdentity { since, identity }).collect())
    }

    /// All of them.
    pub(crate) fn all(&self) -> impl Iterator<Item = &PlacedIdentity> {
        self.0.iter().map(|row| &row.identity)
    }

    /// Takes those out that `keeps` is false for.
    pub(crate) fn retain(&mut self, keeps: impl Fn(&PlacedIdentity) -> bool) {
        self.0.retain(|row| keeps(&row.identity));
    }
}

/// The identities in a resource's own block, the system-assigned one first.
pub(crate) fn own(resource: &Resource) -> Vec<PlacedIdentity> {
    let placed = |principal: &PrincipalRef, user_assigned: Option<ResourceId>| PlacedIdentity {
        principal: principal.principal_id,
        client_id: principal.client_id,
        user_assigned,
        system_of: None,
    };
    let system = resource.identity.system.iter().map(|system| placed(system, None));
    let users = resource.identity.assigned().map(|user| placed(&user.principal, Some(user.id.clone())));
    system.chain(users).collect()
}

/// The identities of an instance: its own and, of its set's, those that came with its model or before. One that it has
/// itself is not there twice, and its own system-assigned identity stands for the set's.
pub(crate) fn joined<'a>(
    own: &'a [PlacedIdentity],
    model: u64,
    of_set: &'a SetIdentities,
) -> impl Iterator<Item = &'a PlacedIdentity> {
    let has_system = own.iter().any(|identity| identity.user_assigned.is_none());
    let is_own = move |identity: &PlacedIdentity| match identity.user_assigned {
        None => has_system,
        Some(_) => own.iter().any(|other| other.principal == identity.principal),
    };
    let reached = of_set.0.iter().filter(move |row| row.since <= model).map(|row| &row.identity);
    own.iter().chain(reached.filter(move |identity| !is_own(identity)))
}

/// The identities that a stored workload has.
///
/// # Errors
/// The store's.
pub fn identities_of(tx: &impl Read, resource: &Resource) -> Result<Vec<PlacedIdentity>, StoreError> {
    let own = own(resource);
    let Some(membership) = resource.set else { return Ok(own) };
    let Some(set) = tx.get(&RESOURCES, &membership.set)? else { return Ok(own) };
    Ok(joined(&own, membership.model, &SetIdentities::of(&set)).cloned().collect())
}
