//! A full disk: what takes something away is written from the reserve, and so is what a start needs. On a disk of 16 MB
//! of its own, which ends with the child that mounted it (needs root, `unshare` and `mkfs.ext4`).

#![allow(clippy::unwrap_used, reason = "these are tests")]
#![allow(clippy::disallowed_methods, reason = "children are what is tested")]

mod support;

use bonafide_store::conformance::row_keys;
use bonafide_store::{Absence, Cleaning, EngineError, Locked, Read, Store, StoreError, Table, Trouble};
use bonafide_store_sqlite::{OpenError, SqliteEngine};
use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

const ROWS: Table<u64, String> = Table::new("row", Absence::Withholds);
const COUNT: u64 = 60;

#[test]
fn au_05_on_a_full_disk_everything_can_be_deleted_and_nothing_else_is_written() {
    const NAME: &str = "au_05_on_a_full_disk_everything_can_be_deleted_and_nothing_else_is_written";
    let Some(disk) = on_small_disk(NAME) else { return };
    let store_dir = disk.join("store");
    let store = Store::open(SqliteEngine::open(&store_dir).unwrap(), row_keys());
    (0..COUNT).for_each(|n| put(&store, n).unwrap());
    fill(&disk);
    let is_full = |result: Result<(), StoreError>| {
        assert!(matches!(result, Err(StoreError::Engine(EngineError::Full(_)))), "{result:?}");
    };
    // Until the log, which is as long as it was, is full as well.
    let written = (COUNT..).take_while(|n| put(&store, *n).is_ok()).count() as u64;
    is_full(put(&store, 1_000));
    // The reserve is whole: the refusal tells.
    assert_eq!(store.troubles(), [Trouble::DeletionsOnly]);
    store.upkeep();
    assert_eq!(store.troubles(), [Trouble::DeletionsOnly], "there is no more space than before");
    for n in 0..COUNT / 2 {
        delete(&store, n).unwrap();
        changed_to_take_away(&store, COUNT - 1).unwrap();
        is_full(put(&store, 1_000));
    }
    // A start, and the other half.
    drop(store);
    fill(&disk);
    let store = Store::open(SqliteEngine::open(&store_dir).unwrap(), row_keys());
    fill(&disk);
    (COUNT / 2..COUNT).for_each(|n| delete(&store, n).unwrap());
    assert_eq!(rows(&store), written);
    is_full(put(&store, 1_000));
    assert_eq!(store.troubles(), [Trouble::DeletionsOnly]);
    fs::remove_file(disk.join("filler")).unwrap();
    store.upkeep();
    assert!(store.troubles().is_empty());
    put(&store, 1_000).unwrap();
}

/// As much is written as the reserve has many times over.
#[test]
fn au_05_on_a_full_disk_the_log_is_used_again_and_takes_no_more_of_the_reserve() {
    const NAME: &str = "au_05_on_a_full_disk_the_log_is_used_again_and_takes_no_more_of_the_reserve";
    let Some(disk) = on_small_disk(NAME) else { return };
    let store_dir = disk.join("store");
    let open = || Store::open(SqliteEngine::open(&store_dir).unwrap(), row_keys());
    let store = open();
    (0..COUNT).for_each(|n| put(&store, n).unwrap());
    // The log is empty after it.
    drop(store);
    let store = open();
    fill(&disk);
    for n in 0..600 {
        let taken_away = store.write(|tx| tx.put_from_reserve(&ROWS, &(n % COUNT), &"y".repeat(20_000)));
        taken_away.unwrap_or_else(|error| panic!("after {n}: {error}"));
    }
    let left = fs::metadata(store_dir.join("reserve")).unwrap().len();
    assert!(left >= 6 * 1024 * 1024, "{left} bytes are left");
    drop(store);
    fill(&disk);
    (0..COUNT).for_each(|n| delete(&open(), n).unwrap());
}

#[test]
fn au_05_a_start_that_has_no_room_to_write_all_anew_writes_nothing() {
    const NAME: &str = "au_05_a_start_that_has_no_room_to_write_all_anew_writes_nothing";
    let Some(disk) = on_small_disk(NAME) else { return };
    let store_dir = disk.join("store");
    let store = Store::open(SqliteEngine::open(&store_dir).unwrap(), row_keys());
    (0..COUNT).for_each(|n| put(&store, n).unwrap());
    drop(store);
    let locked = Locked::new(SqliteEngine::open(&store_dir).unwrap());
    let cleaning = Cleaning::new(&ROWS, |row: &mut String| !std::mem::take(row).is_empty());
    let result = locked.clean_rows(&row_keys(), &cleaning, b"done");
    assert!(matches!(result, Err(StoreError::Engine(EngineError::Full(_)))), "{result:?}");
    assert_eq!(fs::metadata(store_dir.join("store.db-wal")).unwrap().len(), 0);
    let store = locked.unlock(row_keys());
    assert_eq!(rows(&store), COUNT);
    put(&store, 0).unwrap();
}

#[test]
fn au_05_a_killed_store_opens_on_a_full_disk() {
    const NAME: &str = "au_05_a_killed_store_opens_on_a_full_disk";
    let Some(disk) = on_small_disk(NAME) else { return };
    let store_dir = disk.join("store");
    let store = Store::open(SqliteEngine::open(&store_dir).unwrap(), row_keys());
    (0..COUNT).for_each(|n| put(&store, n).unwrap());
    let copy = disk.join("copy");
    fs::create_dir(&copy).unwrap();
    for file in ["store.db", "store.db-wal", "reserve"] {
        fs::copy(store_dir.join(file), copy.join(file)).unwrap_or_else(|_| {
            // The reserve has no room twice.
            File::create(copy.join(file)).unwrap().set_len(0).unwrap();
            0
        });
    }
    drop(store);
    fs::rename(store_dir.join("reserve"), copy.join("reserve")).unwrap();
    fs::remove_dir_all(&store_dir).unwrap();
    fill(&disk);
    // The check bites.
    fs::rename(copy.join("reserve"), disk.join("hidden")).unwrap();
    let error = SqliteEngine::open(&copy).err().expect("it opens without a reserve");
    assert!(matches!(error, OpenError::Full { .. }), "{error}");
    fs::rename(disk.join("hidden"), copy.join("reserve")).unwrap();
    let store = Store::open(SqliteEngine::open(&copy).unwrap(), row_keys());
    assert_eq!(rows(&store), COUNT);
    fill(&disk);
    (0..COUNT).for_each(|n| delete(&store, n).unwrap());
}

fn put(store: &Store, n: u64) -> Result<(), StoreError> {
    store.write(|tx| tx.put(&ROWS, &n, &"x".repeat(20_000)))
}

fn delete(store: &Store, n: u64) -> Result<(), StoreError> {
    store.write(|tx| tx.delete(&ROWS, &n))
}

fn changed_to_take_away(store: &Store, n: u64) -> Result<(), StoreError> {
    store.write(|tx| tx.put_from_reserve(&ROWS, &n, &"disabled".to_owned()))
}

fn rows(store: &Store) -> u64 {
    store.read(|tx| tx.page(&ROWS, &(), None, usize::MAX)).unwrap().len() as u64
}

/// Takes all the space that is left, also what the file system had put aside for the file and gives back when it is closed.
fn fill(disk: &Path) {
    let bytes_before = fs::metadata(disk.join("filler")).map_or(0, |filler| filler.len());
    let mut filler = File::options().append(true).create(true).open(disk.join("filler")).unwrap();
    for bytes in [65_536, 4_096] {
        loop {
            match filler.write_all(&vec![1; bytes]).and_then(|()| filler.sync_all()) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::StorageFull => break,
                Err(error) => panic!("{error}"),
            }
        }
    }
    drop(filler);
    if fs::metadata(disk.join("filler")).unwrap().len() > bytes_before + 4_096 {
        fill(disk);
    }
}

/// In the child, the mounted disk; in the parent, which has then seen the child end well, nothing.
fn on_small_disk(test: &str) -> Option<std::path::PathBuf> {
    if let Some(disk) = support::child_directory() {
        return Some(disk);
    }
    let dir = TempDir::new().unwrap();
    let mounted = "truncate -s 16M disk && mkfs.ext4 -q -m 0 disk && mkdir mounted && mount -o loop disk mounted";
    let can_mount = Command::new("unshare").args(["-m", "sh", "-c", mounted]).current_dir(dir.path()).output();
    if !can_mount.is_ok_and(|output| output.status.success()) {
        std::io::stderr().write_all(b"skipped: no disk can be mounted here\n").unwrap();
        return None;
    }
    let child = support::child(test, &dir.path().join("mounted"));
    let mut command = Command::new("unshare");
    command.args(["-m", "sh", "-c", "mount -o loop disk mounted && exec \"$0\" \"$@\""]);
    command.arg(child.get_program()).args(child.get_args()).current_dir(dir.path());
    command.envs(child.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let output = command.output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&text));
    None
}
