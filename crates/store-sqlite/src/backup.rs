//! A copy of a store in one file: consistent, while the store is in use or not.

use crate::check::{Contents, check_contents, connect_to_look};
use crate::connect::configure;
use crate::error::OpenError;
use crate::index;
use crate::newest::{is_marked, read_high_water};
use crate::schema::BACKUP_TABLE;
use bonafide_store::mark::HighWater;
use rusqlite::{Connection, OpenFlags, OptionalExtension, params};
use std::path::Path;

/// Page cache of the connection that checks a copy, in KiB. Source: ours; each page is read once.
const CHECK_CACHE_KIB: i64 = 2 * 1024;

/// The contents of a backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backup {
    /// The newest point of the store at that time.
    pub newest: HighWater,
    /// The time at which it was made, in seconds since 1970; `None` for a database that is no backup.
    pub made_at: Option<u64>,
    /// True if the store has a high-water mark.
    pub(crate) is_marked: bool,
}

/// Copies the store whose database is `from` into the empty file `to`, and reads all of the copy again.
///
/// # Errors
/// The database cannot be opened or is no store, or the copy cannot be written or is not whole.
pub fn copy_store(from: &Path, to: &Path, made_at: u64) -> Result<Backup, OpenError> {
    copy(from, to)?;
    let failed = |error| OpenError::sqlite(to, error);
    let copied = open_copy(to)?;
    // A row that the index does not lead to would be missed only when the backup is needed.
    index::check(to, &copied)?;
    copied.execute_batch("DROP TABLE IF EXISTS backup").map_err(failed)?;
    copied.execute(BACKUP_TABLE.1, []).map_err(failed)?;
    copied
        .execute("INSERT INTO backup VALUES (?1)", params![i64::try_from(made_at).unwrap_or(i64::MAX)])
        .map_err(failed)?;
    drop(copied);
    look(to)
}

/// The same without the time.
pub(crate) fn copy(from: &Path, to: &Path) -> Result<(), OpenError> {
    look(from)?;
    let source = connect_to_look(from)?;
    source
        .execute("VACUUM INTO ?1", params![to.to_string_lossy()])
        .map_err(|error| OpenError::sqlite(if is_of_source(&error) { from } else { to }, error))?;
    let copied = open_copy(to)?;
    let found: String = copied
        .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
        .map_err(|error| OpenError::sqlite(to, error))?;
    if found != "ok" {
        return Err(OpenError::Damaged { path: from.to_owned(), reason: found });
    }
    Ok(())
}

/// Looks at a backup, or at the database of a store.
///
/// # Errors
/// It cannot be opened or is no store.
pub fn look(file: &Path) -> Result<Backup, OpenError> {
    let is_empty = std::fs::metadata(file).map_err(|error| OpenError::io(file, error))?.len() == 0;
    let nothing = || OpenError::Damaged { path: file.to_owned(), reason: "there is nothing in it".to_owned() };
    if is_empty {
        return Err(nothing());
    }
    let connection = connect_to_look(file)?;
    if check_contents(file, &connection)? == Contents::Nothing {
        return Err(nothing());
    }
    let failed = |error| OpenError::sqlite(file, error);
    let newest = read_high_water(&connection).map_err(failed)?;
    let has_time = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'backup'";
    let made_at = match connection.query_row(has_time, [], |_| Ok(())).optional().map_err(failed)? {
        Some(()) => {
            connection.query_row("SELECT made_at FROM backup", [], |row| row.get(0)).optional().map_err(failed)?
        }
        None => None,
    };
    let is_marked = is_marked(&connection).map_err(failed)?;
    Ok(Backup { newest, made_at: made_at.map(i64::cast_unsigned), is_marked })
}

pub(crate) fn open_copy(path: &Path) -> Result<Connection, OpenError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let opened = Connection::open_with_flags(path, flags);
    let opened = opened.and_then(|connection| configure(&connection, CHECK_CACHE_KIB).map(|()| connection));
    opened.map_err(|error| OpenError::sqlite(path, error))
}

/// Damage is of what is read; all else, such as a full disk, is of what is written.
fn is_of_source(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::NotADatabase))
}
