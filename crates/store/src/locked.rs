//! A store before its rows can be proven: the keys of its MACs are in it, sealed. And the passes over all rows that an older
//! store needs before it is used.

mod passes;

use crate::audit::Hash;
use crate::engine::{Commit, Compare, Engine, Op, Revision, Verdict};
use crate::error::{EngineError, StoreError};
use crate::index::{prefix, stored_key};
use crate::key::Key;
use crate::mark::{self, BelowMark, KeptMark};
use crate::options::Options;
use crate::row_keys::{Proven, RowKeys};
use crate::store::{CommitIds, Store};
use crate::table::Table;
use crate::trouble::Trouble;
pub use passes::{Cleaning, SealRowsError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The key of the row of the keys. It has no MAC: what seals it authenticates it.
const ROW_KEYS: &[u8] = b"row-keys\0";

/// An engine whose rows nobody can prove yet. Little can be done with it.
pub struct Locked {
    engine: Arc<dyn Engine>,
    mark: Option<Arc<KeptMark>>,
    /// The troubles that opening found.
    found: Vec<Trouble>,
    /// True if all rows have MACs, as is said outside the engine.
    has_macs: bool,
    ids: CommitIds,
}

/// The reason why a store with a mark cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenMarkedError {
    /// It is not the newest.
    #[error("the store {0}")]
    BelowMark(Box<BelowMark>),
    /// The engine cannot be read.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The mark's file.
    #[error("the store's mark {}: {error}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The system's error.
        error: std::io::Error,
    },
}

impl Locked {
    /// The store of an engine.
    pub fn new(engine: impl Engine) -> Self {
        let (mark, found, has_macs, ids) = (None, Vec::new(), false, CommitIds::new());
        Self { engine: Arc::new(engine), mark, found, has_macs, ids }
    }

    /// The same of which it is known elsewhere, `Marks::has_macs`, whether all rows have MACs: then none is taken without.
    pub fn restored(engine: impl Engine, has_macs: bool) -> Self {
        Self { has_macs, ..Self::new(engine) }
    }

    /// The store of an engine with a high-water mark at `path`, which is made when there is none.
    ///
    /// # Errors
    /// The store is below its mark, and its engine does not fail over; or the mark cannot be read or written.
    pub fn open_marked(engine: impl Engine, path: &Path) -> Result<Self, OpenMarkedError> {
        let failed = |error| OpenMarkedError::File { path: path.to_owned(), error };
        let store = engine.high_water()?;
        let marks = mark::read(path).map_err(failed)?;
        let found = match mark::check(&marks, Some(&store), false, |number| hash_of(&engine, number))? {
            None => Vec::new(),
            Some(below) if engine.fails_over() => vec![Trouble::BelowMark(below.to_string())],
            Some(below) => return Err(OpenMarkedError::BelowMark(Box::new(below))),
        };
        let kept = KeptMark::start(path, &store).map_err(failed)?;
        Ok(Self { mark: Some(Arc::new(kept)), found, has_macs: marks.has_macs(), ..Self::new(engine) })
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
        self.check_unproven()?;
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
        self.check_unproven()?;
        match self.commit(vec![Compare::Key { key: ROW_KEYS.to_vec(), expect: None }], ops, true)? {
            Verdict::Committed(_) => Ok(()),
            Verdict::Conflict => Err(StoreError::Contended { attempts: 1 }),
        }
    }

    /// An error where rows without MACs, or without keys for them, are not those of an old store.
    fn check_unproven(&self) -> Result<(), StoreError> {
        if self.has_macs { Err(StoreError::MacsTakenAway) } else { Ok(()) }
    }

    /// Has the store tell of a trouble from its start on.
    pub fn tell(&mut self, trouble: Trouble) {
        self.found.push(trouble);
    }

    /// The store. From now on its mark says that all rows have MACs.
    pub fn unlock(self, keys: RowKeys) -> Store {
        if let (Some(mark), Ok(point)) = (&self.mark, self.engine.high_water()) {
            mark.remember_macs();
            mark.raise(&point);
        }
        Store::start(self.engine, keys, self.mark, self.found, Options::default())
    }

    /// Stores a value without a MAC, as a hand at the database would.
    #[cfg(feature = "conformance")]
    pub fn tamper(&self, key: Vec<u8>, value: &str) -> Result<(), StoreError> {
        self.commit(Vec::new(), vec![put(key, value.into())], true).map(drop)
    }

    /// All that is stored.
    #[cfg(feature = "conformance")]
    pub(crate) fn stored(&self) -> Vec<(Vec<u8>, crate::engine::Versioned)> {
        self.engine.snapshot().and_then(|snapshot| snapshot.range(b"", None, usize::MAX)).unwrap_or_default()
    }

    fn commit(&self, compares: Vec<Compare>, ops: Vec<Op>, may_use_reserve: bool) -> Result<Verdict, StoreError> {
        let commit = Commit { id: self.ids.next(), compares, ops, audit: Vec::new(), may_use_reserve };
        let verdict = self.engine.commit(&[commit])?.pop();
        verdict.ok_or_else(|| EngineError::Invalid("an engine that gave no verdict".to_owned()).into())
    }
}

fn put(key: Vec<u8>, value: Vec<u8>) -> Op {
    Op::Put { key, value }
}

/// The hash of an audit record; `None` when there is none of that number.
fn hash_of(engine: &impl Engine, number: u64) -> Result<Option<Hash>, EngineError> {
    Ok(engine
        .audit(number.saturating_sub(1), 1)?
        .first()
        .filter(|record| record.number == number)
        .map(|record| record.hash))
}
