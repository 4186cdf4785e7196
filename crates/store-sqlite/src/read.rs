//! Reading: pooled connections, each snapshot a read transaction on one of them.

use crate::connect::connect_reader;
use crate::failure::failure;
use bonafide_store::audit::AuditRecord;
use bonafide_store::engine::{Snapshot, Versioned, prefix_end};
use bonafide_store::limits::{COMMIT_OPS_MAX, KEY_BYTES_MAX};
use bonafide_store::{Change, Changes, Cursor, EngineError, Epoch, Revision};
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

/// Connections kept open while nobody reads. Source: ours; more than the shell's pool for work on the
/// store has threads, so that readers hardly ever connect.
const READERS_KEPT: usize = 72;

/// Positions in the log that one revision has. Part of the data format.
pub(crate) const POSITIONS: i64 = 4096;
const _: () = assert!(COMMIT_OPS_MAX as i64 <= POSITIONS);

pub(crate) struct Readers {
    path: PathBuf,
    epoch: Epoch,
    idle: Mutex<Vec<Connection>>,
}

impl Readers {
    pub(crate) fn new(path: PathBuf, epoch: Epoch) -> Self {
        Self { path, epoch, idle: Mutex::new(Vec::new()) }
    }

    pub(crate) fn snapshot(&self) -> Result<SqliteSnapshot<'_>, EngineError> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = match idle {
            Some(connection) => connection,
            None => connect_reader(&self.path).map_err(failure(&self.path))?,
        };
        let (revision, compacted) = begin(&connection).map_err(failure(&self.path))?;
        let cursor = Cursor { epoch: self.epoch, revision };
        Ok(SqliteSnapshot { readers: self, connection: Some(connection), cursor, compacted })
    }

    fn put_back(&self, connection: Connection) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < READERS_KEPT {
            idle.push(connection);
        }
    }
}

/// `BEGIN` alone does not look at the database; the first `SELECT` decides what is seen.
fn begin(connection: &Connection) -> rusqlite::Result<(Revision, Revision)> {
    connection.prepare_cached("BEGIN")?.execute([])?;
    let mut meta = connection.prepare_cached("SELECT revision, compacted FROM meta WHERE id = 1")?;
    meta.query_row([], |row| Ok((revision(row.get(0)?), revision(row.get(1)?))))
}

pub(crate) struct SqliteSnapshot<'a> {
    readers: &'a Readers,
    /// There until the snapshot is dropped.
    connection: Option<Connection>,
    cursor: Cursor,
    compacted: Revision,
}

impl Drop for SqliteSnapshot<'_> {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take()
            && connection.prepare_cached("COMMIT").and_then(|mut end| end.execute([])).is_ok()
        {
            self.readers.put_back(connection);
        }
    }
}

impl SqliteSnapshot<'_> {
    fn connection(&self) -> Result<&Connection, EngineError> {
        self.connection.as_ref().ok_or_else(|| EngineError::Invalid("a snapshot that has ended".to_owned()))
    }

    pub(crate) fn changes(&self, after: Cursor, prefixes: &[Vec<u8>], limit: usize) -> Result<Changes, EngineError> {
        let head = self.cursor;
        if after.epoch != head.epoch || after.revision < self.compacted || after.revision > head.revision {
            return Ok(Changes::Reload);
        }
        self.changes_after(after.revision, prefixes, limit).map_err(failure(&self.readers.path))
    }

    fn changes_after(&self, after: Revision, prefixes: &[Vec<u8>], limit: usize) -> rusqlite::Result<Changes> {
        let Some(connection) = &self.connection else { return Ok(Changes::Reload) };
        let mut select =
            connection.prepare_cached("SELECT position, key FROM log WHERE position >= ?1 ORDER BY position")?;
        let mut value_of = connection.prepare_cached("SELECT value FROM kv WHERE key = ?1")?;
        let mut rows = select.query([position(after.next(), 0)])?;
        let mut changes: Vec<Change> = Vec::new();
        while let Some(row) = rows.next()? {
            let key = row.get_ref(1)?.as_blob()?;
            if !prefixes.iter().any(|prefix| key.starts_with(prefix)) {
                continue;
            }
            let revision = revision(row.get::<_, i64>(0)? / POSITIONS);
            if let Some(last) = changes.last()
                && changes.len() >= limit
                && last.revision != revision
            {
                let cursor = Cursor { epoch: self.cursor.epoch, revision: last.revision };
                return Ok(Changes::Some { changes, cursor });
            }
            let value = value_of.query_row([key], |row| row.get(0)).optional()?;
            changes.push(Change { revision, key: key.to_vec(), value });
        }
        Ok(Changes::Some { changes, cursor: self.cursor })
    }

    pub(crate) fn audit(&self, after: u64, limit: usize) -> Result<Vec<AuditRecord>, EngineError> {
        let sql = "SELECT number, revision, record, hash FROM audit WHERE number > ?1 ORDER BY number LIMIT ?2";
        let mut select = self.connection()?.prepare_cached(sql).map_err(failure(&self.readers.path))?;
        let rows = select.query_map([integer(after), count(limit)], |row| {
            Ok(AuditRecord {
                number: row.get::<_, i64>(0)?.cast_unsigned(),
                revision: revision(row.get(1)?),
                record: row.get(2)?,
                hash: row.get(3)?,
            })
        });
        rows.and_then(Iterator::collect).map_err(failure(&self.readers.path))
    }
}

impl Snapshot for SqliteSnapshot<'_> {
    fn cursor(&self) -> Cursor {
        self.cursor
    }

    fn get(&self, key: &[u8]) -> Result<Option<Versioned>, EngineError> {
        let sql = "SELECT revision, value FROM kv WHERE key = ?1";
        let mut select = self.connection()?.prepare_cached(sql).map_err(failure(&self.readers.path))?;
        let found =
            select.query_row([key], |row| Ok(Versioned { revision: revision(row.get(0)?), value: row.get(1)? }));
        found.optional().map_err(failure(&self.readers.path))
    }

    fn range(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<(Vec<u8>, Versioned)>, EngineError> {
        // A bound limit would have SQLite prepare the statement again at each use; an expression does not.
        let (from, sql) = match after {
            Some(after) if after >= prefix => {
                (after, "SELECT key, revision, value FROM kv WHERE key > ?1 AND key < ?2 ORDER BY key LIMIT +?3")
            }
            _ => (prefix, "SELECT key, revision, value FROM kv WHERE key >= ?1 AND key < ?2 ORDER BY key LIMIT +?3"),
        };
        let mut select = self.connection()?.prepare_cached(sql).map_err(failure(&self.readers.path))?;
        let read = |row: &Row<'_>| Ok((row.get(0)?, Versioned { revision: revision(row.get(1)?), value: row.get(2)? }));
        let rows = select.query_map(params![from, end(prefix), count(limit)], read);
        rows.and_then(Iterator::collect).map_err(failure(&self.readers.path))
    }
}

/// The first key after those with a prefix, or after all keys.
pub(crate) fn end(prefix: &[u8]) -> Vec<u8> {
    prefix_end(prefix).unwrap_or_else(|| vec![0xFF; KEY_BYTES_MAX + 1])
}

pub(crate) fn revision(stored: i64) -> Revision {
    Revision(stored.cast_unsigned())
}

pub(crate) fn integer(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The position in the log at which a revision's changes begin.
pub(crate) fn position(revision: Revision, n: i64) -> i64 {
    integer(revision.0).saturating_mul(POSITIONS).saturating_add(n)
}

fn count(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
