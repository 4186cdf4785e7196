//! The meaning of SQLite's errors for the store.

use bonafide_store::EngineError;
use rusqlite::{Error, ErrorCode};
use std::path::Path;

/// For everything except the end of a transaction that writes: nothing is committed.
pub(crate) fn failure(path: &Path) -> impl Fn(Error) -> EngineError {
    move |error| {
        let text = format!("{}: {error}", path.display());
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => EngineError::Full(text),
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => EngineError::Damaged(text),
            // A row is not of the form that this program writes.
            None => EngineError::Damaged(text),
            Some(_) => EngineError::Io(text),
        }
    }
}

/// For `COMMIT`. On a full disk the last frame of the transaction was not written, so it did not
/// happen; after any other error (a failed sync) it may still come back after a crash.
pub(crate) fn commit_failure(path: &Path) -> impl Fn(Error) -> EngineError {
    move |error| match failure(path)(error) {
        full @ EngineError::Full(_) => full,
        other => EngineError::OutcomeUnknown(other.to_string()),
    }
}
