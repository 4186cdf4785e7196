//! Backing up an installation: its database, in one file, while it is in use or not.

use crate::files::PlaneFiles;
use bonafide_files::{FilesError, make_private};
use bonafide_http::clock;
use bonafide_store_sqlite::{Backup, OpenError, copy_store};
use std::path::Path;

/// The reason why there is no backup.
#[derive(Debug, thiserror::Error)]
pub enum BackUpError {
    /// The database, or its copy.
    #[error(transparent)]
    Store(#[from] OpenError),
    /// The file.
    #[error(transparent)]
    Files(#[from] FilesError),
}

/// Copies the database into a new file that only its owner may read.
pub fn back_up(files: &PlaneFiles, to: &Path) -> Result<Backup, BackUpError> {
    make_private(to, |draft| Ok(copy_store(&files.database(), draft, clock::now().unix_seconds())?))
}
