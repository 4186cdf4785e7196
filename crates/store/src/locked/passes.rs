//! The passes over the rows of an older store. Each is made once, survives an end at any moment, and leaves nothing of
//! what was there before in free pages.

use super::{Locked, ROW_KEYS, put};
use crate::engine::{Compare, Revision, Verdict, Versioned};
use crate::error::{EngineError, StoreError};
use crate::index::prefix;
use crate::key::Key;
use crate::row_keys::RowKeys;
use crate::table::Table;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Rows that are written anew in one commit, about. Source: ours; bounds the memory of one step, with the next two.
const ROWS_AT_ONCE: usize = 512;
/// Bytes of their values, about. Source: ours.
const BYTES_AT_ONCE: usize = 8 * 1024 * 1024;
/// Rows that are read at once. Source: ours; the largest have 1 MiB each.
const READ_AT_ONCE: usize = 64;

/// A change to every row of a table that an older version stored: it takes out what is not stored any more.
pub struct Cleaning<K: 'static, V: 'static> {
    table: &'static Table<K, V>,
    clean: fn(&mut V) -> bool,
}

/// The reason why the rows of an old store have not all got their MACs.
#[derive(Debug, thiserror::Error)]
pub enum SealRowsError<E> {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The progress could not be sealed.
    #[error("{0}")]
    Progress(E),
}

impl<K: Key, V: Serialize + DeserializeOwned> Cleaning<K, V> {
    /// `clean` says whether it changed the row. It leaves all that the row's index entries are made of.
    pub const fn new(table: &'static Table<K, V>, clean: fn(&mut V) -> bool) -> Self {
        Self { table, clean }
    }

    /// The value of a row that it changes; `None` for others, rows of other tables, and what is no row of this version.
    fn cleaned(&self, key: &[u8], value: &[u8]) -> Option<Vec<u8>> {
        key.strip_prefix(self.table.name.as_bytes()).filter(|rest| rest.first() == Some(&0))?;
        let mut row = serde_json::from_slice(value).ok()?;
        (self.clean)(&mut row).then(|| serde_json::to_vec(&row).ok())?
    }
}

impl Locked {
    /// Puts its MAC on every row and index entry after `after`, once the row is cleaned. `progress` seals the keys
    /// together with how far this has come (`None`: to the end), which is stored in the same commit: a start that was
    /// interrupted goes on from there, and rows up to there are never taken unproven again.
    pub fn seal_rows<K: Key, V: Serialize + DeserializeOwned, E>(
        &self,
        keys: &RowKeys,
        after: Option<Vec<u8>>,
        cleaning: &Cleaning<K, V>,
        progress: impl Fn(Option<&[u8]>) -> Result<Vec<u8>, E>,
    ) -> Result<(), SealRowsError<E>> {
        self.check_unproven()?;
        let sealed = |key: &[u8], value: Vec<u8>| {
            (key != ROW_KEYS).then(|| keys.seal(key, cleaning.cleaned(key, &value).unwrap_or(value)))
        };
        let progress = |after: Option<&[u8]>| progress(after).map(Some).map_err(SealRowsError::Progress);
        self.pass((&[], after), true, sealed, progress)
    }

    /// Cleans the rows of a store that has MACs, and in the last commit stores the keys, sealed with the word that it was
    /// done. One that was interrupted begins again, and writes the rows that are left. Damaged rows stay as they are.
    ///
    /// # Errors
    /// [`EngineError::Full`] among others, before anything is written: a start must not use up the space that it needs.
    pub fn clean_rows<K: Key, V: Serialize + DeserializeOwned>(
        &self,
        keys: &RowKeys,
        cleaning: &Cleaning<K, V>,
        row_keys: &[u8],
    ) -> Result<(), StoreError> {
        let cleaned = |key: &[u8], stored| {
            let value = keys.open(key, stored)?;
            cleaning.cleaned(key, value.bytes()).map(|value| keys.seal(key, value))
        };
        self.engine.check_room_to_scrub()?;
        let done = |after: Option<&[u8]>| Ok(after.is_none().then(|| row_keys.to_vec()));
        self.pass((&prefix(cleaning.table.name), None), false, cleaned, done)
    }

    /// Stores `row` of each row with a prefix, where it gives one, and with each step the row of the keys as `progress`
    /// gives it: with the last stored key of the step, or `None` at the end.
    fn pass<E: From<StoreError>>(
        &self,
        (prefix, mut after): (&[u8], Option<Vec<u8>>),
        may_use_reserve: bool,
        row: impl Fn(&[u8], Vec<u8>) -> Option<Vec<u8>>,
        progress: impl Fn(Option<&[u8]>) -> Result<Option<Vec<u8>>, E>,
    ) -> Result<(), E> {
        loop {
            let rows = self.step(prefix, after.as_deref()).map_err(StoreError::from)?;
            let last = rows.last().map(|(key, _)| key.clone());
            if last.is_none() {
                // Before the progress says that all is done: nothing of what the rows were is left then.
                self.engine.scrub().map_err(StoreError::from)?;
            }
            let (mut compares, mut ops) = (Vec::new(), Vec::new());
            for (key, Versioned { value, revision }) in rows {
                if let Some(value) = row(&key, value) {
                    compares.push(Compare::Key { key: key.clone(), expect: Some(revision) });
                    ops.push(put(key, value));
                }
            }
            ops.extend(progress(last.as_deref())?.map(|row_keys| put(ROW_KEYS.to_vec(), row_keys)));
            if !ops.is_empty() && self.commit(compares, ops, may_use_reserve)? == Verdict::Conflict {
                continue;
            }
            if last.is_none() {
                break;
            }
            after = last;
        }
        // No follower needs to hear of it.
        Ok(self.engine.compact(Revision(u64::MAX)).map_err(StoreError::from)?)
    }

    /// The next rows after a key.
    fn step(&self, prefix: &[u8], after: Option<&[u8]>) -> Result<Vec<(Vec<u8>, Versioned)>, EngineError> {
        let snapshot = self.engine.snapshot()?;
        let mut rows: Vec<(Vec<u8>, Versioned)> = Vec::new();
        let mut bytes = 0;
        while rows.len() < ROWS_AT_ONCE && bytes < BYTES_AT_ONCE {
            let last = rows.last().map(|(key, _)| key.as_slice());
            let read = snapshot.range(prefix, last.or(after), READ_AT_ONCE)?;
            if read.is_empty() {
                break;
            }
            bytes += read.iter().map(|(_, found)| found.value.len()).sum::<usize>();
            rows.extend(read);
        }
        Ok(rows)
    }
}
