//! The high-water mark: a store that went back is refused, and nothing in it is changed.

#![allow(clippy::unwrap_used, reason = "these are tests")]

use bonafide_store::conformance::row_keys;
use bonafide_store::mark::{self, BelowMark};
use bonafide_store::{Absence, Locked, Read, Store, StoreError, Table};
use bonafide_store_sqlite::{DATABASE_FILE, OpenError, SqliteEngine};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const NUMBERS: Table<u64, String> = Table::new("number", Absence::Withholds);

/// Looks at the mark until it must have been written, even on a busy machine.
const LOOKS_MAX: usize = 1_000_000;

/// A place for a store and its mark.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn store(&self) -> PathBuf {
        self.0.path().join("store")
    }

    fn mark(&self) -> PathBuf {
        self.0.path().join("mark")
    }

    fn open(&self) -> Store {
        Locked::open_marked(SqliteEngine::open_marked(&self.store(), &self.mark()).unwrap(), &self.mark())
            .unwrap()
            .unlock(row_keys())
    }

    /// As a killed process leaves it once the mark is at `revision`: it is written after the answer to a commit.
    fn copy_at(&self, revision: u64) -> Self {
        let is_there =
            || mark::read(&self.mark()).unwrap().newest().is_some_and(|mark| mark.cursor.revision.0 == revision);
        assert!(
            (0..LOOKS_MAX).any(|_| is_there() || {
                std::thread::yield_now();
                false
            }),
            "the mark is not raised"
        );
        self.copy()
    }

    /// As a killed process leaves it.
    fn copy(&self) -> Self {
        let copy = Self::new();
        copy_folder(&self.store(), &copy.store());
        fs::copy(self.mark(), copy.mark()).unwrap();
        copy
    }

    /// In its page: 32 bytes of the log's header lie before it, and 24 of the frame's.
    fn flip_a_bit_of_the_first_frame(&self) {
        let log = self.store().join("store.db-wal");
        let mut bytes = fs::read(&log).unwrap();
        bytes[32 + 24 + 100] ^= 1;
        fs::write(&log, &bytes).unwrap();
    }

    fn refused(&self) -> (BelowMark, String) {
        let files = [DATABASE_FILE, "store.db-wal"].map(|file| self.store().join(file));
        // Looking makes an empty log.
        let read = || files.each_ref().map(|file| fs::read(file).unwrap_or_default());
        let before = read();
        let error = SqliteEngine::open_marked(&self.store(), &self.mark()).err().expect("it opens");
        assert!(before == read(), "{error}: it was changed");
        let said = error.to_string();
        assert!(said.lines().count() == 1 && said.contains("bonafide restore"), "{said}");
        match error {
            OpenError::BelowMark { reason, .. } => (*reason, said),
            other => panic!("{other}"),
        }
    }
}

#[test]
fn du_05_one_bit_in_the_first_frame_of_the_log_is_noticed() {
    let place = Place::new();
    let store = place.open();
    (0..20).for_each(|n| put(&store, n));
    let copy = place.copy_at(20);
    copy.flip_a_bit_of_the_first_frame();
    // The log has everything, the schema too.
    let (reason, said) = copy.refused();
    assert!(matches!(reason, BelowMark::Empty { mark } if mark.cursor.revision.0 == 20), "{said}");
    // The same when the first commits were written into the database: the rest of the log is gone.
    drop(store);
    let store = place.open();
    (20..40).for_each(|n| put(&store, n));
    let copy = place.copy_at(40);
    copy.flip_a_bit_of_the_first_frame();
    let (reason, said) = copy.refused();
    assert!(matches!(reason, BelowMark::Older { .. }), "{said}");
    assert!(said.contains("is at revision 20 ") && said.contains("its mark at revision 40 "), "{said}");
    // The mark is what notices it.
    let engine = SqliteEngine::open(&copy.store()).unwrap();
    assert_eq!(rows(&Store::open(engine, row_keys())), 20);
}

#[test]
fn op_05_a_copy_of_the_folder_that_is_put_back_is_refused() {
    let place = Place::new();
    let store = place.open();
    (0..5).for_each(|n| put(&store, n));
    drop(store);
    let copy = place.copy();
    let store = place.open();
    let deleted: Result<(), StoreError> = store.write(|tx| tx.delete(&NUMBERS, &1));
    deleted.unwrap();
    drop(store);
    fs::remove_dir_all(place.store()).unwrap();
    copy_folder(&copy.store(), &place.store());
    let (reason, said) = place.refused();
    assert!(matches!(reason, BelowMark::Older { .. }), "{said}");
    // Without the mark, too, and as often as it is tried.
    fs::remove_file(place.mark()).unwrap();
    for _ in 0..2 {
        let (reason, said) = place.refused();
        assert!(matches!(reason, BelowMark::MarkLost { .. }), "{said}");
    }
    fs::write(place.mark(), "garbage").unwrap();
    assert!(matches!(place.refused().0, BelowMark::MarkLost { .. }));
}

#[test]
fn op_05_a_copy_that_was_written_to_without_its_mark_is_refused() {
    let place = Place::new();
    let store = place.open();
    (0..5).for_each(|n| audited(&store, n));
    drop(store);
    let copy = place.copy();
    let store = place.open();
    (5..7).for_each(|n| audited(&store, n));
    drop(store);
    // As a version before marks does.
    let store = Store::open(SqliteEngine::open(&copy.store()).unwrap(), row_keys());
    (50..90).for_each(|n| audited(&store, n));
    drop(store);
    fs::remove_dir_all(place.store()).unwrap();
    copy_folder(&copy.store(), &place.store());
    let (reason, said) = place.refused();
    assert!(matches!(reason, BelowMark::OtherHistory { number: 7 }), "{said}");
}

#[test]
fn du_05_a_store_of_the_time_before_marks_gets_one_at_its_first_start() {
    let place = Place::new();
    let store = Store::open(SqliteEngine::open(&place.store()).unwrap(), row_keys());
    (0..5).for_each(|n| put(&store, n));
    drop(store);
    for _ in 0..2 {
        assert_eq!(rows(&place.open()), 5);
        assert!(place.mark().exists());
    }
    fs::remove_file(place.mark()).unwrap();
    assert!(matches!(place.refused().0, BelowMark::MarkLost { .. }));
}

#[test]
fn du_05_a_mark_that_is_behind_its_store_is_raised_and_one_slot_is_enough() {
    let place = Place::new();
    let store = place.open();
    (0..3).for_each(|n| put(&store, n));
    let behind = fs::read(place.mark()).unwrap();
    (3..9).for_each(|n| put(&store, n));
    drop(store);
    let ahead = fs::read(place.mark()).unwrap();
    assert!(behind != ahead);
    fs::write(place.mark(), &behind).unwrap();
    drop(place.open());
    for slot in 0..2 {
        let mut bytes = fs::read(place.mark()).unwrap();
        bytes[slot * 4096 + 3] ^= 1;
        fs::write(place.mark(), &bytes).unwrap();
        assert_eq!(rows(&place.open()), 9, "slot {slot}");
    }
}

fn put(store: &Store, n: u64) {
    let put: Result<(), StoreError> = store.write(|tx| tx.put(&NUMBERS, &n, &"x".repeat(500)));
    put.unwrap();
}

fn audited(store: &Store, n: u64) {
    let put: Result<(), StoreError> = store.write(|tx| {
        tx.put(&NUMBERS, &n, &"x".repeat(500))?;
        tx.audit(n)
    });
    put.unwrap();
}

fn rows(store: &Store) -> usize {
    store.read(|tx| tx.page(&NUMBERS, &(), None, usize::MAX)).unwrap().len()
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for file in fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        // The log's index is memory that a dead process leaves behind.
        if file.file_name() != "store.db-shm" {
            fs::copy(file.path(), to.join(file.file_name())).unwrap();
        }
    }
}
