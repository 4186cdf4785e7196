//! The one way in which stored values are written and read: each with its MAC.

use crate::absence::{Declaration, OnDamage, Source};
use crate::damage::{Damage, DamagedRow, DamagedRows};
use crate::engine::{Change, Cursor, Engine, Revision, Snapshot, Versioned};
use crate::error::{EngineError, StoreError};
use crate::index::prefix;
use crate::key::Key;
use crate::row_keys::{Proven, RowKeys, SEAL_BYTES};
use crate::table::Table;
use serde::de::DeserializeOwned;

/// Keys and proven values.
pub(crate) type ProvenRows = Vec<(Vec<u8>, Proven)>;

/// The keys of a store, and what was found damaged.
pub(crate) struct Rows {
    keys: RowKeys,
    damage: Damage,
}

/// A key that was found, and its value, unless that is damaged.
pub(crate) struct Found {
    pub(crate) revision: Revision,
    pub(crate) value: Option<Proven>,
}

impl Rows {
    pub(crate) fn new(keys: RowKeys) -> Self {
        Self { keys, damage: Damage::default() }
    }

    pub(crate) fn seal(&self, key: &[u8], value: Vec<u8>) -> Vec<u8> {
        self.keys.seal(key, value)
    }

    pub(crate) fn damaged(&self) -> DamagedRows {
        self.damage.rows()
    }

    pub(crate) fn take_unsaid(&self) -> Vec<DamagedRow> {
        self.damage.take_unsaid()
    }

    /// The value that is stored under `key`; `None` when it is damaged and may be absent.
    fn open(&self, source: Source, key: &[u8], stored: Vec<u8>) -> Result<Option<Proven>, StoreError> {
        if let Some(value) = self.keys.open(key, stored) {
            return Ok(Some(value));
        }
        let row = DamagedRow::new(source.table, key);
        let name = row.name.clone();
        self.damage.note(row);
        match source.on_damage {
            OnDamage::Skip => Ok(None),
            OnDamage::Fail => Err(StoreError::DamagedRow { table: source.table, row: name }),
        }
    }

    /// The row that a change is about, with its value as `Change::value` describes it, or `None` when it is damaged
    /// and may be absent.
    pub(crate) fn decode<K: Key, V: DeserializeOwned>(
        &self,
        table: &Table<K, V>,
        change: &Change,
    ) -> Result<Option<(K, Option<V>)>, StoreError> {
        let Some(key) = table.key_of(&change.key)? else { return Ok(None) };
        let value = match &change.value {
            Some(stored) => self.open(table.source(), &change.key, stored.clone())?,
            None => None,
        };
        Ok(Some((key, value.map(|value| table.decode_value(&value)).transpose()?)))
    }
}

/// A snapshot of an engine, whose values are proven as they are read.
pub(crate) struct RowSnapshot<'a> {
    snapshot: Box<dyn Snapshot + 'a>,
    rows: &'a Rows,
}

impl<'a> RowSnapshot<'a> {
    pub(crate) fn new(engine: &'a dyn Engine, rows: &'a Rows) -> Result<Self, EngineError> {
        Ok(Self { snapshot: engine.snapshot()?, rows })
    }

    pub(crate) fn rows(&self) -> &'a Rows {
        self.rows
    }

    pub(crate) fn cursor(&self) -> Cursor {
        self.snapshot.cursor()
    }

    pub(crate) fn get(&self, source: Source, key: &[u8]) -> Result<Option<Found>, StoreError> {
        let Some(Versioned { value, revision }) = self.snapshot.get(key)? else { return Ok(None) };
        Ok(Some(Found { revision, value: self.rows.open(source, key, value)? }))
    }

    /// Size of the stored value of a key, its MAC left out, damaged or not.
    pub(crate) fn stored_bytes(&self, key: &[u8]) -> Result<Option<usize>, EngineError> {
        Ok(self.snapshot.get(key)?.map(|found| found.value.len().saturating_sub(SEAL_BYTES)))
    }

    /// As `Snapshot::range`, without the damaged rows; fewer than `limit` are still all that there are.
    pub(crate) fn range(
        &self,
        source: Source,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<ProvenRows, StoreError> {
        let mut after = after.map(<[u8]>::to_vec);
        let mut proven = ProvenRows::new();
        loop {
            let asked = limit - proven.len();
            let stored = self.snapshot.range(prefix, after.as_deref(), asked)?;
            let is_last = stored.len() < asked;
            let last = stored.last().map(|(key, _)| key.clone()).filter(|_| !is_last);
            proven.reserve_exact(stored.len());
            for (key, found) in stored {
                if let Some(value) = self.rows.open(source, &key, found.value)? {
                    proven.push((key, value));
                }
            }
            if is_last || proven.len() == limit {
                return Ok(proven);
            }
            after = last;
        }
    }

    pub(crate) fn stored<K, V>(
        &self,
        table: &'static Table<K, V>,
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<StoredRows<'a, K, V>, StoreError> {
        let stored = self.snapshot.range(&prefix(table.name()), after, limit)?;
        Ok(StoredRows { rows: self.rows, table, stored })
    }

    /// Reads all of a table, so that an error says that a row is damaged which may not be absent.
    pub(crate) fn check(&self, table: Declaration) -> Result<(), StoreError> {
        let (prefix, mut after) = (prefix(table.name), None);
        loop {
            let rows = self.range(table.source(), &prefix, after.as_deref(), CHECKED_AT_ONCE)?;
            match rows.into_iter().next_back() {
                Some((last, _)) => after = Some(last),
                None => return Ok(()),
            }
        }
    }
}

/// Rows that are checked at once. Source: ours; bounds the memory of one step.
const CHECKED_AT_ONCE: usize = 512;

/// Rows as they are stored. They can be opened on another thread than they were read on.
pub struct StoredRows<'a, K: 'static, V: 'static> {
    rows: &'a Rows,
    table: &'static Table<K, V>,
    stored: Vec<(Vec<u8>, Versioned)>,
}

impl<K, V> StoredRows<'_, K, V> {
    /// The stored key of the last one.
    pub fn last(&self) -> Option<&[u8]> {
        self.stored.last().map(|(key, _)| key.as_slice())
    }

    /// Their number.
    pub fn len(&self) -> usize {
        self.stored.len()
    }

    /// True when there are none.
    pub fn is_empty(&self) -> bool {
        self.stored.is_empty()
    }
}

impl<K: Key, V: DeserializeOwned> StoredRows<'_, K, V> {
    /// The rows, without damaged ones that may be absent.
    pub fn open(self) -> Result<Vec<(K, V)>, StoreError> {
        let mut opened = Vec::with_capacity(self.stored.len());
        for (stored, found) in self.stored {
            let Some(value) = self.rows.open(self.table.source(), &stored, found.value)? else { continue };
            if let Some(key) = self.table.key_of(&stored)? {
                opened.push((key, self.table.decode_value(&value)?));
            }
        }
        Ok(opened)
    }
}
