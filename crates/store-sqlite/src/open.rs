//! Opening a data directory.

use crate::read::Readers;
use crate::write::Writer;
use crate::{check, directory};
use bonafide_store::audit::AuditRecord;
use bonafide_store::engine::{Commit, Engine, Snapshot, Verdict};
use bonafide_store::{Changes, Cursor, EngineError, Epoch, Revision};
use rusqlite::{Connection, OpenFlags, params};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use uuid::Uuid;

/// The database's name in the data directory.
pub const DATABASE_FILE: &str = "store.db";

/// The data format that this program writes, and the newest that it can read.
pub(crate) const FORMAT: i64 = 1;

/// Pages of the write-ahead log (4 KiB each) after which a commit also checkpoints. Source: ours; 16
/// MiB, so that syncs of the database file are rare beside those of the log.
const CHECKPOINT_PAGES: u32 = 4096;
/// Bytes of the write-ahead log that are kept after a checkpoint. Source: ours, four checkpoints.
const LOG_FILE_BYTES_KEPT: i64 = 64 * 1024 * 1024;
/// Page cache of the writing connection, in KiB. Source: ours.
const WRITER_CACHE_KIB: i64 = 8 * 1024;
/// Page cache of one reading connection, in KiB. Source: ours; large enough for the inner pages of 100,000 identities (bench, `scale`).
const READER_CACHE_KIB: i64 = 4 * 1024;
/// How long a connection waits for another to finish recovering the log. Source: ours.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Statements kept prepared on a connection. Source: more than this crate has.
const STATEMENTS_KEPT: usize = 32;

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

/// Why a data directory cannot be opened. Nothing in it was changed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The directory or a file in it cannot be used.
    #[error("{}: {error}", path.display())]
    Io {
        /// What cannot be used.
        path: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
    /// Another process has the directory open.
    #[error("data directory {} is in use by another process; stop that one first, or use another directory", dir.display())]
    InUse {
        /// The directory.
        dir: PathBuf,
    },
    /// This program was linked with an SQLite that can lose committed writes.
    #[error(
        "SQLite {found} can lose committed writes when a checkpoint races a write; \
         this program needs {min} or newer: use a build with the bundled SQLite"
    )]
    UnsafeSqlite {
        /// The version found.
        found: String,
        /// `SQLITE_VERSION_MIN`, in words.
        min: String,
    },
    /// A newer program wrote the data.
    #[error(
        "{} has data format {found}, and this program knows formats up to {known}: \
         a newer version of the program wrote it; start that version, or restore a backup made before the upgrade",
        path.display()
    )]
    NewerFormat {
        /// The database.
        path: PathBuf,
        /// Its format.
        found: i64,
        /// The newest format known here.
        known: i64,
    },
    /// The file is not, or no longer, a store.
    #[error("{} is not a usable store: {reason}; it was left as it is: restore a backup, or use another directory", path.display())]
    Damaged {
        /// The database.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A new store needs a random epoch.
    #[error("the system's source of random bytes does not work")]
    NoEntropy,
    /// SQLite needs a little space even to read.
    #[error("{}: no space is left on its disk; nothing is lost: make space and start again", path.display())]
    Full {
        /// The database.
        path: PathBuf,
    },
    /// SQLite failed for another reason.
    #[error("{}: {error}; nothing was changed: look for the disk's trouble in the system's log, or restore a backup", path.display())]
    Sqlite {
        /// The database.
        path: PathBuf,
        /// What SQLite says.
        error: rusqlite::Error,
    },
}

impl OpenError {
    pub(crate) fn io(path: &Path, error: std::io::Error) -> Self {
        Self::Io { path: path.to_owned(), error }
    }

    pub(crate) fn sqlite(path: &Path, error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode::{DatabaseCorrupt, DiskFull, NotADatabase, SystemIoFailure};
        match error.sqlite_error_code() {
            Some(DatabaseCorrupt | NotADatabase) => Self::Damaged { path: path.to_owned(), reason: error.to_string() },
            Some(DiskFull) => Self::Full { path: path.to_owned() },
            // Of a shared-memory file that does not fit SQLite says only that it is an I/O error.
            Some(SystemIoFailure) if directory::is_full(path) => Self::Full { path: path.to_owned() },
            _ => Self::Sqlite { path: path.to_owned(), error },
        }
    }
}

/// What tests set differently; everything else opens with `default()`.
#[doc(hidden)]
#[derive(Debug, Clone, Copy)]
pub struct Tuning {
    /// Whether every commit is synced before it counts. False loses commits: only so that a test can
    /// show that it would notice.
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

/// A connection that only reads, and so never checkpoints.
pub(crate) fn connect_reader(path: &Path) -> rusqlite::Result<Connection> {
    connect_to_read(path, OpenFlags::SQLITE_OPEN_READ_ONLY)
}

pub(crate) fn connect_to_read(path: &Path, access: OpenFlags) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    configure(&connection, READER_CACHE_KIB)?;
    Ok(connection)
}

fn configure(connection: &Connection, cache_kib: i64) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    connection.pragma_update(None, "cache_size", -cache_kib)
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
