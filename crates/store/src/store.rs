//! The store as the rest of the program sees it.

use crate::absence::Declaration;
use crate::damage::{DamagedRow, DamagedRows};
use crate::engine::{Change, Changes, CommitId, Cursor, Engine, Revision, Verdict};
use crate::error::StoreError;
use crate::index::prefix;
use crate::key::Key;
use crate::limits::WRITE_ATTEMPTS_MAX;
use crate::mark::KeptMark;
use crate::memory::MemoryEngine;
use crate::options::Options;
use crate::read::ReadTx;
use crate::row_keys::RowKeys;
use crate::rows::{RowSnapshot, Rows};
use crate::table::Table;
use crate::trouble::Trouble;
use crate::tx::Tx;
use crate::writer::{Head, Writer};
use serde::de::DeserializeOwned;
use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::Duration;
use uuid::Uuid;

/// Runs of a transaction's body beside other writers before it gets this process's writers out of
/// its way. Source: ours.
const WRITE_ATTEMPTS_SHARED: usize = 4;

/// A store. Clones share it; when the last is dropped, its writer has stopped and the engine is closed.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    // Dropped first: the thread must be gone when the engine closes.
    writer: Writer,
    mark: Option<Arc<KeptMark>>,
    /// The troubles that opening found.
    found: Vec<Trouble>,
    engine: Arc<dyn Engine>,
    rows: Rows,
    head: Arc<Head>,
    ids: CommitIds,
    /// Held shared by every attempt of a transaction, and alone by one that lost too often.
    gate: RwLock<()>,
    watched: OnceLock<&'static [&'static str]>,
}

impl Store {
    /// Starts a store, and its writer's thread, on an engine. `keys` are those of its rows (`Locked`).
    pub fn open(engine: impl Engine, keys: RowKeys) -> Self {
        Self::open_with(engine, keys, Options::default())
    }

    /// An empty store in memory, which is gone with the process, and the keys of its rows with it.
    pub fn in_memory() -> Self {
        Self::open(MemoryEngine::new(), RowKeys::throw_away())
    }

    /// `open` with other limits.
    pub fn open_with(engine: impl Engine, keys: RowKeys, options: Options) -> Self {
        Self::start(Arc::new(engine), keys, None, Vec::new(), options)
    }

    /// `mark` and `found`, the troubles that opening found, are those of a store with a high-water mark.
    pub(crate) fn start(
        engine: Arc<dyn Engine>,
        keys: RowKeys,
        mark: Option<Arc<KeptMark>>,
        found: Vec<Trouble>,
        options: Options,
    ) -> Self {
        // An engine that cannot be read now says so again on the first use.
        let head = engine.snapshot().map_or(Revision(0), |snapshot| snapshot.cursor().revision);
        let head = Arc::new(Head::at(head));
        let writer = Writer::start(Arc::clone(&engine), Arc::clone(&head), mark.clone(), options);
        let (rows, ids, gate) = (Rows::new(keys), CommitIds::new(), RwLock::new(()));
        Self { inner: Arc::new(Inner { writer, mark, found, engine, rows, head, ids, gate, watched: OnceLock::new() }) }
    }

    /// Runs `body` on the newest committed state; all that it reads is of one revision.
    pub fn read<T, E: From<StoreError>>(&self, body: impl FnOnce(&ReadTx<'_>) -> Result<T, E>) -> Result<T, E> {
        let snapshot = self.snapshot()?;
        body(&ReadTx { snapshot })
    }

    /// Runs `body` as a transaction and returns when it is durable.
    ///
    /// `body` runs again when others changed what it read (at most `limits::WRITE_ATTEMPTS_MAX`
    /// times), so it must do nothing but read and write through its `Tx`. What it read is still true
    /// when it commits. Nothing is committed when it returns an error, which is then returned
    /// unchanged. It must not call `write` of any store.
    pub fn write<T, E: From<StoreError>>(&self, mut body: impl FnMut(&mut Tx<'_>) -> Result<T, E>) -> Result<T, E> {
        let _inside = Inside::enter()?;
        for _ in 0..WRITE_ATTEMPTS_SHARED {
            let _others_too = self.inner.gate.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(value) = self.attempt(&mut body)? {
                return Ok(value);
            }
        }
        // Optimism does not promise progress: the fast ones can win for ever. Alone in its process,
        // this transaction can only lose to other processes.
        let _alone = self.inner.gate.write().unwrap_or_else(PoisonError::into_inner);
        for _ in WRITE_ATTEMPTS_SHARED..WRITE_ATTEMPTS_MAX {
            if let Some(value) = self.attempt(&mut body)? {
                return Ok(value);
            }
        }
        Err(StoreError::Contended { attempts: WRITE_ATTEMPTS_MAX }.into())
    }

    /// One run of `body`; `None` when it lost its race.
    fn attempt<T, E: From<StoreError>>(
        &self,
        body: &mut impl FnMut(&mut Tx<'_>) -> Result<T, E>,
    ) -> Result<Option<T>, E> {
        let mut tx = Tx::new(self.snapshot()?);
        let value = body(&mut tx)?;
        let is_watched = self.inner.watched.get().is_some_and(|tables| tables.iter().any(|table| tx.touches(table)));
        let Some(commit) = tx.finish(self.inner.ids.next())? else { return Ok(Some(value)) };
        match self.inner.writer.commit(commit)? {
            Verdict::Committed(revision) => {
                if is_watched {
                    CHANGED.set(Some(revision));
                }
                Ok(Some(value))
            }
            Verdict::Conflict => Ok(None),
        }
    }

    /// Names the tables whose changes [`Self::take_watched_change`] tells of. The first call decides.
    pub fn watch(&self, tables: &'static [&'static str]) {
        let _ = self.inner.watched.set(tables);
    }

    /// The revision of the last commit of this thread that changed a row of a watched table; `None` when there was none since
    /// the last call.
    pub fn take_watched_change(&self) -> Option<Revision> {
        CHANGED.take()
    }

    /// Makes good what can be made good by now. The shell calls it now and then.
    pub fn upkeep(&self) {
        self.inner.engine.upkeep();
    }

    /// The troubles that go on. Never waits for a write.
    pub fn troubles(&self) -> Vec<Trouble> {
        let of_mark = self.inner.mark.as_ref().and_then(|mark| mark.trouble());
        self.inner.engine.troubles().into_iter().chain(of_mark).chain(self.inner.found.iter().cloned()).collect()
    }

    fn snapshot(&self) -> Result<RowSnapshot<'_>, StoreError> {
        Ok(RowSnapshot::new(&*self.inner.engine, &self.inner.rows)?)
    }

    /// The newest committed revision.
    pub fn head(&self) -> Result<Cursor, StoreError> {
        Ok(self.inner.engine.snapshot()?.cursor())
    }

    /// About `limit` changes after a cursor; see `Engine::changes`.
    #[cfg(feature = "conformance")]
    pub fn changes(&self, after: Cursor, limit: usize) -> Result<Changes, StoreError> {
        Ok(self.inner.engine.changes(after, &[Vec::new()], limit)?)
    }

    /// The same of the rows of some tables only, by their names: the values of the others are not read.
    pub fn changes_of(&self, after: Cursor, tables: &[&str], limit: usize) -> Result<Changes, StoreError> {
        let prefixes: Vec<_> = tables.iter().map(|name| prefix(name)).collect();
        Ok(self.inner.engine.changes(after, &prefixes, limit)?)
    }

    /// The row that a change is about, with its value as `Change::value` describes it; a damaged one is gone where its
    /// table says `Absence::Withholds`, and otherwise an error. `None` when the change is to another table or an index.
    pub fn decode<K: Key, V: DeserializeOwned>(
        &self,
        table: &Table<K, V>,
        change: &Change,
    ) -> Result<Option<(K, Option<V>)>, StoreError> {
        self.inner.rows.decode(table, change)
    }

    /// Reads all rows of `tables`. The error names a damaged row of a table that says `Absence::Allows`.
    pub fn check(&self, tables: &[Declaration]) -> Result<(), StoreError> {
        let snapshot = self.snapshot()?;
        tables.iter().try_for_each(|table| snapshot.check(*table))
    }

    /// The damaged rows that this process has met.
    pub fn damaged(&self) -> DamagedRows {
        self.inner.rows.damaged()
    }

    /// Those of them that were met since the last call, for the log.
    pub fn newly_damaged(&self) -> Vec<DamagedRow> {
        self.inner.rows.take_unsaid()
    }

    /// Changes the stored values of a table or index, MACs included, as damage or a hand at the database would.
    #[cfg(feature = "conformance")]
    pub fn tamper(&self, name: &str, mut change: impl FnMut(&[u8], &mut Vec<u8>)) -> Result<(), StoreError> {
        let found = self.inner.engine.snapshot()?.range(&prefix(name), None, usize::MAX)?;
        let ops = found.into_iter().map(|(key, mut found)| {
            change(&key, &mut found.value);
            crate::engine::Op::Put { key, value: found.value }
        });
        let (id, ops) = (self.inner.ids.next(), ops.collect());
        self.inner.engine.commit(&[crate::engine::Commit {
            id,
            compares: Vec::new(),
            ops,
            audit: Vec::new(),
            may_use_reserve: false,
        }])?;
        Ok(())
    }

    /// Blocks until this process has committed a revision after `after` (true) or `timeout` has
    /// passed (false). Other processes that share the store do not wake it: a follower asks
    /// `changes` after a timeout too.
    pub fn wait_for_change(&self, after: Revision, timeout: Duration) -> bool {
        self.inner.head.wait(after, timeout)
    }

    /// Forgets what changed up to and including `through`: followers behind it reload. The store
    /// does so by itself, see `limits::LOG_REVISIONS_KEPT`.
    #[cfg(feature = "conformance")]
    pub fn compact(&self, through: Revision) -> Result<(), StoreError> {
        Ok(self.inner.engine.compact(through)?)
    }

    /// At most `limit` audit records after number `after` (0: from the start); `audit::verify`
    /// checks them.
    #[cfg(feature = "conformance")]
    pub fn audit(&self, after: u64, limit: usize) -> Result<Vec<crate::audit::AuditRecord>, StoreError> {
        Ok(self.inner.engine.audit(after, limit)?)
    }
}

/// Commit ids: 64 random bits for the process, then a counter, so that they are appended, not
/// scattered, in an engine's index.
pub(crate) struct CommitIds {
    process: u64,
    next: AtomicU64,
}

impl CommitIds {
    #[expect(clippy::disallowed_methods, reason = "an id decides nothing; it only has to differ from every other")]
    pub(crate) fn new() -> Self {
        let mut process = [0; 8];
        // Better no process than two that take one another's commits for their own.
        aws_lc_rs::rand::fill(&mut process).expect("the system has a source of random bytes");
        Self { process: u64::from_be_bytes(process), next: AtomicU64::new(0) }
    }

    pub(crate) fn next(&self) -> CommitId {
        CommitId(Uuid::from_u64_pair(self.process, self.next.fetch_add(1, Ordering::Relaxed)))
    }
}

thread_local! {
    static CHANGED: Cell<Option<Revision>> = const { Cell::new(None) };
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// Marks the thread as running a transaction: a second one inside would wait for the first's gate.
struct Inside;

impl Inside {
    fn enter() -> Result<Self, StoreError> {
        if INSIDE.replace(true) { Err(StoreError::Nested) } else { Ok(Self) }
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        INSIDE.set(false);
    }
}
