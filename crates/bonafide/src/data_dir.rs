//! The data directory, with the files of each part in it.

use crate::DEFAULT_DATA_DIR;
use crate::shell::sh_quoted;
use bonafide_files::{FilesError, Root};
use bonafide_host::HostFiles;
use bonafide_plane::PlaneFiles;
use std::path::{Path, PathBuf};

/// A data directory.
pub(crate) struct DataDir {
    pub(crate) plane: PlaneFiles,
    pub(crate) host: HostFiles,
}

/// Why there is no data directory at a path.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DataDirError {
    /// There is something else.
    #[error("{} is not a data directory: {}", path.display(), remedy(likely.as_deref()))]
    SomethingElse {
        /// The path.
        path: PathBuf,
        /// A data directory nearby.
        likely: Option<PathBuf>,
    },
    /// There is nothing.
    #[error("{} is not there: {}", path.display(), remedy(likely.as_deref()))]
    Nothing {
        /// The path.
        path: PathBuf,
        /// A data directory nearby.
        likely: Option<PathBuf>,
    },
    /// It cannot be used.
    #[error(transparent)]
    Files(#[from] FilesError),
}

fn remedy(likely: Option<&Path>) -> String {
    match likely {
        Some(path) => format!("add --data-dir {}, where there is one", sh_quoted(&path.display().to_string())),
        None => "start `bonafide up` on this data directory first, or name another with --data-dir".to_owned(),
    }
}

impl DataDir {
    /// Makes the directory if need be.
    pub(crate) fn create(path: &Path) -> Result<Self, FilesError> {
        let root = Root::create(path)?;
        Ok(Self { plane: PlaneFiles::create(&root)?, host: HostFiles::create(&root)? })
    }

    /// The directory as it is, without making anything.
    pub(crate) fn at(path: &Path) -> Result<Self, DataDirError> {
        match Root::at(path) {
            Ok(_) if !is_one(path) => Err(DataDirError::SomethingElse { path: path.to_owned(), likely: nearby(path) }),
            Ok(root) => Ok(Self { plane: PlaneFiles::at(&root), host: HostFiles::at(&root)? }),
            Err(FilesError::NotThere(_)) => Err(DataDirError::Nothing { path: path.to_owned(), likely: nearby(path) }),
            Err(other) => Err(other.into()),
        }
    }
}

/// True for a folder in which a start of `up` has made the folders of every part.
fn is_one(path: &Path) -> bool {
    let Ok(root) = Root::at(path) else { return false };
    PlaneFiles::at(&root).store().is_dir() && HostFiles::at(&root).is_ok()
}

/// The data directory that is likely meant: in the folder itself, or the nearest on the way up, as `up` makes it by
/// default.
fn nearby(path: &Path) -> Option<PathBuf> {
    let from = std::path::absolute(path).ok()?;
    let on_the_way = from.ancestors().skip(1).flat_map(|folder| [folder.to_owned(), folder.join(DEFAULT_DATA_DIR)]);
    std::iter::once(path.join(DEFAULT_DATA_DIR)).chain(on_the_way).find(|path| is_one(path))
}
