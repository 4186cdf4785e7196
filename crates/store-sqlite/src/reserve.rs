//! Space that is kept for a full disk: a file beside the database, of which as much is given back as a start, or a write
//! that takes something away, turns out to need. While it is not whole, nothing else is written.

use crate::error::OpenError;
use crate::space::has_less_than;
use rustix::fs::{FallocateFlags, OFlags, fallocate};
use std::fs::{File, OpenOptions};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The file's name in the data directory.
pub(crate) const RESERVE_FILE: &str = "reserve";
/// Bytes that are kept. Source: ours; a deletion writes some dozen pages of 4 KiB to the log, which is used again from its
/// start after a checkpoint, and a start needs less than one step.
const RESERVE_BYTES: u64 = 8 * 1024 * 1024;
/// Bytes given back at once, so that another program that takes what becomes free does not get all. Source: ours; more
/// than the log's index (32 KiB), the files that a start writes and a large deletion's pages together.
const STEP_BYTES: u64 = 1024 * 1024;

/// The reserve of a store that this process has.
pub(crate) struct Reserve {
    dir: PathBuf,
    file: File,
    held_bytes: u64,
}

impl Reserve {
    /// Opens the reserve as it is, and gives some of it back where the disk has less than a start needs.
    pub(crate) fn open(dir: &Path) -> Result<Self, OpenError> {
        let path = dir.join(RESERVE_FILE);
        let failed = |error| OpenError::io(&path, error);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let no_link = OFlags::NOFOLLOW.bits().cast_signed();
        let file = options.custom_flags(no_link).open(&path).map_err(failed)?;
        let held_bytes = file.metadata().map_err(failed)?.len();
        let mut reserve = Self { dir: dir.to_owned(), file, held_bytes };
        if has_less_than(dir, STEP_BYTES) {
            reserve.release();
        }
        Ok(reserve)
    }

    /// True when all of it is there, after making it whole if there is room for that and for a start.
    pub(crate) fn fill(&mut self) -> bool {
        let missing_bytes = RESERVE_BYTES.saturating_sub(self.held_bytes);
        if missing_bytes > 0 && self.has_room_beside(missing_bytes) && self.allocate().is_ok() {
            self.held_bytes = RESERVE_BYTES;
        }
        self.is_whole()
    }

    /// True when nothing of it was given back.
    pub(crate) fn is_whole(&self) -> bool {
        self.held_bytes >= RESERVE_BYTES
    }

    /// True when this much of it is there still, and a step for the next start.
    pub(crate) fn has(&self, bytes: u64) -> bool {
        self.held_bytes >= bytes + STEP_BYTES
    }

    /// True where the disk has room for so many bytes.
    pub(crate) fn has_room_for(&self, bytes: u64) -> bool {
        !has_less_than(&self.dir, bytes)
    }

    /// True where the disk has room for so many bytes and for a start, beside what is held.
    pub(crate) fn has_room_beside(&self, bytes: u64) -> bool {
        !has_less_than(&self.dir, bytes + STEP_BYTES)
    }

    /// Gives a step back to the disk; false when nothing is left, or that fails.
    pub(crate) fn release(&mut self) -> bool {
        let left_bytes = self.held_bytes.saturating_sub(STEP_BYTES);
        let was_held = self.held_bytes > 0 && self.file.set_len(left_bytes).is_ok();
        if was_held {
            self.held_bytes = left_bytes;
        }
        was_held
    }

    fn allocate(&self) -> std::io::Result<()> {
        let allocated = match fallocate(&self.file, FallocateFlags::empty(), 0, RESERVE_BYTES) {
            Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => self.write_zeros(),
            other => other.map_err(Into::into),
        };
        if allocated.is_err() {
            // The part that it got before there was no more belongs to nobody.
            self.file.set_len(self.held_bytes)?;
        }
        allocated
    }

    /// For file systems that allocate only what is written.
    fn write_zeros(&self) -> std::io::Result<()> {
        let zeros = vec![0; usize::try_from(STEP_BYTES).unwrap_or(usize::MAX)];
        let mut at = self.held_bytes;
        while at < RESERVE_BYTES {
            self.file.write_all_at(&zeros, at)?;
            at += STEP_BYTES;
        }
        Ok(())
    }
}
