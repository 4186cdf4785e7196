//! The part of a deletion that one transaction cannot hold. None of it gives anybody anything: a
//! credential is valid only with its service principal, and a host gets tokens only for its placements.
//! A row says how far the work is; [`clear`] continues it.

use super::place::take_from_hosts;
use crate::directory::{CREDENTIALS, IDENTITY_USES};
use crate::placement::PLACEMENTS;
use bonafide_store::{Key, Read, Store, StoreError, Table, Tx};
use bonafide_types::{HostId, ObjectId, ResourceUuid};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, HashSet};

/// Credentials and placements that go in the transaction of one deletion. Source: ours; leaves room in a
/// commit for a resource that has 1,000 identities taken and 1,000 others given.
const ROWS_AT_ONCE: usize = 500;
/// Rows of deferred work read at once. Source: ours.
const DEFERRED_AT_ONCE: usize = 100;

/// How many more rows a step of a long deletion may change.
#[derive(Debug)]
pub struct Budget(usize);

impl Budget {
    /// A budget of `rows`.
    pub fn new(rows: usize) -> Self {
        Self(rows)
    }

    /// The budget of what follows from one write.
    pub(super) fn of_one_write() -> Self {
        Self(ROWS_AT_ONCE)
    }

    /// Rows left.
    pub fn left(&self) -> usize {
        self.0
    }

    /// True when nothing is left.
    pub fn is_spent(&self) -> bool {
        self.0 == 0
    }

    /// Takes `rows` from the budget, or what is left of it.
    pub fn take(&mut self, rows: usize) {
        self.0 = self.0.saturating_sub(rows);
    }
}

/// Whether a deletion is finished.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Nothing is left to do.
    Done,
    /// The budget was spent first.
    Unfinished,
}

impl Progress {
    /// True for [`Progress::Done`].
    pub fn is_done(self) -> bool {
        self == Self::Done
    }
}

/// Work left of the deletion of a service principal.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PrincipalRest {
    /// For a user-assigned identity: its resource. Hosts still have it for the workloads that use it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) identity: Option<ResourceUuid>,
    /// The last of those workloads that was updated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) after: Option<ResourceUuid>,
}

/// Work left of the deletion of service principals.
const DELETED: Table<ObjectId, PrincipalRest> = Table::new("deleted-principal");
/// Identities taken from a workload on a host, whose keys are still to be deleted.
const WITHDRAWN: Table<(HostId, ResourceUuid), BTreeSet<ObjectId>> = Table::new("withdrawn-identity");

/// Finishes all deferred work. The shell calls it now and then; one row that fails does not keep the
/// others from their turn.
pub fn clear(store: &Store) -> Result<(), StoreError> {
    let principals = each(store, &DELETED, |tx, principal, rest| forget_principal(tx, *principal, rest));
    let keys =
        each(store, &WITHDRAWN, |tx, key, _| withdraw_keys(tx, *key, BTreeSet::new(), &mut Budget::of_one_write()));
    principals.and(keys)
}

/// Takes steps, a transaction each, for every row of a table until the table is empty.
fn each<K: Key, V: Serialize + DeserializeOwned>(
    store: &Store,
    table: &Table<K, V>,
    step: impl Fn(&mut Tx<'_>, &K, V) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let mut outcome = Ok(());
    let mut after = None;
    loop {
        let rows = store.read(|tx| tx.page(table, &(), after.as_ref(), DEFERRED_AT_ONCE))?;
        let Some((last, _)) = rows.last() else { return outcome };
        for (key, _) in &rows {
            outcome = outcome.and(finish(store, table, key, &step));
        }
        let mut bytes = Vec::new();
        last.encode(&mut bytes);
        after = K::decode(&bytes);
    }
}

/// Takes steps for one row until it is gone.
fn finish<K: Key, V: Serialize + DeserializeOwned>(
    store: &Store,
    table: &Table<K, V>,
    key: &K,
    step: impl Fn(&mut Tx<'_>, &K, V) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let take_step = |tx: &mut Tx<'_>| match tx.get(table, key)? {
        Some(row) => step(tx, key, row).map(|()| Progress::Unfinished),
        None => Ok(Progress::Done),
    };
    while !store.write(take_step)?.is_done() {}
    Ok(())
}

/// Deletes the belongings of a service principal that is gone: its credentials and, for a user-assigned
/// identity, its place on hosts.
pub(super) fn forget_principal(
    tx: &mut Tx<'_>,
    principal: ObjectId,
    mut rest: PrincipalRest,
) -> Result<(), StoreError> {
    let mut budget = Budget::of_one_write();
    for (key, _) in tx.page(&CREDENTIALS, &principal, None, budget.left())? {
        tx.delete(&CREDENTIALS, &key)?;
        budget.take(1);
    }
    if let Some(identity) = rest.identity {
        for user in tx.many(&IDENTITY_USES, &identity, rest.after.as_ref(), budget.left())? {
            if budget.is_spent() {
                break;
            }
            budget.take(1 + take_from_hosts(tx, user, principal)?);
            rest.after = Some(user);
        }
    }
    defer(tx, &DELETED, &principal, budget.is_spent().then_some(rest))
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
    let placed: HashSet<ObjectId> = tx
        .page(&PLACEMENTS, &host, None, usize::MAX)?
        .into_iter()
        .flat_map(|(_, placement)| placement.identities.into_iter().map(|identity| identity.principal))
        .collect();
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

/// Stores the rest of a deletion, or removes the row when there is none.
fn defer<K: Key, V: Serialize + DeserializeOwned>(
    tx: &mut Tx<'_>,
    table: &Table<K, V>,
    key: &K,
    rest: Option<V>,
) -> Result<(), StoreError> {
    match rest {
        Some(rest) => tx.put(table, key, &rest),
        None if tx.get(table, key)?.is_some() => tx.delete(table, key),
        None => Ok(()),
    }
}
