//! The length of the write-ahead log, which decides when it is written into the database.

use rusqlite::Connection;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// The pages that the log has, as SQLite tells after each commit.
pub(crate) struct Log {
    pages: Arc<AtomicU32>,
    pages_max: u32,
}

impl Log {
    /// Has SQLite tell; from then on it checkpoints no more by itself.
    pub(crate) fn of(connection: &mut Connection, pages_max: u32) -> rusqlite::Result<Self> {
        let pages = Arc::new(AtomicU32::new(0));
        let told = Arc::clone(&pages);
        connection.wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, pages: std::ffi::c_int| {
            told.store(u32::try_from(pages).unwrap_or(0), Ordering::Relaxed);
            Ok(())
        }))?;
        Ok(Self { pages, pages_max })
    }

    /// True when the log is to be written into the database.
    pub(crate) fn is_long(&self) -> bool {
        self.pages.load(Ordering::Relaxed) >= self.pages_max
    }
}
