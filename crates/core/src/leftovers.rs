//! What a deletion leaves to be cleared away when one transaction cannot hold all of it. None of it gives
//! anybody anything: a credential counts only with its service principal, and a host gets tokens only for
//! what is placed on it. A row says what is left; whoever calls [`clear`] goes on from there.

use crate::directory::{CREDENTIALS, IDENTITY_USES};
use crate::placement::{self, PLACEMENTS};
use bonafide_store::{Key, Read, Store, StoreError, Table, Tx};
use bonafide_types::{HostId, ObjectId, ResourceUuid};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, HashSet};

/// Credentials and placements that go in the transaction of one deletion. Source: ours; leaves room in a
/// commit for a resource that has 1,000 identities taken and 1,000 others given.
pub(crate) const ROWS_AT_ONCE: usize = 500;
/// Rows of leftovers read at once. Source: ours.
const LEFTOVERS_AT_ONCE: usize = 100;

/// What is left of a service principal that is gone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Rest {
    /// For a user-assigned identity: the resource that it was. Those that have it are still on hosts with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) identity: Option<ResourceUuid>,
    /// Of those, the last that was seen to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) after: Option<ResourceUuid>,
}

/// What is left of service principals that are gone.
const DELETED: Table<ObjectId, Rest> = Table::new("deleted-principal");
/// Identities taken from a workload on a host, whose keys are still to be deleted.
const WITHDRAWN: Table<(HostId, ResourceUuid), BTreeSet<ObjectId>> = Table::new("withdrawn-identity");

/// Clears away all that is left. The shell calls it now and then; one row that fails does not keep the
/// others from their turn.
pub fn clear(store: &Store) -> Result<(), StoreError> {
    let principals = each(store, &DELETED, |tx, principal, rest| forget(tx, *principal, rest));
    let keys = each(store, &WITHDRAWN, |tx, key, _| withdraw_keys(tx, *key, BTreeSet::new(), &mut { ROWS_AT_ONCE }));
    principals.and(keys)
}

/// Takes steps, a transaction each, for every row of a table until there is none.
fn each<K: Key, V: Serialize + DeserializeOwned>(
    store: &Store,
    table: &Table<K, V>,
    step: impl Fn(&mut Tx<'_>, &K, V) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let mut outcome = Ok(());
    let mut after = None;
    loop {
        let rows = store.read(|tx| tx.page(table, &(), after.as_ref(), LEFTOVERS_AT_ONCE))?;
        let Some((last, _)) = rows.last() else { return outcome };
        for (key, _) in &rows {
            let is_left = |tx: &mut Tx<'_>| match tx.get(table, key)? {
                Some(row) => step(tx, key, row).map(|()| true),
                None => Ok(false),
            };
            let stepped = loop {
                match store.write(is_left) {
                    Ok(true) => {}
                    Ok(false) => break Ok(()),
                    Err(error) => break Err(error),
                }
            };
            outcome = outcome.and(stepped);
        }
        let mut bytes = Vec::new();
        last.encode(&mut bytes);
        after = K::decode(&bytes);
    }
}

/// Deletes what a service principal that is gone had: its credentials and, for a user-assigned identity,
/// its place on hosts.
pub(crate) fn forget(tx: &mut Tx<'_>, principal: ObjectId, mut rest: Rest) -> Result<(), StoreError> {
    let was_left = tx.get(&DELETED, &principal)?.is_some();
    let keys = tx.page(&CREDENTIALS, &principal, None, ROWS_AT_ONCE)?;
    let mut room = ROWS_AT_ONCE - keys.len();
    for (key, _) in keys {
        tx.delete(&CREDENTIALS, &key)?;
    }
    if let Some(identity) = rest.identity {
        for user in tx.many(&IDENTITY_USES, &identity, rest.after.as_ref(), room)? {
            if room == 0 {
                break;
            }
            room = room.saturating_sub(1 + placement::forget_identity(tx, user, principal)?);
            rest.after = Some(user);
        }
    }
    match (room, was_left) {
        (0, _) => tx.put(&DELETED, &principal, &rest),
        (_, true) => tx.delete(&DELETED, &principal),
        (_, false) => Ok(()),
    }
}

/// Deletes the keys that a host made for identities which were taken from a workload, where none of its
/// workloads has them any more; no more than `room`, which is less by those that were deleted.
pub(crate) fn withdraw_keys(
    tx: &mut Tx<'_>,
    (host, workload): (HostId, ResourceUuid),
    mut taken: BTreeSet<ObjectId>,
    room: &mut usize,
) -> Result<(), StoreError> {
    let earlier = tx.get(&WITHDRAWN, &(host, workload))?;
    let was_left = earlier.is_some();
    taken.extend(earlier.into_iter().flatten());
    if taken.is_empty() {
        return Ok(());
    }
    let placed: HashSet<ObjectId> = tx
        .page(&PLACEMENTS, &host, None, usize::MAX)?
        .into_iter()
        .flat_map(|(_, placement)| placement.identities.into_iter().map(|identity| identity.principal))
        .collect();
    taken.retain(|principal| !placed.contains(principal));
    while *room > 0
        && let Some(principal) = taken.pop_first()
    {
        for (key, credential) in tx.page(&CREDENTIALS, &principal, None, usize::MAX)? {
            if credential.host == Some(host) {
                tx.delete(&CREDENTIALS, &key)?;
                *room = room.saturating_sub(1);
            }
        }
    }
    match (taken.is_empty(), was_left) {
        (false, _) => tx.put(&WITHDRAWN, &(host, workload), &taken),
        (true, true) => tx.delete(&WITHDRAWN, &(host, workload)),
        (true, false) => Ok(()),
    }
}
