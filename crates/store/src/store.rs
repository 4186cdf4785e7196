//! The store as the rest of the program sees it.

use crate::audit::Hash;
use crate::engine::{Changes, CommitId, Cursor, Engine, Revision, Verdict};
use crate::error::{EngineError, StoreError};
use crate::index::prefix;
use crate::limits::WRITE_ATTEMPTS_MAX;
use crate::mark::{self, BelowMark, HighWater, KeptMark};
use crate::options::Options;
use crate::read::ReadTx;
use crate::trouble::Trouble;
use crate::tx::Tx;
use crate::writer::{Head, Writer};
use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
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
    head: Arc<Head>,
    ids: CommitIds,
    /// Held shared by every attempt of a transaction, and alone by one that lost too often.
    gate: RwLock<()>,
}

impl Store {
    /// Starts a store, and its writer's thread, on an engine.
    pub fn open(engine: impl Engine) -> Self {
        Self::open_with(engine, Options::default())
    }

    /// `open` with other limits.
    pub fn open_with(engine: impl Engine, options: Options) -> Self {
        Self::start(Arc::new(engine), None, Vec::new(), options)
    }

    /// `open` with a high-water mark at `path`, which is made when there is none.
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
        Ok(Self::start(Arc::new(engine), Some(Arc::new(kept)), found, Options::default()))
    }

    fn start(engine: Arc<dyn Engine>, mark: Option<Arc<KeptMark>>, found: Vec<Trouble>, options: Options) -> Self {
        // An engine that cannot be read now says so again on the first use.
        let head = engine.snapshot().map_or(Revision(0), |snapshot| snapshot.cursor().revision);
        let head = Arc::new(Head::at(head));
        let writer = Writer::start(Arc::clone(&engine), Arc::clone(&head), mark.clone(), options);
        let (ids, gate) = (CommitIds::new(), RwLock::new(()));
        Self { inner: Arc::new(Inner { writer, mark, found, engine, head, ids, gate }) }
    }

    /// Runs `body` on the newest committed state; all that it reads is of one revision.
    pub fn read<T, E: From<StoreError>>(&self, body: impl FnOnce(&ReadTx<'_>) -> Result<T, E>) -> Result<T, E> {
        let snapshot = self.inner.engine.snapshot().map_err(StoreError::from)?;
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
        let mut tx = Tx::new(self.inner.engine.snapshot().map_err(StoreError::from)?);
        let value = body(&mut tx)?;
        let Some(commit) = tx.finish(self.inner.ids.next())? else { return Ok(Some(value)) };
        match self.inner.writer.commit(commit)? {
            Verdict::Committed(_) => Ok(Some(value)),
            Verdict::Conflict => Ok(None),
        }
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

    /// The newest point that is durable.
    pub fn high_water(&self) -> Result<HighWater, StoreError> {
        Ok(self.inner.engine.high_water()?)
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

/// The hash of an audit record; `None` when there is none of that number.
fn hash_of(engine: &impl Engine, number: u64) -> Result<Option<Hash>, EngineError> {
    Ok(engine
        .audit(number.saturating_sub(1), 1)?
        .first()
        .filter(|record| record.number == number)
        .map(|record| record.hash))
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

/// Commit ids: 64 random bits for the process, then a counter, so that they are appended, not
/// scattered, in an engine's index.
struct CommitIds {
    process: u64,
    next: AtomicU64,
}

impl CommitIds {
    #[expect(clippy::disallowed_methods, reason = "an id decides nothing; it only has to differ from every other")]
    fn new() -> Self {
        let mut process = [0; 8];
        // Better no process than two that take one another's commits for their own.
        aws_lc_rs::rand::fill(&mut process).expect("the system has a source of random bytes");
        Self { process: u64::from_be_bytes(process), next: AtomicU64::new(0) }
    }

    fn next(&self) -> CommitId {
        CommitId(Uuid::from_u64_pair(self.process, self.next.fetch_add(1, Ordering::Relaxed)))
    }
}

thread_local! {
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
