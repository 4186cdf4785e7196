//! A database that was lost must not look like a first start, which would make another installation and
//! write its files over those of the one that was here.
//!
//! A start that was killed half-way must look like one, at whatever moment that was. So the files
//! are compared with the database: the first start makes the key before anything is in the database;
//! its certificate and the operator's files once its secrets are, which the key opens; and the
//! agent's files and the description once the installation itself is.

use crate::files::PlaneFiles;
use crate::installation::INSTALLATION;
use bonafide_core::keys::INSTALLATION_SECRETS;
use bonafide_store::{Locked, StoreError};
use std::path::PathBuf;

/// The progress of the first start, as the database tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    /// There is nothing in it.
    Nothing,
    /// The authorities and other secrets are made.
    Secrets,
    /// The tenant and its operator are.
    Founded,
}

impl Progress {
    /// Reads the progress from the database.
    pub(crate) fn read(store: &Locked) -> Result<Self, StoreError> {
        Ok(match (store.has_any(&INSTALLATION)?, store.has_any(&INSTALLATION_SECRETS)?) {
            (true, _) => Self::Founded,
            (false, true) => Self::Secrets,
            (false, false) => Self::Nothing,
        })
    }
}

/// The database is gone, or is another one, and other files of the installation are still there.
#[derive(Debug, thiserror::Error)]
#[error(
    "{trace} shows that there is an installation of bonafide here, but its database in {store} is lost or empty; nothing was \
     changed: restore {store} from your backup, or start anew in another directory with --data-dir"
)]
pub struct DatabaseLost {
    /// The folder of the database.
    pub store: PathBuf,
    /// The file that shows it.
    pub trace: PathBuf,
}

/// Refuses a directory with files that a first start makes only later. `of_others` are those that other parts make once
/// the installation is there.
pub(crate) fn check(files: &PlaneFiles, of_others: &[PathBuf], progress: Progress) -> Result<(), DatabaseLost> {
    let before = [files.ca_file(), files.operator_secret(), files.operator_certificate()];
    let after = of_others.iter().cloned().chain([files.description()]);
    let later: Vec<PathBuf> = match progress {
        Progress::Founded => return Ok(()),
        Progress::Secrets => after.collect(),
        Progress::Nothing => before.into_iter().chain(after).collect(),
    };
    match later.into_iter().find(|file| file.exists()) {
        Some(trace) => Err(DatabaseLost { store: files.store(), trace }),
        None => Ok(()),
    }
}
