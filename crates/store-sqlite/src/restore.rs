//! Putting a store in another's place. Whatever moment it ends at, one of the two is there, whole and accepted by the
//! mark; the one that was there before is moved aside.

use crate::DATABASE_FILE;
use crate::backup::{Backup, copy, look, open_copy};
use crate::check::{connect_to_look, hash_of};
use crate::directory::{self, LOCK_FILE, Lock};
use crate::error::OpenError;
use crate::index;
use crate::newest::{mark_as_marked, read_high_water};
use crate::open::random_epoch;
use bonafide_store::mark::{self, BelowMark, HighWater, Marks};
use rusqlite::params;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// A store that is ready to be put in the place of another, which nobody can open meanwhile.
pub struct Restoring {
    store: PathBuf,
    mark: PathBuf,
    marks: Marks,
    present: Option<HighWater>,
    backup: Backup,
    older: Option<BelowMark>,
    _lock: Lock,
}

impl Restoring {
    /// Copies a backup, or the database of a store, into a folder beside `store`, under an epoch of its own. Neither the
    /// store nor its mark is changed.
    ///
    /// # Errors
    /// The store is in use, or the backup cannot be read whole, or there is no room for it.
    pub fn prepare(store: &Path, mark: &Path, from: &Path) -> Result<Self, OpenError> {
        directory::create(store)?;
        let lock = directory::lock(store)?;
        let marks = mark::read(mark).map_err(|error| OpenError::io(mark, error))?;
        // One that is damaged, or not there, is nothing to compare with: that is the reason for restoring.
        let present = look(&store.join(DATABASE_FILE)).ok();
        let backup = look(from)?;
        let older = older(&marks, present.as_ref(), &backup, from)?;
        let restoring = Self {
            store: store.to_owned(),
            mark: mark.to_owned(),
            marks,
            present: present.map(|present| present.newest),
            backup,
            older,
            _lock: lock,
        };
        restoring.make_draft(from)?;
        Ok(restoring)
    }

    /// The contents of the backup.
    pub fn backup(&self) -> &Backup {
        &self.backup
    }

    /// The reason why the backup is not the newest that is known of the store; `None` when it is.
    pub fn older(&self) -> Option<&BelowMark> {
        self.older.as_ref()
    }

    /// True where a store that can be read is there, which is then replaced.
    pub fn replaces_a_store(&self) -> bool {
        self.present.is_some()
    }

    /// True if all rows of the store that was there have MACs, as its mark says: then the new one's must, too.
    pub fn has_macs(&self) -> bool {
        self.marks.has_macs()
    }

    /// The folder of the new store, where it can be opened before it is put in its place.
    pub fn draft(&self) -> PathBuf {
        beside(&self.store, "restoring")
    }

    /// Puts the new store in its place; the folder of the old one is returned, if anything is in it. `name` is not used
    /// yet.
    ///
    /// # Errors
    /// The system's. The old store or the new one is in place then, and can be opened.
    pub fn finish(self, name: &str) -> Result<Option<PathBuf>, OpenError> {
        let (draft, aside) = (self.draft(), beside(&self.store, name));
        let _new_lock = directory::lock(&draft)?;
        let database = draft.join(DATABASE_FILE);
        let newest = open_copy(&database)
            .and_then(|copied| read_high_water(&copied).map_err(|error| OpenError::sqlite(&database, error)))?;
        sync(&database).and_then(|()| sync(&draft)).map_err(|error| OpenError::io(&draft, error))?;

        let of_mark = |error| OpenError::io(&self.mark, error);
        if let (None, Some(present)) = (self.marks.newest(), &self.present) {
            mark::settle(&self.mark, present).map_err(of_mark)?;
        }
        mark::begin(&self.mark, &newest).map_err(of_mark)?;
        // Under its last name first: the old store is never under the name of a draft, which the next restore removes.
        fs::rename(&draft, &aside).map_err(|error| OpenError::io(&aside, error))?;
        exchange(&self.store, &aside).map_err(|error| OpenError::io(&self.store, error))?;
        sync(parent(&self.store)).map_err(|error| OpenError::io(&self.store, error))?;
        mark::settle(&self.mark, &newest).map_err(of_mark)?;
        Ok(Some(aside).filter(|aside| !is_removed_empty(aside)))
    }

    fn make_draft(&self, from: &Path) -> Result<(), OpenError> {
        let draft = self.draft();
        match fs::remove_dir_all(&draft) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(OpenError::io(&draft, error)),
            Ok(()) | Err(_) => directory::create(&draft)?,
        }
        let database = draft.join(DATABASE_FILE);
        directory::create_file(&database)?;
        copy(from, &database)?;
        let epoch = random_epoch()?;
        let copied = open_copy(&database)?;
        let renewed = copied
            .execute("UPDATE meta SET epoch = ?1 WHERE id = 1", params![epoch])
            .and_then(|_| copied.execute_batch("DROP TABLE IF EXISTS backup"))
            .and_then(|()| index::rebuild(&copied))
            .and_then(|()| mark_as_marked(&copied));
        renewed.map_err(|error| OpenError::sqlite(&database, error))
    }
}

/// The reason why a backup is not the newest that is known: by the mark, or by the store that is there.
fn older(
    marks: &Marks,
    present: Option<&Backup>,
    backup: &Backup,
    from: &Path,
) -> Result<Option<BelowMark>, OpenError> {
    let store = backup.newest;
    let by_store = present.and_then(|present| {
        let mark = present.newest;
        if mark.cursor.epoch != store.cursor.epoch {
            return Some(BelowMark::OtherEpoch { store, mark });
        }
        let is_older = mark.cursor.revision > store.cursor.revision;
        is_older.then_some(BelowMark::Older { store, mark })
    });
    if by_store.is_some() {
        return Ok(by_store);
    }
    let connection = connect_to_look(from)?;
    let was_marked = present.is_some_and(|present| present.is_marked);
    let by_mark = mark::check(marks, Some(&store), was_marked, |number| hash_of(&connection, number));
    by_mark.map_err(|error| OpenError::sqlite(from, error))
}

/// Removes the folder of a store where nothing but its lock is in it; true when it is gone.
fn is_removed_empty(folder: &Path) -> bool {
    let names: Vec<_> =
        fs::read_dir(folder).into_iter().flatten().map(|file| file.map(|file| file.file_name())).collect();
    let is_empty = names.iter().all(|name| name.as_ref().is_ok_and(|name| name == LOCK_FILE));
    is_empty && fs::remove_dir_all(folder).is_ok()
}

/// Exchanges two folders: in one step where the file system can, otherwise in two, between which there is none.
fn exchange(store: &Path, other: &Path) -> io::Result<()> {
    match renameat_with(CWD, store, CWD, other, RenameFlags::EXCHANGE) {
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS | rustix::io::Errno::NOTSUP) => {}
        other => return Ok(other?),
    }
    let between = beside(store, "moving");
    fs::rename(store, &between)?;
    fs::rename(other, store)?;
    fs::rename(&between, other)
}

fn beside(store: &Path, name: &str) -> PathBuf {
    let mut path = store.as_os_str().to_owned();
    path.push(".");
    path.push(name);
    path.into()
}

fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new("."))
}

fn sync(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}
