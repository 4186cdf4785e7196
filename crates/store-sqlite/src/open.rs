//! Opening a data directory.

use crate::check::FORMAT;
use crate::connect::configure;
use crate::error::OpenError;
use crate::read::Readers;
use crate::write::Writer;
use crate::{check, directory};
use bonafide_store::audit::AuditRecord;
use bonafide_store::engine::{Commit, Engine, Snapshot, Verdict};
use bonafide_store::{Changes, Cursor, EngineError, Epoch, Revision};
use rusqlite::{Connection, OpenFlags, params};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use uuid::Uuid;

/// The database's name in the data directory.
pub const DATABASE_FILE: &str = "store.db";
/// All files that may be in the data directory: the database, those that SQLite makes beside it, and the lock.
pub const FILES: [&str; 5] = [DATABASE_FILE, "store.db-wal", "store.db-shm", "store.db-journal", "lock"];

/// Pages of the write-ahead log (4 KiB each) after which a commit also checkpoints. Source: ours; 16
/// MiB, so that syncs of the database file are rare beside those of the log.
const CHECKPOINT_PAGES: u32 = 4096;
/// Bytes of the write-ahead log that are kept after a checkpoint. Source: ours, four checkpoints.
const LOG_FILE_BYTES_KEPT: i64 = 64 * 1024 * 1024;
/// Page cache of the writing connection, in KiB. Source: ours.
const WRITER_CACHE_KIB: i64 = 8 * 1024;
const SCHEMA: &str = "
    CREATE TABLE meta(
        id INTEGER PRIMARY KEY CHECK (id = 1),
        format INTEGER NOT NULL,
        epoch BLOB NOT NULL,
        revision INTEGER NOT NULL,
        compacted INTEGER NOT NULL
    );
    -- A rowid table: with WITHOUT ROWID, values of 1 KiB made commits two to four times slower.
    CREATE TABLE kv(id INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, revision INTEGER NOT NULL, value BLOB NOT NULL);
    -- position = revision * 4096 + n, for the n-th change of a revision: appended, never scattered.
    CREATE TABLE log(position INTEGER PRIMARY KEY, key BLOB NOT NULL);
    CREATE TABLE commits(id BLOB PRIMARY KEY, revision INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE audit(number INTEGER PRIMARY KEY, revision INTEGER NOT NULL, record BLOB NOT NULL, hash BLOB NOT NULL);
";

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
    _lock: directory::Lock,
}

impl SqliteEngine {
    /// Opens the store in `dir`, making both if they are not there.
    ///
    /// Before anything is written it is checked that no other process has the directory, and that
    /// what is there is a whole store of a known format. The check is a cheap one (header, length,
    /// schema, the newest row of each table); damage further inside shows as
    /// `EngineError::Damaged` when it is read.
    pub fn open(dir: &Path) -> Result<Self, OpenError> {
        Self::open_with(dir, Tuning::default())
    }

    /// `open`, otherwise tuned.
    #[doc(hidden)]
    pub fn open_with(dir: &Path, tuning: Tuning) -> Result<Self, OpenError> {
        check::check_version(rusqlite::version_number())?;
        let new_epoch = random_epoch()?;
        directory::create(dir)?;
        let lock = directory::lock(dir)?;
        let path = dir.join(DATABASE_FILE);
        directory::create_file(&path)?;
        check::before_writing(&path)?;
        Self::connect(&path, tuning, new_epoch, lock).map_err(|error| OpenError::sqlite(&path, error))
    }

    fn connect(path: &Path, tuning: Tuning, new_epoch: [u8; 16], lock: directory::Lock) -> rusqlite::Result<Self> {
        let mut connection =
            Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
        configure(&connection, WRITER_CACHE_KIB)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "wal_autocheckpoint", tuning.checkpoint_pages)?;
        connection.pragma_update(None, "journal_size_limit", LOG_FILE_BYTES_KEPT)?;
        connection.pragma_update(None, "synchronous", if tuning.synced { "FULL" } else { "OFF" })?;
        create_schema(&mut connection, new_epoch)?;
        let epoch: [u8; 16] = connection.query_row("SELECT epoch FROM meta WHERE id = 1", [], |row| row.get(0))?;
        Ok(Self {
            readers: Readers::new(path.to_owned(), Epoch(Uuid::from_bytes(epoch))),
            writer: Mutex::new(Writer::new(path.to_owned(), connection)),
            _lock: lock,
        })
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

    fn audit(&self, after: u64, limit: usize) -> Result<Vec<AuditRecord>, EngineError> {
        self.readers.snapshot()?.audit(after, limit)
    }
}

fn create_schema(connection: &mut Connection, epoch: [u8; 16]) -> rusqlite::Result<()> {
    if !check::is_empty(connection)? {
        return Ok(());
    }
    let tx = connection.transaction()?;
    tx.execute_batch(SCHEMA)?;
    tx.execute("INSERT INTO meta VALUES (1, ?1, ?2, 0, 0)", params![FORMAT, epoch])?;
    tx.commit()
}

#[expect(clippy::disallowed_methods, reason = "an epoch decides nothing; it only has to differ from every other")]
fn random_epoch() -> Result<[u8; 16], OpenError> {
    let mut epoch = [0; 16];
    aws_lc_rs::rand::fill(&mut epoch).map_err(|_| OpenError::NoEntropy)?;
    Ok(epoch)
}
