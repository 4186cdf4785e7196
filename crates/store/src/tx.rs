//! A transaction: reads that must still hold when it commits, and writes that nobody sees before.

use crate::absence::{OnDamage, Source};
use crate::engine::{Commit, CommitId, Compare, Cursor, Op, Revision};
use crate::entries::{Entry, Kind};
use crate::error::StoreError;
use crate::index::{prefix, stored_key};
use crate::key::Key;
use crate::levels::Levels;
use crate::limits::{COMMIT_COMPARES_MAX, COMMIT_OPS_MAX, ROW_BYTES_MAX, ROW_LEVELS_MAX};
use crate::read::Read;
use crate::read::raw::RawRead;
use crate::reserve;
use crate::row_keys::Proven;
use crate::rows::{ProvenRows, RowSnapshot};
use crate::table::Table;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::error::Category;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

/// Entries of indexes, by stored key.
type Entries = BTreeMap<Vec<u8>, Entry>;

/// Room for an ordinary row, so that it does not move as it grows.
const ROW_BYTES: usize = 1024;

/// A transaction, in the body of `Store::write`.
///
/// An operation that fails spoils the transaction: even if the body ignores the error and returns
/// `Ok`, nothing is committed and `Store::write` returns `StoreError::Ignored`.
pub struct Tx<'a> {
    snapshot: RowSnapshot<'a>,
    reads: RefCell<Reads>,
    /// The writes of this transaction: `None` deletes.
    writes: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    audit: Vec<Vec<u8>>,
    /// True when one of its writes may use the space that is kept for a full disk.
    has_claim: bool,
    /// True when it gives something as well, and none may.
    gives: bool,
}

#[derive(Default)]
struct Reads {
    keys: BTreeMap<Vec<u8>, Option<Revision>>,
    prefixes: BTreeSet<Vec<u8>>,
    failed: Option<String>,
}

impl<'a> Tx<'a> {
    pub(crate) fn new(snapshot: RowSnapshot<'a>) -> Self {
        let (reads, writes, audit) = (RefCell::default(), BTreeMap::new(), Vec::new());
        Self { snapshot, reads, writes, audit, has_claim: false, gives: false }
    }

    /// True if it has changed a row of a table.
    pub(crate) fn touches(&self, table: &str) -> bool {
        let start = prefix(table);
        self.writes.range(start.clone()..).next().is_some_and(|(key, _)| key.starts_with(&start))
    }

    /// Stores a row, new or in place of the old one, and brings its index entries up to date.
    pub fn put<K: Key, V: Serialize + DeserializeOwned>(
        &mut self,
        table: &Table<K, V>,
        key: &K,
        value: &V,
    ) -> Result<(), StoreError> {
        let result = self.try_put(table, key, value);
        self.note(result).map(drop)
    }

    /// The same, with the row in whose place it is now. Of a table with an index that one is read anyway.
    pub fn replace<K: Key, V: Serialize + DeserializeOwned>(
        &mut self,
        table: &Table<K, V>,
        key: &K,
        value: &V,
    ) -> Result<Option<V>, StoreError> {
        if table.entries.is_none() {
            let old = self.get(table, key)?;
            return self.put(table, key, value).map(|()| old);
        }
        let result = self.try_put(table, key, value);
        self.note(result)
    }

    /// Stores a row under a key that nobody can have used, such as a random one, without looking whether
    /// there is a row already: if there is, the transaction has lost its race.
    pub fn create<K: Key, V: Serialize + DeserializeOwned>(
        &mut self,
        table: &Table<K, V>,
        key: &K,
        value: &V,
    ) -> Result<(), StoreError> {
        let unread = stored_key(table.name, key).and_then(|stored| self.expect_absent(stored));
        self.note(unread)?;
        self.put(table, key, value)
    }

    /// Stores a row by which something is taken away, or without which nothing starts: on a full disk, too, from the
    /// space that is kept for that, as is the deletion of a row that is there. A transaction that makes the store larger
    /// by more than `limits::RESERVE_GROWTH_BYTES_MAX` gets none of it, whatever it writes.
    pub fn put_from_reserve<K: Key, V: Serialize + DeserializeOwned>(
        &mut self,
        table: &Table<K, V>,
        key: &K,
        value: &V,
    ) -> Result<(), StoreError> {
        self.has_claim = true;
        self.put(table, key, value)
    }

    /// Says that this transaction gives something as well, whatever it takes away: it gets none of the space that is kept for
    /// a full disk. Two of its kind could undo each other for ever, and each would use some up.
    pub fn forgo_reserve(&mut self) {
        self.gives = true;
    }

    /// Removes a row, if there is one, and its index entries; on a full disk, too, as by [`Tx::put_from_reserve`].
    pub fn delete<K: Key, V: Serialize + DeserializeOwned>(
        &mut self,
        table: &Table<K, V>,
        key: &K,
    ) -> Result<(), StoreError> {
        let result = self.try_delete(table, key);
        self.note(result)
    }

    /// Appends a record to the audit chain when the transaction commits; it does so even if the
    /// transaction changes nothing else.
    pub fn audit(&mut self, record: impl Serialize) -> Result<(), StoreError> {
        let result = to_json("audit", &record).and_then(|bytes| {
            self.audit.push(bytes);
            self.check_ops()
        });
        self.note(result)
    }

    /// The commit to ask of the engine; `None` when the transaction changes nothing, because its reads were
    /// consistent among themselves anyway.
    pub(crate) fn finish(self, id: CommitId) -> Result<Option<Commit>, StoreError> {
        let (since, rows) = (self.snapshot.cursor().revision, self.snapshot.rows());
        let reads = self.reads.into_inner();
        if let Some(failed) = reads.failed {
            return Err(StoreError::Ignored(failed));
        }
        if self.writes.is_empty() && self.audit.is_empty() {
            return Ok(None);
        }
        let writes = || self.writes.iter().map(|(key, value)| (key.as_slice(), value.as_deref()));
        let may_use_reserve = self.has_claim && !self.gives && reserve::is_for(&self.snapshot, writes(), &self.audit)?;
        let keys = reads.keys.into_iter().map(|(key, expect)| Compare::Key { key, expect });
        let prefixes = reads.prefixes.into_iter().map(|prefix| Compare::Prefix { prefix, since });
        let ops = self.writes.into_iter().map(|(key, value)| match value {
            Some(value) => Op::Put { value: rows.seal(&key, value), key },
            None => Op::Delete { key },
        });
        Ok(Some(Commit {
            id,
            compares: keys.chain(prefixes).collect(),
            ops: ops.collect(),
            audit: self.audit,
            may_use_reserve,
        }))
    }

    /// Makes a key's absence a condition of the commit, unless the transaction knows more about it.
    fn expect_absent(&self, key: Vec<u8>) -> Result<(), StoreError> {
        if !self.writes.contains_key(&key) {
            let mut reads = self.reads.borrow_mut();
            reads.keys.entry(key).or_insert(None);
            self.check_reads(&reads)?;
        }
        Ok(())
    }

    /// Gives the row that was there, of a table with an index.
    fn try_put<K: Key, V: Serialize + DeserializeOwned>(
        &mut self,
        table: &Table<K, V>,
        key: &K,
        value: &V,
    ) -> Result<Option<V>, StoreError> {
        let stored = stored_key(table.name, key)?;
        let bytes = to_json(table.name, value)?;
        let mut replaced = None;
        if table.entries.is_some() {
            let name_bytes = prefix(table.name).len();
            let (row, old) = self.stored_with_entries(table, key, &stored)?.unzip();
            let new = table.entries_of(&stored[name_bytes..], key, value)?;
            self.replace_entries(old.unwrap_or_default(), new, &stored[name_bytes..])?;
            replaced = row;
        }
        self.write(stored, Some(bytes))?;
        Ok(replaced)
    }

    fn try_delete<K: Key, V: Serialize + DeserializeOwned>(
        &mut self,
        table: &Table<K, V>,
        key: &K,
    ) -> Result<(), StoreError> {
        let stored = stored_key(table.name, key)?;
        if table.entries.is_some() {
            let Some((_, old)) = self.stored_with_entries(table, key, &stored)? else { return Ok(()) };
            self.replace_entries(old, Entries::new(), &[])?;
        }
        self.has_claim |= self.snapshot.stored_bytes(&stored)?.is_some();
        self.write(stored, None)
    }

    /// The row as it is now, with its index entries; `None` when there is no row.
    fn stored_with_entries<K: Key, V: Serialize + DeserializeOwned>(
        &self,
        table: &Table<K, V>,
        key: &K,
        stored: &[u8],
    ) -> Result<Option<(V, Entries)>, StoreError> {
        let Some(bytes) = self.raw_get(table.source(), stored.to_vec())? else { return Ok(None) };
        let row = table.decode_value(&bytes)?;
        let entries = table.entries_of(&stored[prefix(table.name).len()..], key, &row)?;
        Ok(Some((row, entries)))
    }

    fn replace_entries(&mut self, old: Entries, new: Entries, row: &[u8]) -> Result<(), StoreError> {
        for (key, entry) in &new {
            if old.contains_key(key) {
                continue;
            }
            let value = match entry.kind {
                Kind::Many => Vec::new(),
                Kind::Unique => {
                    let holder = self.raw_get(Source::index(entry.index), key.clone())?;
                    if holder.is_some_and(|holder| holder.bytes() != row) {
                        return Err(StoreError::Taken { index: entry.index });
                    }
                    row.to_vec()
                }
            };
            self.write(key.clone(), Some(value))?;
        }
        for key in old.into_keys().filter(|key| !new.contains_key(key)) {
            self.write(key, None)?;
        }
        Ok(())
    }

    fn write(&mut self, key: Vec<u8>, value: Option<Vec<u8>>) -> Result<(), StoreError> {
        self.writes.insert(key, value);
        self.check_ops()
    }

    fn check_ops(&self) -> Result<(), StoreError> {
        if self.writes.len() + self.audit.len() > COMMIT_OPS_MAX {
            return Err(StoreError::TooManyOps { max: COMMIT_OPS_MAX });
        }
        Ok(())
    }

    fn note<T>(&self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        if let Err(error) = &result {
            self.reads.borrow_mut().failed.get_or_insert_with(|| error.to_string());
        }
        result
    }

    fn check_reads(&self, reads: &Reads) -> Result<(), StoreError> {
        if reads.keys.len() + reads.prefixes.len() > COMMIT_COMPARES_MAX {
            return Err(StoreError::TooManyReads { max: COMMIT_COMPARES_MAX });
        }
        Ok(())
    }
}

impl RawRead for Tx<'_> {
    fn raw_cursor(&self) -> Cursor {
        self.snapshot.cursor()
    }

    /// A damaged row is an error here, of whatever table: that a name is free, or a row is not there yet, is
    /// no ground for a write as long as nobody knows.
    fn raw_get(&self, source: Source, key: Vec<u8>) -> Result<Option<Proven>, StoreError> {
        if let Some(own) = self.writes.get(&key) {
            return Ok(own.clone().map(Proven::own));
        }
        // Read before, or expected.
        if self.reads.borrow().keys.get(&key) == Some(&None) {
            return Ok(None);
        }
        let found = self.snapshot.get(Source { on_damage: OnDamage::Fail, ..source }, &key)?;
        let mut reads = self.reads.borrow_mut();
        reads.keys.insert(key, found.as_ref().map(|found| found.revision));
        self.check_reads(&reads)?;
        Ok(found.and_then(|found| found.value))
    }

    fn raw_range(
        &self,
        source: Source,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<ProvenRows, StoreError> {
        let mut reads = self.reads.borrow_mut();
        reads.prefixes.insert(prefix.to_vec());
        self.check_reads(&reads)?;

        let from = match after {
            Some(after) if after >= prefix => Bound::Excluded(after),
            _ => Bound::Included(prefix),
        };
        let own: Vec<_> = self
            .writes
            .range::<[u8], _>((from, Bound::Unbounded))
            .take_while(|(key, _)| key.starts_with(prefix))
            .collect();
        // Each own write takes at most one stored row out of the result, so with that many more rows
        // than asked for, the first `limit` of the merged rows are right.
        let stored = self.snapshot.range(source, prefix, after, limit.saturating_add(own.len()))?;
        if own.is_empty() {
            return Ok(stored);
        }
        let mut rows: BTreeMap<_, _> = stored.into_iter().map(|(key, value)| (key, Some(value))).collect();
        rows.extend(own.into_iter().map(|(key, value)| (key.clone(), value.clone().map(Proven::own))));
        Ok(rows.into_iter().filter_map(|(key, value)| Some((key, value?))).take(limit).collect())
    }

    fn guard<T>(&self, operation: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
        self.note(operation())
    }
}

fn to_json(table: &'static str, value: &impl Serialize) -> Result<Vec<u8>, StoreError> {
    let mut bytes = Vec::with_capacity(ROW_BYTES);
    let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, Levels::default());
    value.serialize(&mut serializer).map_err(|error| match error.classify() {
        // Writing into memory does not fail: it was refused.
        Category::Io => StoreError::TooDeep { table, max: ROW_LEVELS_MAX },
        _ => StoreError::Encode { table, reason: error.to_string() },
    })?;
    match bytes.len() {
        0..=ROW_BYTES_MAX => Ok(bytes),
        bytes => Err(StoreError::ValueTooLarge { table, bytes, max: ROW_BYTES_MAX }),
    }
}
