//! A lock on files that one process has at a time.

use crate::open::append;
use crate::{FilesError, io};
use std::fs::{File, TryLockError};
use std::path::Path;
use std::time::{Duration, Instant};

/// Longest time that a start waits for another process to let go. Source: ours; the kernel takes some milliseconds to end
/// one that was killed.
const LET_GO: Duration = Duration::from_secs(1);
/// Time between two looks.
const ASK_EVERY: Duration = Duration::from_millis(10);

/// A lock, until it is dropped or the process ends.
#[derive(Debug)]
pub struct Lock(#[expect(dead_code, reason = "the open file is the lock")] File);

impl Lock {
    /// Takes it, once a process that is ending has let go.
    pub fn take(path: &Path) -> Result<Self, FilesError> {
        let file = append(path)?;
        let until = Instant::now() + LET_GO;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Self(file)),
                Err(TryLockError::WouldBlock) if Instant::now() < until => std::thread::sleep(ASK_EVERY),
                Err(TryLockError::WouldBlock) => return Err(FilesError::Locked(path.to_owned())),
                Err(TryLockError::Error(error)) => return Err(io(path, error)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_process_at_a_time_has_a_lock() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let first = Lock::take(&path).unwrap();
        assert!(matches!(Lock::take(&path), Err(FilesError::Locked(_))));
        drop(first);
        Lock::take(&path).unwrap();
    }
}
