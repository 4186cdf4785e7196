//! The writes that reach the disk, and the effects of a full or failing disk. SIGKILL cannot show that a commit was
//! synced, because the system keeps the writes of a dead process; so writes and syncs are counted, by a library that
//! is loaded into a child before the C library (needs `cc`).

#![allow(clippy::unwrap_used, reason = "these are tests")]
#![allow(clippy::disallowed_methods, reason = "children, at random moments, are what is tested")]

mod support;

use bonafide_store::Intercepted;
use bonafide_store::conformance::row_keys;
use bonafide_store::engine::{Commit, Engine};
use bonafide_store::{Absence, EngineError, Read, Revision, Store, StoreError, Table, Trouble};
use bonafide_store_sqlite::{SqliteEngine, Tuning};
use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tempfile::TempDir;

const CONTROL: &str = "BONAFIDE_TEST_DISK_CONTROL";
const SYNCHRONOUS: &str = "BONAFIDE_TEST_SYNCHRONOUS";
const ROWS: Table<(u64, u64), String> = Table::new("row", Absence::Withholds);

#[test]
fn du_02_every_acknowledged_commit_was_synced() {
    const NAME: &str = "du_02_every_acknowledged_commit_was_synced";
    const COMMITS: u64 = 50;
    if let Some(dir) = support::child_directory() {
        let store = Store::open(SqliteEngine::open_with(&dir, tuning()).unwrap(), row_keys());
        let disk = Disk::of_child();
        let mut unsynced = 0;
        for n in 0..COMMITS {
            let before = disk.syncs();
            put(&store, 0, n).unwrap();
            unsynced += u64::from(disk.syncs() == before || disk.unsynced() > 0);
        }
        return say(&format!("unsynced {unsynced}"));
    }
    let said = |synchronous| in_child(NAME, &TempDir::new().unwrap(), synchronous);
    assert_eq!(said("full"), "unsynced 0");
    // The check bites: without syncs it finds every commit.
    assert_eq!(said("off"), format!("unsynced {COMMITS}"));
}

#[test]
fn du_02_every_batch_of_concurrent_commits_was_synced() {
    const NAME: &str = "du_02_every_batch_of_concurrent_commits_was_synced";
    const WRITERS: u64 = 16;
    const COMMITS: u64 = 50;
    if let Some(dir) = support::child_directory() {
        let engine = SqliteEngine::open_with(&dir, tuning()).unwrap();
        let batches = Arc::new(AtomicU64::new(0));
        let store = Store::open(counted(engine, Arc::clone(&batches)), row_keys());
        let disk = Disk::of_child();
        let before = disk.syncs();
        std::thread::scope(|scope| {
            for writer in 0..WRITERS {
                let store = &store;
                scope.spawn(move || (0..COMMITS).for_each(|n| put(store, writer, n).unwrap()));
            }
        });
        let batches = batches.load(Ordering::SeqCst);
        let synced = disk.syncs() - before >= batches && disk.unsynced() == 0;
        let shared = batches < WRITERS * COMMITS;
        return say(&format!("synced {synced}, shared {shared}"));
    }
    let said = |synchronous| in_child(NAME, &TempDir::new().unwrap(), synchronous);
    assert_eq!(said("full"), "synced true, shared true");
    assert_eq!(said("off"), "synced false, shared true");
}

#[test]
fn du_04_a_full_disk_is_a_clean_error_and_writing_goes_on_when_there_is_space() {
    const NAME: &str = "du_04_a_full_disk_is_a_clean_error_and_writing_goes_on_when_there_is_space";
    if let Some(dir) = support::child_directory() {
        let store = Store::open(SqliteEngine::open(&dir).unwrap(), row_keys());
        let disk = Disk::of_child();
        for round in 0..3 {
            put(&store, round, 0).unwrap();
            disk.set_full(true);
            for n in 1..4 {
                let error = put(&store, round, n).unwrap_err();
                assert!(matches!(error, StoreError::Engine(EngineError::Full(_))), "{error}");
                assert_eq!(rows(&store, round), [0], "what is stored can be read");
            }
            disk.set_full(false);
            put(&store, round, 4).unwrap();
            assert_eq!(rows(&store, round), [0, 4]);
        }
        return say("as it should be");
    }
    let dir = TempDir::new().unwrap();
    assert_eq!(in_child(NAME, &dir, "full"), "as it should be");
    let store = Store::open(SqliteEngine::open(dir.path()).unwrap(), row_keys());
    (0..3).for_each(|round| assert_eq!(rows(&store, round), [0, 4]));
    assert_eq!(store.head().unwrap().revision, Revision(6));
}

/// Every sync in turn: of the log and of the database, which a checkpoint syncs.
#[test]
fn du_03_after_a_failed_sync_nothing_is_written_until_a_restart_has_emptied_the_log() {
    const NAME: &str = "du_03_after_a_failed_sync_nothing_is_written_until_a_restart_has_emptied_the_log";
    const SYNCS: u64 = 30;
    const COMMITS: u64 = 60;
    if let Some(dir) = support::child_directory() {
        let disk = Disk::of_child();
        let mut failed = 0;
        for nth in 1..=SYNCS {
            let dir = dir.join(nth.to_string());
            let tuning = Tuning { checkpoint_pages: 8, ..Tuning::default() };
            let store = Store::open(SqliteEngine::open_with(&dir, tuning).unwrap(), row_keys());
            put(&store, 0, 0).unwrap();
            disk.fail_sync(nth);
            let mut acknowledged = vec![0];
            let mut refused = 0;
            for n in 1..COMMITS {
                let (writes, is_stopped) = (disk.writes(), disk.failed() > failed);
                match put(&store, 0, n) {
                    Ok(()) if is_stopped => panic!("sync {nth} failed, and commit {n} was acknowledged"),
                    Ok(()) => acknowledged.push(n),
                    Err(StoreError::Engine(EngineError::OutcomeUnknown(_))) if !is_stopped => {}
                    Err(StoreError::Engine(EngineError::Stopped(_))) if is_stopped => {
                        refused += 1;
                        assert_eq!(disk.writes(), writes, "sync {nth} failed, and something was written");
                    }
                    Err(error) => panic!("sync {nth}, commit {n}: {error}"),
                }
            }
            failed += 1;
            assert_eq!((disk.failed(), refused > 0), (failed, true), "sync {nth}");
            assert!(matches!(store.troubles()[..], [Trouble::WritesStopped(_)]), "{:?}", store.troubles());
            assert!(acknowledged.iter().all(|n| rows(&store, 0).contains(n)), "what is stored can be read");
            drop(store);
            let log = dir.join("store.db-wal");
            assert!(log.metadata().unwrap().len() > 0, "closing touches nothing");
            let store = Store::open(SqliteEngine::open_with(&dir, tuning).unwrap(), row_keys());
            assert_eq!(log.metadata().unwrap().len(), 0, "a start empties the log first");
            assert!(acknowledged.iter().all(|n| rows(&store, 0).contains(n)), "sync {nth}");
            assert!(store.troubles().is_empty());
            put(&store, 0, COMMITS).unwrap();
        }
        return say("as it should be");
    }
    assert_eq!(in_child(NAME, &TempDir::new().unwrap(), "full"), "as it should be");
}

/// Counts the batches of which something was committed.
fn counted(engine: SqliteEngine, batches: Arc<AtomicU64>) -> impl Engine {
    let commit = move |engine: &SqliteEngine, batch: &[Commit]| {
        let verdicts = engine.commit(batch)?;
        let changed = verdicts.iter().any(|verdict| verdict.revision().is_some());
        batches.fetch_add(u64::from(changed), Ordering::SeqCst);
        Ok(verdicts)
    };
    Intercepted { engine, commit }
}

fn put(store: &Store, writer: u64, n: u64) -> Result<(), StoreError> {
    store.write(|tx| tx.put(&ROWS, &(writer, n), &"x".repeat(2000)))
}

fn rows(store: &Store, writer: u64) -> Vec<u64> {
    let rows = store.read(|tx| tx.page(&ROWS, &writer, None, usize::MAX)).unwrap();
    rows.into_iter().map(|((_, n), _)| n).collect()
}

/// Runs a test in a child with the library, and gives what it says.
fn in_child(test: &str, dir: &TempDir, synchronous: &str) -> String {
    let library = library(dir.path());
    let control = dir.path().join("disk-control");
    std::fs::write(&control, [0; 48]).unwrap();
    let mut child = support::child(test, dir.path());
    child.env("LD_PRELOAD", library).env(CONTROL, control).env(SYNCHRONOUS, synchronous);
    let output = child.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    text.lines().find_map(|line| line.strip_prefix("child: ")).expect("the child says nothing").to_owned()
}

/// Begins a line: the test harness leaves its own unfinished.
fn say(text: &str) {
    std::io::stdout().write_all(format!("\nchild: {text}\n").as_bytes()).unwrap();
}

fn tuning() -> Tuning {
    Tuning { synced: std::env::var(SYNCHRONOUS).unwrap() != "off", ..Tuning::default() }
}

fn library(dir: &Path) -> PathBuf {
    let library = dir.join("disk.so");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/disk.c");
    let cc = Command::new("cc").args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library).arg(source).status();
    assert!(cc.expect("this test needs a C compiler, `cc`").success());
    library
}

/// The child's end of `struct control` in `support/disk.c`.
struct Disk(File);

impl Disk {
    fn of_child() -> Self {
        let path = std::env::var_os(CONTROL).unwrap();
        Self(File::options().read(true).write(true).open(path).unwrap())
    }

    fn syncs(&self) -> u64 {
        self.field(0)
    }

    fn unsynced(&self) -> u64 {
        self.field(1)
    }

    fn set_full(&self, full: bool) {
        self.set(2, u64::from(full));
    }

    /// Has the n-th sync from now on fail.
    fn fail_sync(&self, nth: u64) {
        self.set(3, nth);
    }

    fn writes(&self) -> u64 {
        self.field(4)
    }

    fn failed(&self) -> u64 {
        self.field(5)
    }

    fn field(&self, at: u64) -> u64 {
        let mut bytes = [0; 8];
        self.0.read_exact_at(&mut bytes, 8 * at).unwrap();
        u64::from_ne_bytes(bytes)
    }

    fn set(&self, at: u64, value: u64) {
        self.0.write_all_at(&value.to_ne_bytes(), 8 * at).unwrap();
    }
}
