//! Rows that were put back, beside rows that are there.

use super::*;
use crate::bindings::place::Place;
use crate::bindings::row::{BindingOptions, PlaceIdentity};
use crate::state::AgentState;
use bonafide_crypto::SystemEntropy;
use bonafide_files::{Chosen, Root};
use bonafide_types::ResourceId;
use std::fs::{copy, remove_file};
use tempfile::TempDir;

struct Folder {
    dir: TempDir,
    files: HostFiles,
    kek: Kek,
}

impl Folder {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let files = HostFiles::create(&Root::create(&dir.path().join("data"), Chosen::Named).unwrap()).unwrap();
        let kek = AgentState::kek(&files).unwrap();
        Self { dir, files, kek }
    }

    /// As an agent that starts now has them.
    fn rows(&self) -> SealedRows {
        SealedRows::new(&self.files, AgentState::kek(&self.files).unwrap())
    }

    fn found(&self) -> FoundRows {
        self.rows().read_all(&Log::off()).unwrap()
    }

    fn copy_of(&self, row: &BindingRow) -> PathBuf {
        let to = self.dir.path().join(format!("{}.copy", row.id));
        copy(self.rows().path(row.id), &to).unwrap();
        to
    }
}

fn row(port: u16) -> BindingRow {
    let scope = "/subscriptions/6a0a4b02-8c56-4c4e-9f2d-0a8f6f1d2c3b/resourceGroups/g";
    BindingRow {
        id: BindingId::random(&SystemEntropy),
        workload: bonafide_crypto::random::uuid().to_string().parse().unwrap(),
        resource_id: ResourceId::parse(&format!("{scope}/providers/Microsoft.Compute/virtualMachines/m")).unwrap(),
        place: Place::Port { number: port },
        dialect: "imds".to_owned(),
        options: BindingOptions::default(),
        identity: PlaceIdentity {
            boot: String::new(),
            namespace: 1,
            inode: None,
            device: None,
            device_mark: None,
            socket: None,
            folder: None,
        },
        user: None,
        attached_micros: 1,
        secret: None,
        rules: None,
        was_put_here: false,
        is_configured: false,
    }
}

#[test]
fn ha_11_a_row_that_was_removed_does_not_come_back_and_one_that_is_there_stays() {
    let folder = Folder::new();
    let (gone, stays, later) = (row(1), row(2), row(3));
    let rows = folder.rows();
    rows.write(&gone).unwrap();
    rows.write(&stays).unwrap();
    let copied = folder.copy_of(&gone);
    rows.remove(gone.id).unwrap();
    rows.record().unwrap();
    rows.write(&later).unwrap();
    copy(copied, rows.path(gone.id)).unwrap();
    assert!(!rows.workloads().unwrap().contains(&gone.workload));
    let found = folder.found();
    assert_eq!((found.rows.len(), found.set_aside), (2, vec![gone.id]));
    assert!(found.rows.contains(&stays) && found.rows.contains(&later));
    assert!(folder.found().set_aside.is_empty(), "it is out of the way");
}

#[test]
fn ha_11_a_row_of_before_its_rules_changed_does_not_come_back() {
    let folder = Folder::new();
    let (rows, ruled) = (folder.rows(), row(1));
    rows.write(&ruled).unwrap();
    let copied = folder.copy_of(&ruled);
    rows.replace(&BindingRow { dialect: "narrower".to_owned(), ..ruled.clone() }).unwrap();
    assert_eq!(folder.found().rows[0].dialect, "narrower");
    copy(copied, rows.path(ruled.id)).unwrap();
    assert_eq!(folder.found().set_aside, [ruled.id]);
}

#[test]
fn ha_11_no_row_is_taken_without_the_record() {
    let folder = Folder::new();
    folder.rows().write(&row(1)).unwrap();
    assert_eq!(folder.found().rows.len(), 1);
    remove_file(folder.files.attached()).unwrap();
    assert!(folder.found().rows.is_empty());
}

#[test]
fn a_row_of_the_time_before_versions_is_taken_until_there_is_a_record() {
    let folder = Folder::new();
    let (rows, old) = (folder.rows(), row(1));
    let write_old = || {
        let name = old.id.to_string();
        let sealed = seal::seal(&folder.kek, &context(PURPOSE, &name), &serde_json::to_vec(&old).unwrap()).unwrap();
        write_private(&rows.path(old.id), &serde_json::to_vec(&sealed).unwrap()).unwrap();
    };
    write_old();
    assert_eq!(rows.read_all(&Log::off()).unwrap().rows, std::slice::from_ref(&old));
    rows.write(&row(2)).unwrap();
    assert_eq!(folder.found().rows.len(), 2, "it is on record");
    let after = folder.rows();
    after.read_all(&Log::off()).unwrap();
    after.remove(old.id).unwrap();
    after.record().unwrap();
    write_old();
    assert_eq!(folder.found().set_aside, [old.id]);
}
