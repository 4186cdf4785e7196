//! A database in which a version from before there were descriptions of types stored secrets.

use super::damage::Directory;
use crate::backup::back_up;
use crate::control_plane::ControlPlane;
use crate::restore::restore;
use crate::row_keys::{Ring, unlock};
use crate::secrets::SecretsError;
use bonafide_core::directory::{RESOURCES, Resource};
use bonafide_http::clock;
use bonafide_store::engine::{Commit, Engine, Op};
use bonafide_store::{EngineError, Intercepted, Locked, Read, Store, Tx};
use bonafide_store_sqlite::SqliteEngine;
use bonafide_types::ResourceUuid;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicUsize, Ordering};

/// A part of all the secrets, and of nothing else.
const SECRET: &str = "hunter2";
/// A part of what stays.
const OPEN: &str = "swordfish";
/// Copies of the resources: more than are written anew in one commit.
const COPIES: usize = 300;

/// Resources by their types and names, as they were sent.
fn sent() -> [(&'static str, Value); 2] {
    [
        (
            "Microsoft.Web/sites/app",
            json!({"siteConfig": {"appSettings": [{"name": "KEY", "value": "hunter2-app"}]}, "open": OPEN}),
        ),
        ("Microsoft.KeyVault/vaults/v/secrets/s", json!({"value": "hunter2-vault", "open": OPEN})),
    ]
}

impl Directory {
    /// Stores `copies` of the resources with their secrets, which no request can do any more.
    fn store_secrets(&self, copies: usize) {
        let plane = self.open().unwrap();
        let (_, like) = plane.store.read(|tx| tx.page(&RESOURCES, &(), None, 1)).unwrap().remove(0);
        let like = serde_json::to_value(like).unwrap();
        let entropy = clock::world().entropy;
        let above = "/subscriptions/72f988bf-86f1-41af-91ab-2d7cd011db47/resourceGroups";
        let rows = (0..copies).flat_map(|n| sent().map(|(id, properties)| (n, id, properties)));
        let rows: Vec<(ResourceUuid, Resource)> = rows
            .map(|(n, id, properties)| {
                let mut row = like.clone();
                row["id"] = format!("{above}/g{n}/providers/{id}").into();
                row["body"] = json!({"location": "westeurope", "properties": properties});
                (ResourceUuid::random(entropy), serde_json::from_value(row).unwrap())
            })
            .collect();
        for some in rows.chunks(256) {
            let put = |tx: &mut Tx<'_>| some.iter().try_for_each(|(key, row)| tx.put(&RESOURCES, key, row));
            plane.store.write(put).unwrap();
        }
    }

    /// Tells how often a text is in the files of the database.
    fn count(&self, text: &str) -> usize {
        let read = |file| std::fs::read(self.files.store().join(file)).unwrap_or_default();
        let bytes = ["store.db", "store.db-wal"].map(read).concat();
        bytes.windows(text.len()).filter(|part| *part == text.as_bytes()).count()
    }
}

impl Directory {
    /// Has the store know nothing of secrets, as one of a version that gave it MACs and had no descriptions.
    fn forget_cleaning(&self) {
        let kek = self.files.key(false).unwrap();
        let (key, sealed) = self.stored().into_iter().find(|(key, _)| key.starts_with(b"row-keys\0")).unwrap();
        let mut ring = Ring::open(&kek, &sealed).unwrap();
        ring.without_secrets = None;
        self.commit(vec![Op::Put { key, value: ring.sealed(&kek, None).unwrap() }]);
    }

    /// Opens the store on a disk that is full, or in a process that ends after so many commits.
    fn open_store(&self, commits: usize, is_full: bool) -> Result<Store, SecretsError> {
        let made = AtomicUsize::new(0);
        let commit = move |engine: &SqliteEngine, batch: &[Commit]| {
            if is_full && batch.iter().any(|commit| !commit.may_use_reserve) {
                return Err(EngineError::Full("no space".to_owned()));
            }
            if made.fetch_add(1, Ordering::Relaxed) < commits {
                return engine.commit(batch);
            }
            Err(EngineError::Io("the process ended".to_owned()))
        };
        unlock(Locked::new(Intercepted { engine: self.engine(), commit }), &self.files.key(false).unwrap())
    }
}

#[test]
fn tn_04_an_old_store_has_no_secret_in_its_files_after_its_first_start() {
    let directory = Directory::new();
    directory.store_secrets(COPIES);
    directory.strip();
    assert!(directory.count(SECRET) >= 2 * COPIES);
    drop(directory.open().unwrap());
    assert_eq!((directory.count(SECRET), directory.count(OPEN)), (0, 2 * COPIES));
}

#[test]
fn tn_04_a_store_of_a_version_that_knew_fewer_secrets_loses_them_and_is_written_no_more() {
    let directory = Directory::new();
    directory.store_secrets(COPIES);
    let versions = |plane: &ControlPlane| -> Vec<(ResourceUuid, u64)> {
        let rows = plane.store.read(|tx| tx.page(&RESOURCES, &(), None, usize::MAX)).unwrap();
        rows.into_iter().map(|(key, row)| (key, row.version)).collect()
    };
    let before = versions(&directory.open().unwrap());
    directory.forget_cleaning();
    let plane = directory.open().unwrap();
    assert_eq!((versions(&plane), plane.store.damaged().count), (before, 0));
    assert!(plane.store.troubles().is_empty());
    let head = plane.store.head().unwrap();
    drop(plane);
    assert_eq!((directory.count(SECRET), directory.count(OPEN)), (0, 2 * COPIES));
    let again = directory.open().unwrap();
    assert_eq!(again.store.head().unwrap(), head);
}

#[test]
fn tn_04_a_start_that_ends_at_any_commit_leaves_the_rest_to_the_next() {
    for has_macs in [false, true] {
        let directory = Directory::new();
        directory.store_secrets(COPIES);
        if has_macs {
            directory.forget_cleaning()
        } else {
            directory.strip()
        }
        let starts = (1..100).find(|_| directory.open_store(1, false).is_ok());
        assert!(starts.is_some_and(|starts| starts > 2), "{starts:?}");
        assert_eq!((directory.count(SECRET), directory.count(OPEN)), (0, 2 * COPIES));
        assert_eq!(directory.open().unwrap().store.damaged().count, 0);
    }
}

#[test]
fn tn_04_an_old_backup_that_is_restored_has_no_secret() {
    let directory = Directory::new();
    directory.store_secrets(1);
    directory.strip();
    let backup = directory.folder.path().join("backup");
    back_up(&directory.files, &backup).unwrap();
    std::fs::remove_file(directory.files.mark()).unwrap();
    restore(&directory.files, &backup, true).unwrap();
    assert_eq!((directory.count(SECRET), directory.count(OPEN)), (0, 2));
}

#[test]
fn au_05_a_start_on_a_full_disk_leaves_old_secrets_to_the_next_and_says_so() {
    let directory = Directory::new();
    directory.store_secrets(1);
    directory.forget_cleaning();
    let store = directory.open_store(usize::MAX, true).unwrap();
    let said = store.troubles().iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
    assert!(said.starts_with("secrets that an older version stored are still in the database"), "{said}");
    drop(store);
    assert!(directory.count(SECRET) >= 2);
    assert!(directory.open().unwrap().store.troubles().is_empty());
    assert_eq!((directory.count(SECRET), directory.count(OPEN)), (0, 2));
}
