//! The data directory, with the files of each part in it.

use bonafide_files::{FilesError, Root};
use bonafide_host::HostFiles;
use bonafide_plane::PlaneFiles;
use std::path::Path;

/// A data directory.
pub(crate) struct DataDir {
    pub(crate) plane: PlaneFiles,
    pub(crate) host: HostFiles,
}

impl DataDir {
    /// Makes the directory if need be.
    pub(crate) fn create(path: &Path) -> Result<Self, FilesError> {
        let root = Root::create(path)?;
        Ok(Self { plane: PlaneFiles::create(&root)?, host: HostFiles::create(&root)? })
    }

    /// The directory as it is, without making anything.
    pub(crate) fn at(path: &Path) -> Result<Self, FilesError> {
        let root = Root::at(path)?;
        Ok(Self { plane: PlaneFiles::at(&root), host: HostFiles::at(&root)? })
    }
}
