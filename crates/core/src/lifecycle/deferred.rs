//! Rows that say how far a deletion is which one transaction cannot hold, and who continues it.

use super::budget::Progress;
use bonafide_store::{Key, Read, Store, StoreError, Table, Tx};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Rows of deferred work read at once. Source: ours.
const DEFERRED_AT_ONCE: usize = 100;

/// Takes steps, a transaction each, for every row of a table until the table is empty.
pub(super) fn each<K: Key, V: Serialize + DeserializeOwned>(
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

/// Stores the rest of a deletion, or removes the row when there is none.
pub(super) fn defer<K: Key, V: Serialize + DeserializeOwned>(
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
