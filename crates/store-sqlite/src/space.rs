//! The space that a disk has left, and that a database needs.

use rusqlite::Connection;
use rustix::fs::statvfs;
use std::path::Path;

/// Tells whether the disk of a path has less than so many bytes for this user.
pub(crate) fn has_less_than(path: &Path, bytes: u64) -> bool {
    statvfs(path).is_ok_and(|disk| disk.f_bavail.saturating_mul(disk.f_frsize) < bytes)
}

/// Tells whether the disk has less space left than SQLite takes to make the log's index larger, which it makes in pieces of
/// 32 KiB (SQLite, `WALINDEX_PGSZ`).
pub(crate) fn is_full(path: &Path) -> bool {
    const NEEDED_BYTES: u64 = 64 * 1024;
    has_less_than(path, NEEDED_BYTES)
}

/// The bytes that the database's file has to grow by for what is in the log. `None` when nobody can tell.
pub(crate) fn lacking_bytes(connection: &Connection, path: &Path) -> Option<u64> {
    let number = |pragma| connection.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0)).ok();
    let bytes = number("page_count")?.cast_unsigned().checked_mul(number("page_size")?.cast_unsigned())?;
    Some(bytes.saturating_sub(std::fs::metadata(path).ok()?.len()))
}
