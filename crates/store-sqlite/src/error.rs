//! The reasons why a data directory cannot be opened.

use crate::space::is_full;
use bonafide_store::mark::BelowMark;
use std::path::{Path, PathBuf};

/// The reason why a data directory cannot be opened. Nothing in it was changed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The directory or a file in it cannot be used.
    #[error("{}: {error}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The system's error.
        error: std::io::Error,
    },
    /// Another process has the directory open.
    #[error("the database in {} is in use by another process; stop that one first, or use another directory", dir.display())]
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
        /// The fault.
        reason: String,
    },
    /// The store is not the newest that its mark knows of.
    #[error(
        "{} {reason}; nothing was changed: `bonafide restore BACKUP` puts a backup back, and \
         `bonafide restore --accept-older {}` takes the store as it is",
        path.display(), path.display()
    )]
    BelowMark {
        /// The database.
        path: PathBuf,
        /// The comparison with the mark.
        reason: Box<BelowMark>,
    },
    /// Another process reads the log, which must be written into the database before anything else is.
    #[error("{} is being read by another process, such as a backup; start again when that has ended", path.display())]
    BeingRead {
        /// The database.
        path: PathBuf,
    },
    /// A new store needs a random epoch.
    #[error("the system's source of random bytes does not work")]
    NoEntropy,
    /// SQLite needs a little space even to read.
    #[error("{}: no space is left on its disk; nothing is lost: make space and try again", path.display())]
    Full {
        /// The database.
        path: PathBuf,
    },
    /// SQLite failed for another reason.
    #[error("{}: {error}; nothing was changed: look for the disk's trouble in the system's log, or restore a backup", path.display())]
    Sqlite {
        /// The database.
        path: PathBuf,
        /// SQLite's error.
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
            Some(SystemIoFailure) if is_full(path) => Self::Full { path: path.to_owned() },
            _ => Self::Sqlite { path: path.to_owned(), error },
        }
    }
}
