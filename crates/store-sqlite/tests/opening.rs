//! Opening a data directory: whose it is, and what is refused.

#![allow(clippy::unwrap_used, reason = "these are tests")]
#![allow(clippy::disallowed_methods, reason = "children, at random moments, are what is tested")]

mod support;

use bonafide_store::conformance::row_keys;
use bonafide_store::engine::Engine;
use bonafide_store::{Absence, EngineError, Read, Store, StoreError, Table};
use bonafide_store_sqlite::{DATABASE_FILE, OpenError, Restoring, SqliteEngine, copy_store};
use rusqlite::Connection;
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const NUMBERS: Table<u64, String> = Table::new("number", Absence::Withholds);

#[test]
fn a_second_process_on_the_same_directory_is_refused() {
    if let Some(dir) = support::child_directory() {
        let said = SqliteEngine::open(&dir).err().map_or("opened".to_owned(), |error| error.to_string());
        return std::io::stdout().write_all(format!("\n{said}\n").as_bytes()).unwrap();
    }
    let dir = TempDir::new().unwrap();
    let second = || {
        let name = "a_second_process_on_the_same_directory_is_refused";
        let output = support::child(name, dir.path()).output().unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stdout).unwrap()
    };
    let first = SqliteEngine::open(dir.path()).unwrap();
    let said = second();
    assert!(said.contains("is in use by another process; stop that one first"), "{said}");
    assert!(matches!(SqliteEngine::open(dir.path()), Err(OpenError::InUse { .. })));
    drop(first);
    assert!(second().contains("opened"));
}

#[test]
fn only_the_owner_can_read_a_store() {
    let parent = TempDir::new().unwrap();
    let dir = parent.path().join("new").join("data");
    let store = filled(&dir);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&dir), mode(dir.parent().unwrap())), (0o700, 0o700));
    let files: Vec<PathBuf> = fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 5, "database, log, index of the log, lock, reserve: {files:?}");
    files.iter().for_each(|file| assert_eq!(mode(file), 0o600, "{}", file.display()));
    drop(store);
}

#[test]
fn op_03_a_format_from_the_future_is_refused_and_left_alone() {
    let dir = TempDir::new().unwrap();
    drop(filled(dir.path()));
    let path = dir.path().join(DATABASE_FILE);
    // The other tables may be anything that a newer program makes of them.
    let change = "UPDATE meta SET format = 3; ALTER TABLE log RENAME TO history; DROP TABLE commits;";
    Connection::open(&path).unwrap().execute_batch(change).unwrap();
    let error = refused_and_unchanged(dir.path());
    assert!(matches!(error, OpenError::NewerFormat { found: 3, known: 2, .. }), "{error}");
    let said = error.to_string();
    assert!(said.contains("a newer version of the program wrote it; start that version"), "{said}");
}

#[test]
fn op_03_an_older_format_is_raised_so_that_older_programs_refuse_it_by_name() {
    let dir = TempDir::new().unwrap();
    drop(filled(dir.path()));
    let database = || Connection::open(dir.path().join(DATABASE_FILE)).unwrap();
    database().execute_batch("UPDATE meta SET format = 1").unwrap();
    drop(SqliteEngine::open(dir.path()).unwrap());
    let format: i64 = database().query_row("SELECT format FROM meta", [], |row| row.get(0)).unwrap();
    assert_eq!(format, 2);
}

#[test]
fn a_damaged_database_is_refused_and_left_alone() {
    type Damage = fn(&Path);
    let damages: [(&str, Damage); 9] = [
        ("not a database", |path| fs::write(path, "dear diary".repeat(100)).unwrap()),
        ("a few bytes", |path| fs::write(path, "SQLite format 3\0").unwrap()),
        ("half its length", |path| cut(path, fs::metadata(path).unwrap().len() / 2)),
        ("its last page gone", |path| cut(path, fs::metadata(path).unwrap().len() - 4096)),
        ("another magic", |path| overwrite(path, 0, b"sqlite FORMAT 3\0")),
        ("another page size", |path| overwrite(path, 16, &[0x77, 0x77])),
        ("no schema", |path| overwrite(path, 100, &[0; 3996])),
        ("a trigger", |path| {
            let undo = "CREATE TRIGGER undo AFTER DELETE ON kv BEGIN INSERT INTO kv VALUES (old.id, old.key, 1, old.value); END";
            Connection::open(path).unwrap().execute_batch(undo).unwrap();
        }),
        ("a counter set back", |path| {
            Connection::open(path).unwrap().execute("UPDATE meta SET revision = 1", []).map(drop).unwrap();
        }),
    ];
    for (name, damage) in damages {
        let dir = TempDir::new().unwrap();
        drop(filled(dir.path()));
        damage(&dir.path().join(DATABASE_FILE));
        let error = refused_and_unchanged(dir.path());
        assert!(matches!(error, OpenError::Damaged { .. }), "{name}: {error}");
        assert!(error.to_string().contains("it was left as it is: restore a backup"), "{name}: {error}");
    }
}

#[test]
fn du_05_a_row_that_the_index_lost_is_noticed_and_the_index_can_be_made_again() {
    let dir = TempDir::new().unwrap();
    let store_dir = dir.path().join("store");
    let store = Store::open(SqliteEngine::open(&store_dir).unwrap(), row_keys());
    (0..ROWS).for_each(|key| put(&store, key));
    drop(store);
    let path = store_dir.join(DATABASE_FILE);
    let whole = fs::read(&path).unwrap();
    let root = "SELECT rootpage FROM sqlite_schema WHERE name = 'sqlite_autoindex_kv_1'";
    let root: i64 = Connection::open(&path).unwrap().query_row(root, [], |row| row.get(0)).unwrap();
    let root = usize::try_from(root).unwrap();
    let page = (root - 1) * 4096..root * 4096;
    // Each byte of its header, its pointers and its entries.
    let used: Vec<usize> = page.filter(|at| whole[*at] != 0).collect();
    assert!(used.len() > 8 * ROWS as usize);
    let mut vanished = 0;
    for at in used {
        let mut changed = whole.clone();
        changed[at] ^= 1 << (at % 8);
        fs::write(&path, &changed).unwrap();
        match SqliteEngine::open(&store_dir) {
            Ok(engine) => {
                let store = Store::open(engine, row_keys());
                (0..ROWS).for_each(|key| assert!(has(&store, key), "byte {at}: row {key} vanished"));
            }
            Err(error) => {
                assert!(matches!(error, OpenError::Damaged { .. }), "byte {at}: {error}");
                vanished += usize::from(error.to_string().contains("rows and their index differ"));
            }
        }
        for leftover in ["store.db-wal", "store.db-shm"] {
            let _ = fs::remove_file(store_dir.join(leftover));
        }
    }
    assert!(vanished > 0);

    // The first byte of a key.
    let mut changed = whole;
    let (at, _) =
        changed.windows(7).enumerate().skip((root - 1) * 4096).find(|(_, part)| *part == b"number\0").unwrap();
    changed[at] ^= 1;
    fs::write(&path, &changed).unwrap();
    let said = refused_and_unchanged(&store_dir).to_string();
    assert!(said.contains(&format!("`bonafide restore --accept-older {}`", path.display())), "{said}");
    let copy = dir.path().join("copy");
    assert!(matches!(copy_store(&path, &copy, 1), Err(OpenError::Damaged { .. })));
    let restoring = Restoring::prepare(&store_dir, &dir.path().join("mark"), &path).unwrap();
    restoring.finish("before").unwrap();
    let store = Store::open(SqliteEngine::open(&store_dir).unwrap(), row_keys());
    (0..ROWS).for_each(|key| assert!(has(&store, key), "row {key}"));
}

#[test]
fn op_05_a_schema_that_is_not_exactly_that_of_a_store_is_refused() {
    let columns = "id INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, revision INTEGER NOT NULL, value BLOB NOT NULL";
    let kv = |columns: &str| {
        let copy = "INSERT INTO kv(id, key, revision, value) SELECT id, key, revision, value FROM old; DROP TABLE old;";
        format!("ALTER TABLE kv RENAME TO old; CREATE TABLE kv({columns}); {copy}")
    };
    for change in [
        kv(&format!("{columns}, more INT GENERATED ALWAYS AS (length(value))")),
        kv(&format!("{columns}, CHECK (revision < 1000000)")),
        kv(&columns.replace("UNIQUE", "COLLATE NOCASE UNIQUE")),
        kv(&columns.replace("revision INTEGER NOT NULL", "revision INTEGER NOT NULL ON CONFLICT IGNORE")),
        "CREATE TABLE junk(a)".to_owned(),
        "CREATE TABLE backup(made_at INTEGER NOT NULL, more)".to_owned(),
        "CREATE INDEX slow ON kv(value)".to_owned(),
        "CREATE VIEW junk AS SELECT 1".to_owned(),
        "DROP TABLE commits".to_owned(),
    ] {
        let dir = TempDir::new().unwrap();
        let (store_dir, backup) = (dir.path().join("store"), dir.path().join("backup"));
        drop(filled(&store_dir));
        copy_store(&store_dir.join(DATABASE_FILE), &backup, 1).unwrap();
        for file in [&backup, &store_dir.join(DATABASE_FILE)] {
            let changed = Connection::open(file).unwrap();
            let change = if *file == backup {
                change.replace("CREATE TABLE backup", "DROP TABLE backup; CREATE TABLE backup")
            } else {
                change.clone()
            };
            changed.execute_batch(&change).unwrap();
        }
        let error = refused_and_unchanged(&store_dir);
        assert!(matches!(error, OpenError::Damaged { .. }), "{change}: {error}");
        let error = Restoring::prepare(&dir.path().join("other"), &dir.path().join("mark"), &backup).err();
        assert!(matches!(error, Some(OpenError::Damaged { .. })), "{change}: {error:?}");
    }
}

#[test]
fn a_database_of_another_program_is_refused_and_left_alone() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join(DATABASE_FILE);
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE recipes(name)").unwrap();
    let error = refused_and_unchanged(dir.path());
    assert!(error.to_string().contains("it is a database of another program"), "{error}");
}

#[test]
fn a_database_whose_making_was_cut_short_is_made_again() {
    let (dir, other) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let unfinished = Connection::open(other.path().join(DATABASE_FILE)).unwrap();
    // More than its cache holds, so that pages and what undoes them are on disk before the commit.
    let rows = "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 100)
        INSERT INTO t SELECT randomblob(1000) FROM n";
    unfinished.execute_batch(&format!("PRAGMA cache_size = 2; BEGIN; CREATE TABLE t(x); {rows}")).unwrap();
    for file in ["store.db", "store.db-journal"] {
        assert!(fs::copy(other.path().join(file), dir.path().join(file)).unwrap() > 0);
    }
    drop(filled(dir.path()));
}

#[test]
fn damage_inside_is_an_error_and_never_data() {
    let dir = TempDir::new().unwrap();
    drop(filled(dir.path()));
    let path = dir.path().join(DATABASE_FILE);
    let pages = fs::metadata(&path).unwrap().len() / 4096;
    // Everything from the eighth page on, except the last of each table: rows, mostly.
    (8..pages - 8).for_each(|page| overwrite(&path, page * 4096, &[0xA5; 64]));
    match SqliteEngine::open(dir.path()) {
        Ok(engine) => {
            let error = engine.snapshot().unwrap().range(b"", None, usize::MAX).unwrap_err();
            assert!(matches!(error, EngineError::Damaged(_)), "{error}");
            let said = error.to_string();
            assert!(said.contains(path.to_str().unwrap()) && said.contains("restore a backup"), "{said}");
        }
        Err(error) => assert!(matches!(error, OpenError::Damaged { .. }), "{error}"),
    }
}

/// Rows of which the index has one page.
const ROWS: u64 = 12;

fn put(store: &Store, key: u64) {
    let put: Result<(), StoreError> = store.write(|tx| tx.put(&NUMBERS, &key, &"x".repeat(10)));
    put.unwrap();
}

fn has(store: &Store, key: u64) -> bool {
    store.read(|tx| tx.get(&NUMBERS, &key)).unwrap().is_some()
}

/// A store with enough rows for a few dozen pages.
fn filled(dir: &Path) -> Store {
    let store = Store::open(SqliteEngine::open(dir).unwrap(), row_keys());
    for key in 0..100 {
        let put: Result<(), StoreError> = store.write(|tx| tx.put(&NUMBERS, &key, &"x".repeat(1000)));
        put.unwrap();
    }
    assert_eq!(store.read(|tx| tx.page(&NUMBERS, &(), None, usize::MAX)).unwrap().len(), 100);
    store
}

fn refused_and_unchanged(dir: &Path) -> OpenError {
    let path = dir.join(DATABASE_FILE);
    let before = fs::read(&path).unwrap();
    let error = SqliteEngine::open(dir).err().expect("it opens");
    assert!(fs::read(&path).unwrap() == before, "{error}: it was changed");
    error
}

fn cut(path: &Path, bytes: u64) {
    fs::OpenOptions::new().write(true).open(path).unwrap().set_len(bytes).unwrap();
}

fn overwrite(path: &Path, at: u64, bytes: &[u8]) {
    use std::os::unix::fs::FileExt;
    fs::OpenOptions::new().write(true).open(path).unwrap().write_all_at(bytes, at).unwrap();
}
