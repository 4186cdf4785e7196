//! The mark file: its two slots.

use super::slot::Slot;
use super::{Epoch, HighWater};
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

/// Bytes from one slot to the next. Source: ours, the block of usual disks: a write that is cut short damages one.
const SLOT_BYTES: usize = 4096;
/// `O_NOFOLLOW`, so that a link in the file's place is refused. Source: rustix, `OFlags`.
const NO_LINK: i32 = rustix::fs::OFlags::NOFOLLOW.bits().cast_signed();

/// The contents of a mark file: nothing, when there is none or none that can be read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Marks {
    pub(super) slots: [Option<Slot>; 2],
}

impl Marks {
    /// The newest mark.
    pub fn newest(&self) -> Option<&HighWater> {
        self.newest_slot().map(|slot| &slot.mark)
    }

    /// The newest mark of an epoch.
    pub fn of(&self, epoch: Epoch) -> Option<&HighWater> {
        let of_epoch = self.slots.iter().flatten().filter(|slot| slot.mark.cursor.epoch == epoch);
        of_epoch.max_by_key(|slot| slot.sequence).map(|slot| &slot.mark)
    }

    /// True if all rows of the store have MACs, and have them for ever: a database that says otherwise was changed.
    pub fn has_macs(&self) -> bool {
        self.slots.iter().flatten().any(|slot| slot.has_macs)
    }

    fn newest_slot(&self) -> Option<&Slot> {
        self.slots.iter().flatten().max_by_key(|slot| slot.sequence)
    }

    /// The slot that is written next: the older one.
    fn oldest_at(&self) -> usize {
        let sequence = |at: usize| self.slots[at].map(|slot| slot.sequence);
        usize::from(sequence(1) < sequence(0))
    }

    fn next_sequence(&self) -> u64 {
        self.newest_slot().map_or(1, |slot| slot.sequence.saturating_add(1))
    }
}

/// Reads a mark file.
///
/// # Errors
/// The system's, for a file that is there and cannot be read.
pub fn read(path: &Path) -> io::Result<Marks> {
    let mut file = match OpenOptions::new().read(true).custom_flags(NO_LINK).open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Marks::default()),
        other => other?,
    };
    read_slots(&mut file)
}

/// Adds the mark of another epoch beside the present one, durably: both stores are the newest until [`settle`] says
/// which of them is. For a restore, which cannot change the store and its mark in one step.
///
/// # Errors
/// The system's.
pub fn begin(path: &Path, mark: &HighWater) -> io::Result<()> {
    let mut open = MarkFile::open(path)?;
    open.write(mark)?;
    open.sync()
}

/// Makes a mark the only one, durably.
///
/// # Errors
/// The system's.
pub fn settle(path: &Path, mark: &HighWater) -> io::Result<()> {
    MarkFile::settled(path, mark).map(drop)
}

/// A mark file that is written to.
pub(super) struct MarkFile {
    file: File,
    marks: Marks,
    /// Once true, every mark written here says it, of whatever epoch.
    has_macs: bool,
}

impl MarkFile {
    /// Opens the file, or makes one for its owner only.
    fn open(path: &Path) -> io::Result<Self> {
        let is_new = !path.try_exists()?;
        let mut options = OpenOptions::new();
        let mut file =
            options.read(true).write(true).create(true).truncate(false).mode(0o600).custom_flags(NO_LINK).open(path)?;
        if is_new {
            File::open(path.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new(".")))?
                .sync_all()?;
        }
        let marks = read_slots(&mut file)?;
        Ok(Self { file, has_macs: marks.has_macs(), marks })
    }

    /// The same with one mark, in both slots.
    pub(super) fn settled(path: &Path, mark: &HighWater) -> io::Result<Self> {
        let mut open = Self::open(path)?;
        let is_there = open.marks.newest() == Some(mark);
        if !is_there
            || open.marks.slots.iter().any(|slot| slot.is_none_or(|slot| slot.mark.cursor.epoch != mark.cursor.epoch))
        {
            let has_one = open.marks.newest().is_some();
            open.write(mark)?;
            if has_one {
                // In between: one whole slot is there at each moment.
                open.sync()?;
            }
            open.write(mark)?;
            open.sync()?;
        }
        Ok(open)
    }

    /// Writes the older slot. It is durable after `sync`.
    pub(super) fn write(&mut self, mark: &HighWater) -> io::Result<()> {
        let (at, sequence) = (self.marks.oldest_at(), self.marks.next_sequence());
        let slot = Slot { sequence, mark: *mark, has_macs: self.has_macs };
        self.marks.slots[at] = Some(slot);
        self.file.write_all_at(slot.to_line().as_bytes(), (at * SLOT_BYTES) as u64)
    }

    /// Has every mark from now on say that all rows of the store have MACs.
    pub(super) fn remember_macs(&mut self) {
        self.has_macs = true;
    }

    fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    pub(super) fn for_syncing(&self) -> io::Result<File> {
        self.file.try_clone()
    }
}

fn read_slots(file: &mut File) -> io::Result<Marks> {
    let mut bytes = Vec::with_capacity(2 * SLOT_BYTES);
    file.take(2 * SLOT_BYTES as u64).read_to_end(&mut bytes)?;
    let slot = |at: usize| Slot::read(bytes.get(at * SLOT_BYTES..)?);
    Ok(Marks { slots: [slot(0), slot(1)] })
}
