//! Reading, inside and outside of transactions.

use crate::absence::Source;
use crate::engine::Cursor;
use crate::error::StoreError;
use crate::index::{Index, Unique, prefix, stored_key};
use crate::key::Key;
use crate::row_keys::Proven;
use crate::rows::{ProvenRows, RowSnapshot, StoredRows};
use crate::table::{Table, decode_key};
use raw::RawRead;
use serde::de::DeserializeOwned;

/// The reads of `Store::read` (`ReadTx`) and `Store::write` (`Tx`): a function that only reads is written
/// `fn f(tx: &impl Read)`. All reads of one transaction are at one revision; a `Tx` sees its own
/// writes as well.
pub trait Read: RawRead {
    /// The revision that is read.
    fn cursor(&self) -> Cursor {
        self.raw_cursor()
    }

    /// The row with this key. A damaged one is absent outside of transactions that write, where its table says
    /// `Absence::Withholds`; otherwise it is an error.
    fn get<K: Key, V: DeserializeOwned>(&self, table: &Table<K, V>, key: &K) -> Result<Option<V>, StoreError> {
        self.guard(|| {
            let bytes = self.raw_get(table.source(), stored_key(table.name, key)?)?;
            bytes.map(|bytes| table.decode_value(&bytes)).transpose()
        })
    }

    /// True when there is a row with this key, as [`Read::get`] would give it, whose value nobody has to decode.
    fn has<K: Key, V: DeserializeOwned>(&self, table: &Table<K, V>, key: &K) -> Result<bool, StoreError> {
        self.guard(|| Ok(self.raw_get(table.source(), stored_key(table.name, key)?)?.is_some()))
    }

    /// The key of the row that a unique index has under `key`.
    fn find<IK: Key, K: Key>(&self, index: &Unique<IK, K>, key: &IK) -> Result<Option<K>, StoreError> {
        self.guard(|| {
            let bytes = self.raw_get(Source::index(index.name), stored_key(index.name, key)?)?;
            bytes.map(|bytes| decode_key(index.name, bytes.bytes())).transpose()
        })
    }

    /// The keys of at most `limit` rows that an index has under `key`, in order, those after `after`.
    fn many<IK: Key, K: Key>(
        &self,
        index: &Index<IK, K>,
        key: &IK,
        after: Option<&K>,
        limit: usize,
    ) -> Result<Vec<K>, StoreError> {
        self.guard(|| {
            let prefix = stored_key(index.name, key)?;
            let after = after.map(|after| {
                let mut bytes = prefix.clone();
                after.encode(&mut bytes);
                bytes
            });
            let entries = self.raw_range(Source::index(index.name), &prefix, after.as_deref(), limit)?;
            entries.iter().map(|(key, _)| decode_key(index.name, &key[prefix.len()..])).collect()
        })
    }

    /// At most `limit` keys of a unique index that begin with `prefix` (leading parts of the key), in order. Damaged entries are
    /// absent outside and inside of transactions: only for an index each of whose entries gives somebody something.
    fn keys_under<IK: Key, K: Key, P: Key>(
        &self,
        index: &Unique<IK, K>,
        prefix: &P,
        limit: usize,
    ) -> Result<Vec<IK>, StoreError> {
        self.guard(|| {
            let name = self::prefix(index.name);
            let entries = self.raw_range(Source::grants(index.name), &stored_key(index.name, prefix)?, None, limit)?;
            entries.iter().map(|(key, _)| decode_key(index.name, &key[name.len()..])).collect()
        })
    }

    /// True when an index has the row `row` under `key`.
    fn has_entry<IK: Key, K: Key>(&self, index: &Index<IK, K>, key: &IK, row: &K) -> Result<bool, StoreError> {
        self.guard(|| {
            let mut entry = stored_key(index.name, key)?;
            row.encode(&mut entry);
            Ok(self.raw_get(Source::index(index.name), entry)?.is_some())
        })
    }

    /// At most `limit` entries of an index whose keys begin with `prefix` (leading parts of the
    /// index key; `()` for all), in order, those after `after`.
    fn under<IK: Key, K: Key, P: Key>(
        &self,
        index: &Index<IK, K>,
        prefix: &P,
        after: Option<&(IK, K)>,
        limit: usize,
    ) -> Result<Vec<(IK, K)>, StoreError>
    where
        (IK, K): Key,
    {
        self.guard(|| {
            let name = self::prefix(index.name);
            let after = after.map(|after| {
                let mut bytes = name.clone();
                after.encode(&mut bytes);
                bytes
            });
            let from = stored_key(index.name, prefix)?;
            let entries = self.raw_range(Source::index(index.name), &from, after.as_deref(), limit)?;
            entries.iter().map(|(key, _)| decode_key(index.name, &key[name.len()..])).collect()
        })
    }

    /// At most `limit` rows whose keys begin with `prefix` (leading parts of the key; `()` for all),
    /// in order, those after `after`. Damaged ones are absent where their table says `Absence::Withholds`, and
    /// otherwise an error.
    fn page<K: Key, V: DeserializeOwned, P: Key>(
        &self,
        table: &Table<K, V>,
        prefix: &P,
        after: Option<&K>,
        limit: usize,
    ) -> Result<Vec<(K, V)>, StoreError> {
        self.guard(|| {
            let name = self::prefix(table.name);
            let after = after.map(|after| {
                let mut bytes = name.clone();
                after.encode(&mut bytes);
                bytes
            });
            let rows = self.raw_range(table.source(), &stored_key(table.name, prefix)?, after.as_deref(), limit)?;
            rows.iter()
                .map(|(key, value)| Ok((decode_key(table.name, &key[name.len()..])?, table.decode_value(value)?)))
                .collect()
        })
    }
}

impl<R: RawRead> Read for R {}

/// Reads at one revision, outside of a transaction that writes.
pub struct ReadTx<'a> {
    pub(crate) snapshot: RowSnapshot<'a>,
}

impl<'a> ReadTx<'a> {
    /// At most `limit` rows of a table after the stored key `after`, as they are stored: for a thread of their own
    /// to open.
    pub fn stored<K, V>(
        &self,
        table: &'static Table<K, V>,
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<StoredRows<'_, K, V>, StoreError> {
        self.snapshot.stored(table, after, limit)
    }
}

impl RawRead for ReadTx<'_> {
    fn raw_cursor(&self) -> Cursor {
        self.snapshot.cursor()
    }

    fn raw_get(&self, source: Source, key: Vec<u8>) -> Result<Option<Proven>, StoreError> {
        Ok(self.snapshot.get(source, &key)?.and_then(|found| found.value))
    }

    fn raw_range(
        &self,
        source: Source,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<ProvenRows, StoreError> {
        self.snapshot.range(source, prefix, after, limit)
    }

    fn guard<T>(&self, operation: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
        operation()
    }
}

/// Reading bytes: not reachable from outside, so that `Read` cannot be implemented there.
pub(crate) mod raw {
    use super::{Cursor, Proven, ProvenRows, Source, StoreError};

    /// The operations that `Read` is made of.
    pub trait RawRead {
        /// The revision that is read.
        fn raw_cursor(&self) -> Cursor;
        /// The value of a key.
        fn raw_get(&self, source: Source, key: Vec<u8>) -> Result<Option<Proven>, StoreError>;
        /// Keys with a prefix.
        fn raw_range(
            &self,
            source: Source,
            prefix: &[u8],
            after: Option<&[u8]>,
            limit: usize,
        ) -> Result<ProvenRows, StoreError>;
        /// Runs one whole operation, and remembers that it failed where that matters.
        fn guard<T>(&self, operation: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError>;
    }
}
