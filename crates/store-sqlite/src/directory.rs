//! The data directory: its owner's alone, and one process's at a time.

use crate::error::OpenError;
use rustix::fs::{FlockOperation, flock};
use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

/// The lock's name in the data directory.
pub(crate) const LOCK_FILE: &str = "lock";

/// Creates the directory if it is not there, for its owner only.
pub(crate) fn create(dir: &Path) -> Result<(), OpenError> {
    if dir.is_dir() {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(|error| OpenError::io(dir, error))?;
    // The new name must survive a power cut as well as what is written below it.
    match dir.parent() {
        Some(parent) if parent != Path::new("") => sync(parent),
        _ => sync(Path::new(".")),
    }
}

/// The data directory belongs to this process until this is dropped or the process dies.
pub(crate) struct Lock(File);

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing is not enough: a child that is between fork and exec holds a copy of the descriptor,
        // and with it the lock (flock(2)); unlocking counts for every copy.
        let _ = flock(&self.0, FlockOperation::Unlock);
    }
}

/// Takes the directory for this process.
pub(crate) fn lock(dir: &Path) -> Result<Lock, OpenError> {
    let path = dir.join(LOCK_FILE);
    let file = owner_only().write(true).create(true).open(&path).map_err(|error| OpenError::io(&path, error))?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Lock(file)),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(OpenError::InUse { dir: dir.to_owned() }),
        Err(error) => Err(OpenError::io(&path, error.into())),
    }
}

/// Creates an empty file if there is none; SQLite gives its other files the rights of this one.
pub(crate) fn create_file(path: &Path) -> Result<(), OpenError> {
    match owner_only().write(true).create_new(true).open(path) {
        Ok(_) => path.parent().map_or(Ok(()), sync),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(OpenError::io(path, error)),
    }
}

fn owner_only() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.mode(0o600);
    options
}

fn sync(dir: &Path) -> Result<(), OpenError> {
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(|error| OpenError::io(dir, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_that_has_not_yet_begun_does_not_keep_the_lock() {
        let dir = tempfile::TempDir::new().unwrap();
        let lock_held = lock(dir.path()).unwrap();
        let copy_of_a_child = lock_held.0.try_clone().unwrap();
        assert!(matches!(lock(dir.path()), Err(OpenError::InUse { .. })));
        drop(lock_held);
        assert!(lock(dir.path()).is_ok());
        drop(copy_of_a_child);
    }
}
