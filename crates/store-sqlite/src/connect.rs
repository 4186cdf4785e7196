//! Connections, and their settings.

use rusqlite::{Connection, OpenFlags};
use std::path::Path;
use std::time::Duration;

/// Page cache of one reading connection, in KiB. Source: ours; large enough for the inner pages of 100,000 identities (bench, `scale`).
const READER_CACHE_KIB: i64 = 4 * 1024;
/// Time that a connection waits for another to finish recovering the log. Source: ours.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Statements kept prepared on a connection. Source: more than this crate has.
const STATEMENTS_KEPT: usize = 32;

/// A connection that only reads, and so never checkpoints.
pub(crate) fn connect_reader(path: &Path) -> rusqlite::Result<Connection> {
    connect_to_read(path, OpenFlags::SQLITE_OPEN_READ_ONLY)
}

pub(crate) fn connect_to_read(path: &Path, access: OpenFlags) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    configure(&connection, READER_CACHE_KIB)?;
    Ok(connection)
}

pub(crate) fn configure(connection: &Connection, cache_kib: i64) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    connection.pragma_update(None, "cache_size", -cache_kib)
}
