//! Opening a data directory.

use crate::condition::Condition;
use crate::connect::configure;
use crate::directory::LOCK_FILE;
use crate::error::OpenError;
use crate::log::Log;
use crate::read::Readers;
use crate::reserve::{RESERVE_FILE, Reserve};
use crate::write::Writer;
use crate::{check, directory, schema};
use bonafide_store::audit::AuditRecord;
use bonafide_store::engine::{Commit, Engine, Snapshot, Verdict};
use bonafide_store::mark::HighWater;
use bonafide_store::{Changes, Cursor, EngineError, Revision, Trouble};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// The database's name in the data directory.
pub const DATABASE_FILE: &str = "store.db";
/// All files that may be in the data directory: the database, those that SQLite makes beside it, and the lock.
pub const FILES: [&str; 6] =
    [DATABASE_FILE, "store.db-wal", "store.db-shm", "store.db-journal", LOCK_FILE, RESERVE_FILE];

/// Pages of the write-ahead log (4 KiB each) after which a commit also checkpoints. Source: ours; 16
/// MiB, so that syncs of the database file are rare beside those of the log.
const CHECKPOINT_PAGES: u32 = 4096;
/// Bytes of the write-ahead log that are kept after a checkpoint. Source: ours, four checkpoints.
const LOG_FILE_BYTES_KEPT: i64 = 64 * 1024 * 1024;
/// Page cache of the writing connection, in KiB. Source: ours.
const WRITER_CACHE_KIB: i64 = 8 * 1024;

/// The settings that tests change; everything else opens with `default()`.
#[doc(hidden)]
#[derive(Debug, Clone, Copy)]
pub struct Tuning {
    /// True if every commit is synced before it is reported. False loses commits: only so that a test can show that
    /// it would notice.
    pub synced: bool,
    /// Pages of the write-ahead log after which a commit also checkpoints.
    pub checkpoint_pages: u32,
}

impl Default for Tuning {
    fn default() -> Self {
        Self { synced: true, checkpoint_pages: CHECKPOINT_PAGES }
    }
}

/// A store in a directory.
pub struct SqliteEngine {
    // Closed in this order: readers, then the writer, which checkpoints; the lock goes last.
    readers: Readers,
    writer: Mutex<Writer>,
    condition: Arc<Condition>,
    _lock: directory::Lock,
}

impl SqliteEngine {
    /// Opens the store in `dir`, making both if they are not there.
    ///
    /// Before anything is written it is checked that no other process has the directory, and that
    /// what is there is a whole store of a known format: header, length, schema, the newest row of each
    /// table, and that the index leads to every row. Damage further inside shows as `EngineError::Damaged`
    /// when it is read.
    pub fn open(dir: &Path) -> Result<Self, OpenError> {
        Self::open_with(dir, Tuning::default())
    }

    /// `open` for a store with a high-water mark at `mark`: refused, before anything is written, when it is below that. The
    /// store remembers that it has one, so that a mark that is gone does not pass for none. The caller keeps the mark
    /// ([`bonafide_store::Store::open_marked`]).
    pub fn open_marked(dir: &Path, mark: &Path) -> Result<Self, OpenError> {
        let engine = Self::open_as(dir, Tuning::default(), Some(mark))?;
        engine.writer.lock().unwrap_or_else(PoisonError::into_inner).remember_mark(mark)?;
        Ok(engine)
    }

    /// `open`, otherwise tuned.
    #[doc(hidden)]
    pub fn open_with(dir: &Path, tuning: Tuning) -> Result<Self, OpenError> {
        Self::open_as(dir, tuning, None)
    }

    fn open_as(dir: &Path, tuning: Tuning, mark: Option<&Path>) -> Result<Self, OpenError> {
        check::check_version(rusqlite::version_number())?;
        directory::create(dir)?;
        let lock = directory::lock(dir)?;
        let path = dir.join(DATABASE_FILE);
        let mut reserve = Reserve::open(dir)?;
        let writer = loop {
            match prepare(&path, tuning, mark) {
                // Even reading takes a little space.
                Err(OpenError::Full { .. }) if reserve.release() => {}
                other => break other?,
            }
        };
        let (connection, log) = writer;
        let condition = Arc::new(Condition::default());
        let writer = Writer::new(path.clone(), connection, reserve, log, Arc::clone(&condition))
            .map_err(|error| OpenError::sqlite(&path, error))?;
        let epoch = writer.newest().cursor.epoch;
        Ok(Self { readers: Readers::new(path, epoch), writer: Mutex::new(writer), condition, _lock: lock })
    }

    fn write<T>(&self, body: impl FnOnce(&mut Writer) -> Result<T, EngineError>) -> Result<T, EngineError> {
        body(&mut self.writer.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Engine for SqliteEngine {
    fn snapshot(&self) -> Result<Box<dyn Snapshot + '_>, EngineError> {
        Ok(Box::new(self.readers.snapshot()?))
    }

    fn commit(&self, batch: &[Commit]) -> Result<Vec<Verdict>, EngineError> {
        self.write(|writer| writer.commit(batch))
    }

    fn changes(&self, after: Cursor, prefixes: &[Vec<u8>], limit: usize) -> Result<Changes, EngineError> {
        self.readers.snapshot()?.changes(after, prefixes, limit)
    }

    fn compact(&self, through: Revision) -> Result<(), EngineError> {
        // In steps, and not under one lock, so that writers get their turn.
        while self.write(|writer| writer.compact_step(through))? {}
        Ok(())
    }

    fn scrub(&self) -> Result<(), EngineError> {
        self.write(Writer::scrub)
    }

    fn audit(&self, after: u64, limit: usize) -> Result<Vec<AuditRecord>, EngineError> {
        self.readers.snapshot()?.audit(after, limit)
    }

    fn high_water(&self) -> Result<HighWater, EngineError> {
        self.write(|writer| Ok(writer.newest()))
    }

    fn fails_over(&self) -> bool {
        false
    }

    fn upkeep(&self) {
        if self.condition.takes_deletions_only() {
            // It is looked at again before the next write.
            let _ = self.write(|writer| {
                writer.look_for_space();
                Ok(())
            });
        }
    }

    fn troubles(&self) -> Vec<Trouble> {
        self.condition.troubles()
    }
}

/// Checks a database, and opens the connection that writes.
fn prepare(path: &Path, tuning: Tuning, mark: Option<&Path>) -> Result<(Connection, Log), OpenError> {
    let sqlite = |error| OpenError::sqlite(path, error);
    directory::create_file(path)?;
    check::before_writing(path, mark)?;
    let (mut connection, log, is_busy) = connect(path, tuning).map_err(sqlite)?;
    if check::is_empty(&connection).map_err(sqlite)? {
        schema::create(&mut connection, random_epoch()?).map_err(sqlite)?;
    }
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false).map_err(sqlite)?;
    if is_busy {
        return Err(OpenError::BeingRead { path: path.to_owned() });
    }
    Ok((connection, log))
}

/// The connection that writes, and whether somebody else's reading kept the log from being emptied.
fn connect(path: &Path, tuning: Tuning) -> rusqlite::Result<(Connection, Log, bool)> {
    let mut connection =
        Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    configure(&connection, WRITER_CACHE_KIB)?;
    // Until all of the start went well: a connection that failed to sync must not, as it closes, sync again and remove the
    // log.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "journal_size_limit", LOG_FILE_BYTES_KEPT)?;
    connection.pragma_update(None, "synchronous", if tuning.synced { "FULL" } else { "OFF" })?;
    let log = Log::of(&mut connection, tuning.checkpoint_pages)?;
    // After a failed sync the system's memory may have what the disk has not. Only writing it again, elsewhere, and
    // syncing that makes it true (DU-03).
    let is_busy = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0))? != 0;
    Ok((connection, log, is_busy))
}

#[expect(clippy::disallowed_methods, reason = "an epoch decides nothing; it only has to differ from every other")]
pub(crate) fn random_epoch() -> Result<[u8; 16], OpenError> {
    let mut epoch = [0; 16];
    aws_lc_rs::rand::fill(&mut epoch).map_err(|_| OpenError::NoEntropy)?;
    Ok(epoch)
}
