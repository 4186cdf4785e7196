//! A data directory whose database was changed while nothing ran: by damage, or by a hand.

use crate::background::follow::tell_damage;
use crate::backup::back_up;
use crate::control_plane::{ControlPlane, OpenControlPlaneError, OwnAuthority, open_store};
use crate::files::PlaneFiles;
use crate::first_start::first_start;
use crate::installation::INSTALLATION;
use crate::lanes::Lanes;
use crate::listener::PlaneListener;
use crate::origin::Origin;
use crate::restore::{RestoreError, restore};
use crate::row_keys::Ring;
use crate::surfaces::On;
use bonafide_core::access::locks::{LOCKS, Lock, LockLevel};
use bonafide_core::access::{ROLE_ASSIGNMENTS, RoleAssignment, ScopeKey};
use bonafide_core::keys::{INSTALLATION_SECRETS, open_installation_secret, seal_installation_secret};
use bonafide_crypto::seal::Sealed;
use bonafide_files::{Chosen, Root};
use bonafide_http::{Log, clock};
use bonafide_store::engine::{Commit, CommitId, Engine, Op};
use bonafide_store::mark;
use bonafide_store::{Read, StoreError};
use bonafide_store_sqlite::SqliteEngine;
use bonafide_types::RoleDefinitionId;
use bonafide_wire::{Answer, Peer, Request};
use bytes::Bytes;
use http::{HeaderMap, Method};
use serde_json::Value;
use std::io::Write;
use std::net::Ipv4Addr;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex};
use tokio::sync::watch;

/// Owner and Reader. Source: Azure built-in roles.
const OWNER: &str = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635";
const READER: &str = "acdd72a7-3385-48ef-bd42-f606fba81ae7";
/// Bytes of a MAC and its key's id.
const SEAL_BYTES: usize = 17;

pub(super) struct Directory {
    pub(super) files: PlaneFiles,
    pub(super) folder: tempfile::TempDir,
}

/// A log that is read back.
#[derive(Clone, Default)]
struct Output(Arc<Mutex<String>>);

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().push_str(std::str::from_utf8(bytes).unwrap());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

type Rows = Vec<(Vec<u8>, Vec<u8>)>;

impl Directory {
    /// One with the demo resources, closed.
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let files = PlaneFiles::create(&Root::create(&folder.path().join("data"), Chosen::Named).unwrap()).unwrap();
        let directory = Self { files, folder };
        first_start(&directory.open().unwrap(), &directory.files, None, false).unwrap();
        directory
    }

    pub(super) fn open(&self) -> Result<ControlPlane, OpenControlPlaneError> {
        self.open_with(Log::off())
    }

    fn open_with(&self, log: Arc<Log>) -> Result<ControlPlane, OpenControlPlaneError> {
        let origin = Origin::new(&[], "127.0.0.1:8443".parse().unwrap()).unwrap();
        let locked = open_store(&self.files, &[])?;
        ControlPlane::open(&self.files, locked, &origin, OwnAuthority::Kept, log).map(|(plane, _)| plane)
    }

    pub(super) fn engine(&self) -> SqliteEngine {
        SqliteEngine::open(&self.files.store()).unwrap()
    }

    /// All rows as they are stored.
    pub(super) fn stored(&self) -> Rows {
        let engine = self.engine();
        let rows = engine.snapshot().unwrap().range(b"", None, usize::MAX).unwrap();
        rows.into_iter().map(|(key, found)| (key, found.value)).collect()
    }

    pub(super) fn commit(&self, ops: Vec<Op>) {
        let id = CommitId(clock::world().entropy.guid());
        self.engine().commit(&[Commit { id, compares: vec![], ops, audit: vec![], may_use_reserve: false }]).unwrap();
    }

    /// Makes of the store and its mark those of the time before there were MACs.
    pub(super) fn strip(&self) {
        self.strip_database();
        self.forget_macs();
    }

    /// Has the mark know nothing of MACs.
    fn forget_macs(&self) {
        std::fs::remove_file(self.files.mark()).unwrap();
        mark::settle(&self.files.mark(), &self.engine().high_water().unwrap()).unwrap();
    }

    /// Makes of the database one of the time before there were MACs, with the old row of the pepper.
    fn strip_database(&self) {
        let kek = self.files.key(false).unwrap();
        let rows = self.stored();
        let mut ops: Vec<Op> = rows
            .into_iter()
            .filter(|(key, _)| !key.starts_with(b"row-keys\0"))
            .map(|(key, value)| Op::Put { key, value: value[..value.len() - SEAL_BYTES].to_vec() })
            .collect();
        let key = |name: &str| [b"deployment-secret\0".as_slice(), name.as_bytes(), &[0, 1]].concat();
        let pepper = ops.iter().find_map(|op| match op {
            Op::Put { key: found, value } if *found == key("pepper") => Some(value.clone()),
            _ => None,
        });
        let pepper: Sealed = serde_json::from_slice(&pepper.unwrap()).unwrap();
        let pepper = open_installation_secret(&kek, "pepper", &pepper).unwrap();
        let old = seal_installation_secret(&kek, "secret-pepper", pepper.expose()).unwrap();
        ops.push(Op::Put { key: key("secret-pepper"), value: serde_json::to_vec(&old).unwrap() });
        ops.push(Op::Delete { key: key("pepper") });
        ops.push(Op::Delete { key: b"row-keys\0".to_vec() });
        self.commit(ops);
    }
}

fn assignments(plane: &ControlPlane) -> Vec<RoleAssignment> {
    let rows = plane.store.read(|tx| tx.page(&ROLE_ASSIGNMENTS, &(), None, usize::MAX)).unwrap();
    rows.into_iter().map(|(_, row)| row).collect()
}

fn held(plane: &ControlPlane, role: &str) -> usize {
    let role: RoleDefinitionId = role.parse().unwrap();
    assignments(plane).iter().filter(|row| row.role == role).count()
}

/// `/readyz`, asked as anybody asks.
async fn ready(plane: &Arc<ControlPlane>) -> Value {
    let lanes = Arc::new(Lanes::narrow());
    let (_, revisions) = watch::channel(0);
    let listener = PlaneListener { on: On::Public, plane: Arc::clone(plane), lanes, revisions };
    let peer = Peer::Anonymous((Ipv4Addr::LOCALHOST, 1).into());
    let (path, query, headers) = ("/readyz".to_owned(), String::new(), HeaderMap::new());
    let (method, version) = (Method::GET, http::Version::HTTP_11);
    let request = Request { method, version, path, query, headers, body: Bytes::new(), peer };
    let Answer { reply, .. } = listener.answered(request).await;
    assert_eq!(reply.status, 200);
    serde_json::from_slice(&reply.body).unwrap()
}

#[tokio::test]
async fn du_05_a_reader_that_was_made_an_owner_in_the_database_holds_no_role() {
    let directory = Directory::new();
    let (key, value) = directory
        .stored()
        .into_iter()
        .find(|(key, value)| key.starts_with(b"role-assignment\0") && String::from_utf8_lossy(value).contains(READER))
        .unwrap();
    // All of a role's GUID in one place, and the MAC left as it is.
    let at = value.windows(READER.len()).position(|text| text == READER.as_bytes()).unwrap();
    let mut forged = value;
    forged[at..at + OWNER.len()].copy_from_slice(OWNER.as_bytes());
    directory.commit(vec![Op::Put { key, value: forged }]);

    let output = Output::default();
    let plane = Arc::new(directory.open_with(Log::to(output.clone()).unwrap()).unwrap());
    assert_eq!((held(&plane, OWNER), held(&plane, READER)), (1, 1));
    let said = ready(&plane).await;
    assert_eq!((said["status"].as_str(), said["rows"].as_str()), (Some("degraded"), Some("damaged")));
    assert_eq!(
        (&said["damaged"]["count"], &said["damaged"]["first"][0]["table"]),
        (&1.into(), &"role-assignment".into())
    );
    (0..2).for_each(|_| tell_damage(&plane));
    plane.log.flush();
    let logged = output.0.lock().unwrap().clone();
    let lines: Vec<&str> = logged.lines().filter(|line| line.contains("rowDamaged")).collect();
    assert_eq!(lines.len(), 1, "{logged}");
    let event: Value = serde_json::from_str(lines[0]).unwrap();
    assert_eq!((&event["table"], &event["row"]), (&"role-assignment".into(), &said["damaged"]["first"][0]["row"]));
    assert!(event["key"].as_str().is_some_and(|key| !key.is_empty()) && !logged.contains(READER), "{logged}");
}

#[test]
fn du_05_a_damaged_lock_stops_the_start() {
    let directory = Directory::new();
    let plane = directory.open().unwrap();
    let subscription = plane.store.read(|tx| tx.get(&INSTALLATION, &())).unwrap().unwrap().subscription;
    let level = LockLevel::CanNotDelete;
    let lock =
        Lock { name: "keep".to_owned(), level, notes: None, created_at: clock::now(), created_by: None, mark: None };
    let key = (subscription, ScopeKey::Subscription(subscription), "keep".to_owned());
    plane.store.write(|tx| tx.put(&LOCKS, &key, &lock)).unwrap();
    drop(plane);
    drop(directory.open().unwrap());

    let (key, mut value) = directory.stored().into_iter().find(|(key, _)| key.starts_with(b"lock\0")).unwrap();
    value[0] ^= 1;
    directory.commit(vec![Op::Put { key, value }]);
    let error = directory.open().err().unwrap();
    assert!(matches!(error, OpenControlPlaneError::Store(StoreError::DamagedRow { table: "lock", .. })), "{error}");
    let said = error.to_string();
    assert!(said.ends_with(" of 'lock' in the store is damaged; restore the store from a backup"), "{said}");
}

#[test]
fn du_05_an_old_store_gets_its_macs_at_its_first_start_and_takes_no_row_without_one_afterwards() {
    let directory = Directory::new();
    let roles = assignments(&directory.open().unwrap());
    directory.strip();
    assert!(directory.stored().iter().all(|(key, _)| !key.starts_with(b"row-keys\0")));

    let plane = directory.open().unwrap();
    assert_eq!(assignments(&plane), roles);
    assert_eq!(plane.store.damaged().count, 0);
    drop(plane);
    let stored = directory.stored();
    let secrets: Vec<_> = stored.iter().filter(|(key, _)| key.starts_with(b"deployment-secret\0")).collect();
    assert!(secrets.iter().all(|(key, _)| !String::from_utf8_lossy(key).contains("secret-pepper")), "{secrets:?}");

    let (key, value) = stored.iter().find(|(key, _)| key.starts_with(b"role-assignment\0")).unwrap().clone();
    directory.commit(vec![Op::Put { key, value: value[..value.len() - SEAL_BYTES].to_vec() }]);
    let plane = directory.open().unwrap();
    assert_eq!((assignments(&plane).len(), plane.store.damaged().count), (roles.len() - 1, 1));
    drop(plane);
    // Without their keys the rows are not those of an old store.
    directory.commit(vec![Op::Delete { key: b"row-keys\0".to_vec() }]);
    let said = directory.open().err().unwrap().to_string();
    assert!(said.contains("its mark says that they had: the database was changed"), "{said}");
    directory.forget_macs();
    let said = directory.open().err().unwrap().to_string();
    assert_eq!(said, "the keys of the rows in the database are lost; restore the store from a backup");
}

#[test]
fn du_05_a_store_that_had_macs_is_never_taken_for_an_old_one() {
    let directory = Directory::new();
    let kek = directory.files.key(false).unwrap();
    drop(directory.open().unwrap());
    let refused = || {
        let said = directory.open().err().expect("it opens").to_string();
        assert!(said.contains("its mark says that they had") && said.contains("restore a newer backup"), "{said}");
    };
    // The row of the keys as it was when the first of the old rows had no MAC yet: it can be put back by whoever has it.
    let (key, sealed) = directory.stored().into_iter().find(|(key, _)| key.starts_with(b"row-keys\0")).unwrap();
    let begun = Ring::open(&kek, &sealed).unwrap().sealed(&kek, Some(String::new())).unwrap();
    directory.commit(vec![Op::Put { key: key.clone(), value: begun }]);
    refused();
    directory.commit(vec![Op::Put { key, value: sealed }]);
    drop(directory.open().unwrap());
    // The same with the old row of the pepper, and no MAC anywhere.
    directory.strip_database();
    refused();
    // Nor is it restored over one that has them, but alone.
    let backup = directory.folder.path().join("backup");
    back_up(&directory.files, &backup).unwrap();
    let error = restore(&directory.files, &backup, true).unwrap_err();
    assert!(matches!(error, RestoreError::Copy(StoreError::MacsTakenAway)), "{error}");
    std::fs::remove_file(directory.files.mark()).unwrap();
    restore(&directory.files, &backup, true).unwrap();
    drop(directory.open().unwrap());
    directory.strip_database();
    refused();
}

#[test]
fn du_05_the_files_of_a_store_that_got_its_macs_have_nothing_of_what_was_before() {
    let directory = Directory::new();
    directory.strip();
    let all = || {
        ["store.db", "store.db-wal"]
            .map(|file| std::fs::read(directory.files.store().join(file)).unwrap_or_default())
            .concat()
    };
    let has_old = |bytes: &[u8]| bytes.windows(13).any(|part| part == b"secret-pepper");
    assert!(has_old(&all()));
    drop(directory.open().unwrap());
    assert!(!has_old(&all()));
}

#[test]
fn du_05_an_old_store_whose_start_was_interrupted_goes_on_and_keeps_what_it_has_proven() {
    let directory = Directory::new();
    let roles = assignments(&directory.open().unwrap());
    let kek = directory.files.key(false).unwrap();
    let stored = directory.stored();
    // As a kill leaves it: up to a role assignment the rows have MACs, and the keys say so.
    let (_, sealed) = stored.iter().find(|(key, _)| key.starts_with(b"row-keys\0")).unwrap();
    let ring = Ring::open(&kek, sealed).unwrap();
    let (last, _) = stored.iter().rfind(|(key, _)| key.starts_with(b"role-assignment\0")).unwrap();
    let until = Some(bonafide_types::base64url::encode(last));
    let mut ops = vec![Op::Put { key: b"row-keys\0".to_vec(), value: ring.sealed(&kek, until).unwrap() }];
    for (key, value) in &stored {
        let plain = value[..value.len().saturating_sub(SEAL_BYTES)].to_vec();
        let without_mac = key > last && !key.starts_with(b"row-keys\0");
        // One of those that have a MAC lost it, which is no excuse.
        let stripped = without_mac || key == last;
        if stripped {
            ops.push(Op::Put { key: key.clone(), value: plain });
        }
    }
    directory.commit(ops);
    directory.forget_macs();
    let plane = directory.open().unwrap();
    assert_eq!((assignments(&plane).len(), plane.store.damaged().count), (roles.len() - 1, 1));
    drop(plane);
    let plane = directory.open().unwrap();
    assert_eq!((assignments(&plane).len(), plane.store.damaged().count), (roles.len() - 1, 1));
    let secrets = plane.store.read(|tx| tx.page(&INSTALLATION_SECRETS, &(), None, 9)).unwrap();
    assert_eq!(secrets.len(), 3);
}

/// Flips of one bit each, in random places of the database.
const FLIPS: usize = 60;

#[test]
fn du_05_after_any_flipped_bit_what_is_served_is_right_or_missing_and_named() {
    let directory = Directory::new();
    let right = everything(&directory.open().unwrap()).unwrap();
    let path = directory.files.database();
    let whole = std::fs::read(&path).unwrap();
    let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    let (mut refused, mut named) = (0, 0);
    for _ in 0..FLIPS {
        let random = u64::from_be_bytes(bonafide_crypto::random::bytes());
        let (at, bit) = (random as usize / 8 % whole.len(), random % 8);
        file.write_all_at(&[whole[at] ^ (1 << bit)], at as u64).unwrap();
        match directory.open() {
            Err(_) => refused += 1,
            Ok(plane) => match everything(&plane) {
                Err(_) => refused += 1,
                Ok(rows) => {
                    let missing = right.iter().filter(|row| !rows.contains(row)).count();
                    assert!(rows.iter().all(|row| right.contains(row)), "byte {at}, bit {bit}: a wrong row");
                    assert!(missing == 0 || plane.store.damaged().count > 0, "byte {at}, bit {bit}: a row vanished");
                    named += plane.store.damaged().count.min(missing);
                }
            },
        }
        // Closing may have written elsewhere, too.
        for leftover in ["store.db-wal", "store.db-shm"] {
            let _ = std::fs::remove_file(directory.files.store().join(leftover));
        }
        std::fs::write(&path, &whole).unwrap();
    }
    eprintln!("{FLIPS} flips: {refused} refused, {named} rows missing and named");
}

/// Everything that the surfaces read, in the words of the store's rows.
fn everything(plane: &ControlPlane) -> Result<Vec<String>, StoreError> {
    use bonafide_core::directory::{CREDENTIALS, PRINCIPALS, RESOURCE_BY_ID, RESOURCES, SUBSCRIPTIONS, TENANTS};
    plane.store.read(|tx| {
        let mut rows = Vec::new();
        let all = &mut |name: &str, text: String| rows.push(format!("{name} {text}"));
        for (key, row) in tx.page(&ROLE_ASSIGNMENTS, &(), None, usize::MAX)? {
            all("role", format!("{key:?} {row:?}"));
        }
        for (key, row) in tx.page(&TENANTS, &(), None, usize::MAX)? {
            all("tenant", format!("{key:?} {row:?}"));
        }
        for (key, row) in tx.page(&SUBSCRIPTIONS, &(), None, usize::MAX)? {
            all("subscription", format!("{key:?} {row:?}"));
        }
        for (key, row) in tx.page(&PRINCIPALS, &(), None, usize::MAX)? {
            all("principal", format!("{key:?} {row:?}"));
        }
        for (key, row) in tx.page(&CREDENTIALS, &(), None, usize::MAX)? {
            all("credential", format!("{key:?} {}", serde_json::to_string(&row).unwrap_or_default()));
        }
        for (key, row) in tx.page(&RESOURCES, &(), None, usize::MAX)? {
            if tx.find(&RESOURCE_BY_ID, &row.id.fold())? == Some(key) {
                all("resource", format!("{key:?} {row:?}"));
            }
        }
        Ok(rows)
    })
}
