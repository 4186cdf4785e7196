//! The data directory as a whole: the root that the parts have their files in.

use crate::{FilesError, make_dirs, trusted, write_private};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// A data directory. Each part has its own type for its files in it.
#[derive(Debug, Clone)]
pub struct Root(PathBuf);

impl Root {
    /// Makes the directory if need be, readable by its owner only, and invisible to git.
    pub fn create(path: &Path) -> Result<Self, FilesError> {
        let root = Self(path.to_owned());
        make_dirs([path.to_owned(), root.log()])?;
        let ignore = path.join(".gitignore");
        if !ignore.exists() {
            write_private(&ignore, b"*\n")?;
        }
        Ok(root)
    }

    /// The directory as it is, without making anything.
    pub fn at(path: &Path) -> Result<Self, FilesError> {
        match trusted(path) {
            Err(FilesError::Io { error, .. }) if error.kind() == ErrorKind::NotFound => {
                Err(FilesError::NotThere(path.to_owned()))
            }
            other => other.map(|()| Self(path.to_owned())),
        }
    }

    /// The directory itself.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The failures of this process and those before it, whole path: answers name it to who may be anywhere.
    pub fn log_file(&self) -> PathBuf {
        let file = self.log().join("bonafide.log");
        std::path::absolute(&file).unwrap_or(file)
    }

    fn log(&self) -> PathBuf {
        self.0.join("log")
    }
}
