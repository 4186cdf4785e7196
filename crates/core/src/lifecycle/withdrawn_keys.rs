//! Keys that hosts made for identities which were taken from their workloads.

use super::budget::Budget;
use super::deferred::{defer, each};
use crate::directory::CREDENTIALS;
use crate::placement::{PLACEMENTS, Placed};
use bonafide_store::{Absence, Read, Store, StoreError, Table, Tx};
use bonafide_types::{HostId, ObjectId, ResourceUuid};
use std::collections::{BTreeSet, HashSet};

/// Identities taken from a workload on a host, whose keys are still to be deleted.
pub(super) const WITHDRAWN: Table<(HostId, ResourceUuid), BTreeSet<ObjectId>> =
    Table::new("withdrawn-identity", Absence::Allows);

/// Deletes the keys that are left.
pub(super) fn clear(store: &Store) -> Result<(), StoreError> {
    each(store, &WITHDRAWN, |tx, key, _| withdraw_keys(tx, *key, BTreeSet::new(), &mut Budget::of_one_write()))
}

/// Deletes the keys that a host made for identities which were taken from a workload, where none of its
/// workloads has them any more, as far as the budget goes.
pub(super) fn withdraw_keys(
    tx: &mut Tx<'_>,
    (host, workload): (HostId, ResourceUuid),
    mut taken: BTreeSet<ObjectId>,
    budget: &mut Budget,
) -> Result<(), StoreError> {
    taken.extend(tx.get(&WITHDRAWN, &(host, workload))?.into_iter().flatten());
    if taken.is_empty() {
        return Ok(());
    }
    let mut placed: HashSet<ObjectId> = HashSet::new();
    for (_, row) in tx.page(&PLACEMENTS, &host, None, usize::MAX)? {
        placed.extend(Placed::read(tx, row)?.identities().map(|identity| identity.principal));
    }
    taken.retain(|principal| !placed.contains(principal));
    while !budget.is_spent()
        && let Some(principal) = taken.pop_first()
    {
        for (key, credential) in tx.page(&CREDENTIALS, &principal, None, usize::MAX)? {
            if credential.host == Some(host) {
                tx.delete(&CREDENTIALS, &key)?;
                budget.take(1);
            }
        }
    }
    defer(tx, &WITHDRAWN, &(host, workload), (!taken.is_empty()).then_some(taken))
}
