//! A database that was lost must not look like a first start, which would make another deployment and
//! write its files over those of the one that was here.
//!
//! A start that was killed half-way must look like one, at whatever moment that was. So the files
//! are compared with the database: the first start makes the key before anything is in the database;
//! its certificate and the operator's files once its secrets are, which the key opens; and the
//! agent's files and the description once the deployment itself is.

use crate::data_dir::{DataDir, DataDirError};
use crate::deployment::DEPLOYMENT;
use bonafide_core::keys::DEPLOYMENT_SECRETS;
use bonafide_store::{Read, Store, StoreError};

/// How far the first start came, as the database tells.
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
    /// What the database has.
    pub(crate) fn read(store: &Store) -> Result<Self, StoreError> {
        store.read(|tx| {
            let has_secrets = !tx.page(&DEPLOYMENT_SECRETS, &(), None, 1)?.is_empty();
            Ok(match tx.get(&DEPLOYMENT, &())? {
                Some(_) => Self::Founded,
                None if has_secrets => Self::Secrets,
                None => Self::Nothing,
            })
        })
    }
}

/// Refuses a directory with files that a first start makes only later.
pub(crate) fn check(dir: &DataDir, progress: Progress) -> Result<(), DataDirError> {
    let before_the_deployment = [dir.ca_file(), dir.operator_secret(), dir.operator_certificate()];
    let after_it = [dir.agent_key_file(), dir.agent_state(), dir.description()];
    let later = match progress {
        Progress::Founded => return Ok(()),
        Progress::Secrets => after_it.to_vec(),
        Progress::Nothing => [before_the_deployment, after_it].concat(),
    };
    match later.into_iter().find(|file| file.exists()) {
        Some(trace) => Err(DataDirError::DatabaseLost { store: dir.store(), trace }),
        None => Ok(()),
    }
}
