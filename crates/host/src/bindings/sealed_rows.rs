//! The rows of bindings on disk: one sealed file each, so that a change of one touches no other.

use super::row::BindingRow;
use super::row_versions::{RowVersions, UNNUMBERED};
use crate::files::HostFiles;
use crate::state::{StateError, context};
use bonafide_crypto::Kek;
use bonafide_crypto::seal::{self, Sealed};
use bonafide_files::{FilesError, Readers, io, read, write_private};
use bonafide_http::{Event, Log, clock};
use bonafide_types::{BindingId, ResourceUuid};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The kind of what is sealed.
const PURPOSE: &str = "binding";
/// The end of the name of a row's file.
const SUFFIX: &str = ".json";

/// The folder with the rows.
pub(super) struct SealedRows {
    folder: PathBuf,
    kek: Kek,
    versions: Mutex<RowVersions>,
}

/// A row as it is sealed.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Numbered<Row> {
    version: u64,
    row: Row,
}

/// A row as it was sealed before it had a version, too.
#[derive(Deserialize)]
#[serde(untagged)]
enum Kept {
    Numbered(Box<Numbered<BindingRow>>),
    Unnumbered(Box<BindingRow>),
}

/// The rows, and the ids of those that were set aside.
#[derive(Default)]
pub(super) struct FoundRows {
    pub(super) rows: Vec<BindingRow>,
    pub(super) set_aside: Vec<BindingId>,
}

/// The reason why a file is not a row.
#[derive(Debug, thiserror::Error)]
enum Unreadable {
    #[error(transparent)]
    Files(#[from] FilesError),
    #[error("it is damaged: {0}")]
    Damaged(#[from] serde_json::Error),
    #[error("{0}")]
    Sealed(#[from] seal::SealError),
    #[error("it is the row of another binding")]
    Other,
    #[error("it was put back after it had ended or changed, or the file agent.attached beside the folder is gone")]
    Older,
}

impl SealedRows {
    pub(super) fn new(files: &HostFiles, kek: Kek) -> Self {
        Self { folder: files.bindings(), versions: Mutex::new(RowVersions::read(files, &kek)), kek }
    }

    /// All rows. A file that is none, was sealed by another agent, or is older than it should be, is put under another name, in
    /// which nobody looks for a row, and the log says so.
    pub(super) fn read_all(&self, log: &Log) -> Result<FoundRows, FilesError> {
        let mut found = FoundRows::default();
        for path in self.paths()? {
            let Some(id) = id_of(&path) else { continue };
            match self.read(&path, id) {
                Ok((version, row)) => {
                    self.versions().note(id, version);
                    found.rows.push(row);
                }
                Err(why) => {
                    let aside = path.with_extension(format!("set-aside-{}", clock::now().unix_micros()));
                    let event = Event::named("bindingSetAside").with("binding", id).with("file", path.display());
                    log.event(&event, &why);
                    std::fs::rename(&path, &aside).map_err(|error| io(&path, error))?;
                    found.set_aside.push(id);
                }
            }
        }
        found.rows.sort_by_key(|row| (row.attached_micros, row.id));
        Ok(found)
    }

    /// The workloads of all rows that can be read.
    pub(super) fn workloads(&self) -> Result<Vec<ResourceUuid>, FilesError> {
        let rows = self.paths()?.into_iter().filter_map(|path| self.read(&path, id_of(&path)?).ok());
        Ok(rows.map(|(_, row)| row.workload).collect())
    }

    /// Keeps a row, durably.
    pub(super) fn write(&self, row: &BindingRow) -> Result<(), StateError> {
        let (path, name) = (self.path(row.id), row.id.to_string());
        let mut versions = self.versions();
        let version = versions.next(&self.kek)?;
        let text = serde_json::to_vec(&Numbered { version, row }).map_err(|error| io(&path, error.into()))?;
        let sealed = seal::seal(&self.kek, &context(PURPOSE, &name), &text)?;
        let text = serde_json::to_vec(&sealed).map_err(|error| io(&path, error.into()))?;
        write_private(&path, &text)?;
        versions.note(row.id, version);
        Ok(())
    }

    /// The same for one that allows less than before: the version of before does not count any more.
    pub(super) fn replace(&self, row: &BindingRow) -> Result<(), StateError> {
        self.write(row)?;
        self.record()
    }

    /// Removes a row, durably. It does not count any more if it is put back, once that is on [record](Self::record).
    pub(super) fn remove(&self, id: BindingId) -> Result<(), FilesError> {
        bonafide_files::remove_durably(&self.path(id))?;
        self.versions().forget(id);
        Ok(())
    }

    /// Puts the rows that there are on record, durably.
    pub(super) fn record(&self) -> Result<(), StateError> {
        self.versions().record(&self.kek)
    }

    fn read(&self, path: &Path, id: BindingId) -> Result<(u64, BindingRow), Unreadable> {
        let sealed: Sealed = serde_json::from_slice(&read(path, Readers::Owner)?)?;
        let text = seal::open(&self.kek, &context(PURPOSE, &id.to_string()), &sealed)?;
        let (version, row) = match serde_json::from_slice(text.expose())? {
            Kept::Numbered(kept) => (kept.version, kept.row),
            Kept::Unnumbered(row) => (UNNUMBERED, *row),
        };
        match row.id == id {
            true if self.versions().counts(id, version) => Ok((version, row)),
            true => Err(Unreadable::Older),
            false => Err(Unreadable::Other),
        }
    }

    fn versions(&self) -> MutexGuard<'_, RowVersions> {
        self.versions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn paths(&self) -> Result<Vec<PathBuf>, FilesError> {
        let failed = |error| io(&self.folder, error);
        let files = std::fs::read_dir(&self.folder).map_err(failed)?;
        files.map(|file| Ok(file.map_err(failed)?.path())).collect()
    }

    fn path(&self, id: BindingId) -> PathBuf {
        self.folder.join(format!("{id}{SUFFIX}"))
    }
}

fn id_of(path: &Path) -> Option<BindingId> {
    path.file_name()?.to_str()?.strip_suffix(SUFFIX)?.parse().ok()
}

#[cfg(test)]
mod tests;
