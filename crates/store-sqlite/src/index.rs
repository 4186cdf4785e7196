//! The rows and the index that leads to them: two structures in one file. A flipped bit in the index takes a row from
//! whoever asks for its key, and nothing else tells; so both are read, once, before a store is used.

use crate::error::OpenError;
use rusqlite::Connection;
use std::hash::{DefaultHasher, Hasher};
use std::path::Path;

/// Keys and row numbers, in whatever order they were read.
#[derive(Debug, Default, PartialEq, Eq)]
struct Sum {
    count: u64,
    /// Of the hashes of all, wrapping.
    hashes: u64,
}

/// Refuses a database whose index does not lead to every row, and to nothing else.
pub(crate) fn check(path: &Path, connection: &Connection) -> Result<(), OpenError> {
    let damaged = |reason: String| OpenError::Damaged { path: path.to_owned(), reason };
    match agree(connection) {
        Ok(true) => Ok(()),
        Ok(false) => Err(damaged(format!(
            "its rows and their index differ, so that rows are missing; `bonafide restore --accept-older {}` makes the \
             index anew from the rows that are there",
            path.display()
        ))),
        // A key that is none.
        Err(error) if error.sqlite_error_code().is_none() => Err(damaged(error.to_string())),
        Err(error) => Err(OpenError::sqlite(path, error)),
    }
}

/// Makes the index anew from the rows.
pub(crate) fn rebuild(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch("REINDEX kv")
}

fn agree(connection: &Connection) -> rusqlite::Result<bool> {
    let (mut rows, mut entries) = (Sum::default(), Sum::default());
    read(connection, "SELECT key, id FROM kv NOT INDEXED", |key, id| {
        rows.add(key, id);
        true
    })?;
    // Equal sums do not say that an entry is found: the index must be in order, too.
    let mut last: Option<Vec<u8>> = None;
    let is_ordered =
        read(connection, "SELECT key, id FROM kv INDEXED BY sqlite_autoindex_kv_1 ORDER BY key", |key, id| {
            entries.add(key, id);
            let is_next = last.as_deref().is_none_or(|last| last < key);
            let place = last.get_or_insert_default();
            place.clear();
            place.extend_from_slice(key);
            is_next
        })?;
    Ok(is_ordered && rows == entries)
}

/// Shows `each` all keys and row numbers that a statement finds; false when it says so of one.
fn read(connection: &Connection, sql: &str, mut each: impl FnMut(&[u8], i64) -> bool) -> rusqlite::Result<bool> {
    let mut select = connection.prepare(sql)?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        if !each(row.get_ref(0)?.as_blob()?, row.get(1)?) {
            return Ok(false);
        }
    }
    Ok(true)
}

impl Sum {
    fn add(&mut self, key: &[u8], id: i64) {
        let mut hasher = DefaultHasher::new();
        hasher.write(key);
        hasher.write_i64(id);
        self.count += 1;
        self.hashes = self.hashes.wrapping_add(hasher.finish());
    }
}
