//! A store before its rows can be proven: the keys of its MACs are in it, sealed. And the one time at which a store of the
//! days before there were MACs gets them.

use crate::engine::{Commit, Compare, Engine, Op, Revision, Verdict, Versioned};
use crate::error::{EngineError, StoreError};
use crate::index::{prefix, stored_key};
use crate::key::Key;
use crate::options::Options;
use crate::row_keys::{Proven, RowKeys};
use crate::store::{CommitIds, Store};
use crate::table::Table;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::Arc;

/// The key of the row of the keys. It has no MAC: what seals it authenticates it.
const ROW_KEYS: &[u8] = b"row-keys\0";
/// Rows that get their MACs in one commit. Source: ours; bounds the memory of one step.
const SEALED_AT_ONCE: usize = 512;

/// An engine whose rows nobody can prove yet. Little can be done with it.
pub struct Locked {
    engine: Arc<dyn Engine>,
    ids: CommitIds,
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

impl Locked {
    /// The store of an engine.
    pub fn new(engine: impl Engine) -> Self {
        Self { engine: Arc::new(engine), ids: CommitIds::new() }
    }

    /// True when nothing was ever stored.
    pub fn is_new(&self) -> Result<bool, StoreError> {
        Ok(self.engine.snapshot()?.cursor().revision == Revision(0))
    }

    /// True when there is any row of a table, damaged or not.
    pub fn has_any<K, V>(&self, table: &Table<K, V>) -> Result<bool, StoreError> {
        Ok(!self.engine.snapshot()?.range(&prefix(table.name()), None, 1)?.is_empty())
    }

    /// The keys as they were sealed; `None` when the store never had any.
    pub fn row_keys(&self) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.engine.snapshot()?.get(ROW_KEYS)?.map(|found| found.value))
    }

    /// A row of a store that has no keys yet. It may be forged: only for what opens under a key of its own.
    pub fn unproven<K: Key, V: DeserializeOwned>(&self, table: &Table<K, V>, key: &K) -> Result<Option<V>, StoreError> {
        let found = self.engine.snapshot()?.get(&stored_key(table.name, key)?)?;
        found.map(|found| table.decode_value(&Proven::own(found.value))).transpose()
    }

    /// Stores the sealed keys of a new store.
    pub fn begin(&self, row_keys: Vec<u8>) -> Result<(), StoreError> {
        self.store_keys(vec![put(ROW_KEYS.to_vec(), row_keys)])
    }

    /// Stores the sealed keys of an old store, and in the same commit puts a row under another key.
    pub fn begin_old<K: Key, V: Serialize>(
        &self,
        row_keys: Vec<u8>,
        table: &Table<K, V>,
        (from, to): (&K, &K),
        value: &V,
    ) -> Result<(), StoreError> {
        let value = serde_json::to_vec(value)
            .map_err(|error| StoreError::Encode { table: table.name, reason: error.to_string() })?;
        let (from, to) = (stored_key(table.name, from)?, stored_key(table.name, to)?);
        self.store_keys(vec![put(ROW_KEYS.to_vec(), row_keys), Op::Delete { key: from }, put(to, value)])
    }

    /// An error when there are keys by now: another process was faster.
    fn store_keys(&self, ops: Vec<Op>) -> Result<(), StoreError> {
        match self.commit(vec![Compare::Key { key: ROW_KEYS.to_vec(), expect: None }], ops)? {
            Verdict::Committed(_) => Ok(()),
            Verdict::Conflict => Err(StoreError::Contended { attempts: 1 }),
        }
    }

    /// Puts its MAC on every row and index entry after `after`. `progress` seals the keys together with how far this
    /// has come (`None`: to the end), which is stored in the same commit: a start that was interrupted goes on
    /// from there, and rows up to there are never taken unproven again.
    pub fn seal_rows<E>(
        &self,
        keys: &RowKeys,
        mut after: Option<Vec<u8>>,
        progress: impl Fn(Option<&[u8]>) -> Result<Vec<u8>, E>,
    ) -> Result<(), SealRowsError<E>> {
        loop {
            let rows = self.engine.snapshot().and_then(|tx| tx.range(b"", after.as_deref(), SEALED_AT_ONCE));
            let rows = rows.map_err(StoreError::from)?;
            let last = rows.last().map(|(key, _)| key.clone());
            let sealed = progress(last.as_deref()).map_err(SealRowsError::Progress)?;
            let others = || rows.iter().filter(|(key, _)| key != ROW_KEYS);
            let compare =
                |(key, found): &(Vec<u8>, Versioned)| Compare::Key { key: key.clone(), expect: Some(found.revision) };
            let seal = |(key, found): &(Vec<u8>, Versioned)| put(key.clone(), keys.seal(key, found.value.clone()));
            let ops = others().map(seal).chain([put(ROW_KEYS.to_vec(), sealed)]).collect();
            if self.commit(others().map(compare).collect(), ops)? == Verdict::Conflict {
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

    /// The store.
    pub fn unlock(self, keys: RowKeys) -> Store {
        Store::start(self.engine, keys, Options::default())
    }

    /// Stores a value without a MAC, as a hand at the database would.
    #[cfg(feature = "conformance")]
    pub fn tamper(&self, key: Vec<u8>, value: &str) -> Result<(), StoreError> {
        self.commit(Vec::new(), vec![put(key, value.into())]).map(drop)
    }

    fn commit(&self, compares: Vec<Compare>, ops: Vec<Op>) -> Result<Verdict, StoreError> {
        let commit = Commit { id: self.ids.next(), compares, ops, audit: Vec::new() };
        let verdict = self.engine.commit(&[commit])?.pop();
        verdict.ok_or_else(|| EngineError::Invalid("an engine that gave no verdict".to_owned()).into())
    }
}

fn put(key: Vec<u8>, value: Vec<u8>) -> Op {
    Op::Put { key, value }
}
