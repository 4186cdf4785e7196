//! The checks before anything is written.

use crate::connect::connect_to_read;
use crate::error::OpenError;
use crate::newest::{is_marked, read_high_water};
use crate::read::integer;
use crate::schema::FORMAT;
use crate::{index, schema};
use bonafide_store::audit::Hash;
use bonafide_store::mark::{self, BelowMark, Marks};
use rusqlite::{Connection, OpenFlags, OptionalExtension};
use std::path::Path;

/// The first SQLite without the WAL-reset bug, as `sqlite3_libversion_number` has it: 3.51.3.
pub const SQLITE_VERSION_MIN: i32 = 3_051_003;

/// Refuses an SQLite that can lose committed writes.
pub fn check_version(found: i32) -> Result<(), OpenError> {
    let words = |version: i32| format!("{}.{}.{}", version / 1_000_000, version / 1_000 % 1_000, version % 1_000);
    if found < SQLITE_VERSION_MIN {
        return Err(OpenError::UnsafeSqlite { found: words(found), min: words(SQLITE_VERSION_MIN) });
    }
    Ok(())
}

/// Checks a database file through a connection that cannot write, and that the store is not below its mark. An empty
/// file is fine where there is no mark. SQLite itself looks at the header, the length and the schema as it begins to read.
pub(crate) fn before_writing(path: &Path, mark: Option<&Path>) -> Result<(), OpenError> {
    let is_empty = std::fs::metadata(path).map_err(|error| OpenError::io(path, error))?.len() == 0;
    let connection = if is_empty { None } else { Some(connect_to_look(path)?) };
    let contents = connection.as_ref().map(|connection| check_contents(path, connection)).transpose()?;
    if let (Some(connection), Some(Contents::Store)) = (&connection, contents) {
        index::check(path, connection)?;
    }
    let Some(mark) = mark else { return Ok(()) };
    let marks = mark::read(mark).map_err(|error| OpenError::io(mark, error))?;
    let stored = connection.as_ref().filter(|_| contents == Some(Contents::Store));
    match compare(&marks, stored).map_err(|error| OpenError::sqlite(path, error))? {
        Some(reason) => Err(OpenError::BelowMark { path: path.to_owned(), reason: Box::new(reason) }),
        None => Ok(()),
    }
}

/// Compares a store, `None` when it is empty, with its mark.
fn compare(marks: &Marks, stored: Option<&Connection>) -> rusqlite::Result<Option<BelowMark>> {
    let Some(connection) = stored else { return mark::check(marks, None, false, |_| Ok(None)) };
    let store = read_high_water(connection)?;
    mark::check(marks, Some(&store), is_marked(connection)?, |number| hash_of(connection, number))
}

/// The hash of an audit record; `None` when there is none of that number.
pub(crate) fn hash_of(connection: &Connection, number: u64) -> rusqlite::Result<Option<Hash>> {
    let hash = "SELECT hash FROM audit WHERE number = ?1";
    connection.query_row(hash, [integer(number)], |row| row.get(0)).optional()
}

/// A connection that cannot write, wherever that is possible.
pub(crate) fn connect_to_look(path: &Path) -> Result<Connection, OpenError> {
    // Left by a process that died while it made the database. Rolling it back is a write, so a
    // connection that cannot write cannot even read.
    let has_journal = path.with_extension("db-journal").exists();
    let access = if has_journal { OpenFlags::SQLITE_OPEN_READ_WRITE } else { OpenFlags::SQLITE_OPEN_READ_ONLY };
    connect_to_read(path, access).map_err(|error| OpenError::sqlite(path, error))
}

/// The contents of a database file that may be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Contents {
    /// No table yet.
    Nothing,
    /// A store.
    Store,
}

/// True when no table exists.
pub(crate) fn is_empty(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row("SELECT NOT EXISTS (SELECT 1 FROM sqlite_schema)", [], |row| row.get(0))
}

/// Refuses what is no store, or none of a known format.
pub(crate) fn check_contents(path: &Path, connection: &Connection) -> Result<Contents, OpenError> {
    let damaged = |reason: &str| OpenError::Damaged { path: path.to_owned(), reason: reason.to_owned() };
    let failed = |error| OpenError::sqlite(path, error);
    if is_empty(connection).map_err(failed)? {
        return Ok(Contents::Nothing);
    }
    let has_meta = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'meta'";
    if connection.query_row(has_meta, [], |_| Ok(())).optional().map_err(failed)?.is_none() {
        return Err(damaged("it is a database of another program"));
    }
    // Every format, those to come included, has `format` in this row.
    let format = "SELECT format FROM meta WHERE id = 1";
    let found: i64 = connection
        .query_row(format, [], |row| row.get(0))
        .optional()
        .map_err(failed)?
        .ok_or_else(|| damaged("its meta row is missing"))?;
    if found > FORMAT {
        return Err(OpenError::NewerFormat { path: path.to_owned(), found, known: FORMAT });
    }
    if let Some(difference) = schema::difference(connection).map_err(failed)? {
        return Err(damaged(&difference));
    }
    let newest = "SELECT revision, compacted, length(epoch),
            (SELECT coalesce(max(position), 0) >> 12 FROM log),
            (SELECT revision FROM kv ORDER BY id DESC LIMIT 1),
            (SELECT key FROM kv ORDER BY key DESC LIMIT 1),
            (SELECT revision FROM commits ORDER BY id DESC LIMIT 1),
            (SELECT coalesce(max(revision), 0) FROM (SELECT revision FROM audit ORDER BY number DESC LIMIT 1))
        FROM meta WHERE id = 1";
    let (revision, compacted, epoch_bytes, logged, audited): (i64, i64, i64, i64, i64) = connection
        .query_row(newest, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(7)?)))
        .map_err(|error| match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::Unknown) | None => damaged(&error.to_string()),
            _ => failed(error),
        })?;
    if compacted > revision || logged > revision || audited > revision || epoch_bytes != 16 {
        return Err(damaged("its revision counter contradicts its contents"));
    }
    Ok(Contents::Store)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_sqlite_that_can_lose_commits_is_refused() {
        assert!(check_version(3_051_003).is_ok());
        assert!(check_version(rusqlite::version_number()).is_ok());
        let error = check_version(3_051_002).unwrap_err().to_string();
        assert!(error.contains("3.51.2") && error.contains("3.51.3"), "{error}");
    }
}
