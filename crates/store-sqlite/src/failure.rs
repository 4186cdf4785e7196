//! The meaning of SQLite's errors for the store.

use crate::space::is_full;
use bonafide_store::EngineError;
use rusqlite::{Error, ErrorCode, ffi};
use std::path::Path;

/// For everything except the end of a transaction that writes: nothing is committed.
pub(crate) fn failure(path: &Path) -> impl Fn(Error) -> EngineError {
    move |error| {
        let text = format!("{}: {error}", path.display());
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => EngineError::Full(text),
            Some(ErrorCode::SystemIoFailure) if is_of_index(&error) && is_full(path) => EngineError::Full(text),
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

/// True after an error of the disk on the connection that writes: nobody can tell what of the earlier writes is there, and
/// no later sync that succeeds says so (DU-03). The log's index is no such file: it is made again from the log.
pub(crate) fn ends_writing(error: &Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::SystemIoFailure) && !is_of_index(error)
}

/// True when the log's index, memory that processes share, could not be had: of a full disk SQLite says only that.
fn is_of_index(error: &Error) -> bool {
    let code = error.sqlite_error().map(|error| error.extended_code);
    matches!(
        code,
        Some(
            ffi::SQLITE_IOERR_SHMOPEN
                | ffi::SQLITE_IOERR_SHMSIZE
                | ffi::SQLITE_IOERR_SHMMAP
                | ffi::SQLITE_IOERR_SHMLOCK
        )
    )
}
