//! The newest point of a database, and whether a mark outside it remembers that.

use crate::read::revision;
use bonafide_store::audit::{GENESIS, Hash};
use bonafide_store::mark::HighWater;
use bonafide_store::{Cursor, Epoch};
use rusqlite::{Connection, OptionalExtension};
use uuid::Uuid;

/// The number in the database's header that says whether the store has a mark. Versions before marks ignore it.
const MARKED: &str = "user_version";

/// Has a store remember that it has a mark.
pub(crate) fn mark_as_marked(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, MARKED, 1)
}

/// Tells whether a store remembers that it has a mark.
pub(crate) fn is_marked(connection: &Connection) -> rusqlite::Result<bool> {
    connection.pragma_query_value(None, MARKED, |row| row.get::<_, i64>(0)).map(|marked| marked != 0)
}

/// The newest point of a database.
pub(crate) fn read_high_water(connection: &Connection) -> rusqlite::Result<HighWater> {
    let (epoch, revision_there): ([u8; 16], i64) =
        connection
            .query_row("SELECT epoch, revision FROM meta WHERE id = 1", [], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let last = "SELECT number, hash FROM audit ORDER BY number DESC LIMIT 1";
    let last: Option<(i64, Hash)> = connection.query_row(last, [], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    let (audit_number, audit_hash) = last.unwrap_or((0, GENESIS));
    let cursor = Cursor { epoch: Epoch(Uuid::from_bytes(epoch)), revision: revision(revision_there) };
    Ok(HighWater { cursor, audit_number: audit_number.cast_unsigned(), audit_hash })
}
