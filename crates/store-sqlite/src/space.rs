//! The space that a disk has left.

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
