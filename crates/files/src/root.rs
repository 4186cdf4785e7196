//! The data directory as a whole: the root that the parts have their files in.

use crate::made_here::{self, Vouched};
use crate::{FilesError, User, io, key, make_dir, make_dirs, owner_of_folder};
use bonafide_crypto::kek::Kek;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// A data directory. Each part has its own type for its files in it.
#[derive(Debug, Clone)]
pub struct Root {
    path: PathBuf,
    owner: User,
    /// The state in which this process found the directory, where nothing was in it.
    found: Option<Found>,
}

/// A directory in which nothing was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    Nothing,
    Empty,
}

/// The reason for which a path is taken for the data directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chosen {
    /// Somebody named it.
    Named,
    /// It lies in the folder that a command was started in. Who made that folder may have made it, too.
    Found,
}

impl Root {
    /// Makes the directory if need be, readable by its owner only, and invisible to git. It is this process's user's.
    pub fn create(path: &Path, chosen: Chosen) -> Result<Self, FilesError> {
        User::of_this_process()?;
        let found = match std::fs::read_dir(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Some(Found::Nothing),
            Ok(mut entries) => entries.next().is_none().then_some(Found::Empty),
            Err(_) => None,
        };
        make_dir(path)?;
        let root = Self { found, ..Self::at(path)? };
        if let Some(owner) = root.other_owner() {
            return Err(FilesError::NotToStart { path: path.to_owned(), owner });
        }
        if !made_here::is_unused(path)? {
            root.check(chosen)?;
        }
        made_here::mark(path)?;
        make_dirs([root.log()])?;
        Ok(root)
    }

    /// The directory as it is, without making anything.
    pub fn at(path: &Path) -> Result<Self, FilesError> {
        let found = std::fs::metadata(path).map_err(|error| match error.kind() {
            ErrorKind::NotFound => FilesError::NotThere(path.to_owned()),
            _ => io(path, error),
        })?;
        Ok(Self { path: path.to_owned(), owner: owner_of_folder(path, &found)?, found: None })
    }

    /// Refuses a directory that nobody named and that may have come with the folder around it.
    pub fn check(&self, chosen: Chosen) -> Result<(), FilesError> {
        if chosen == Chosen::Named || self.is_made_here() {
            return Ok(());
        }
        let path = self.path.clone();
        Err(match self.other_owner() {
            Some(owner) => FilesError::NotNamed { path, owner },
            None => FilesError::NotMadeHere { path, owner: self.owner },
        })
    }

    /// True for a directory of this process's user's that was made on this disk.
    pub fn is_made_here(&self) -> bool {
        self.other_owner().is_none() && made_here::is_marked(&self.path)
    }

    /// Leaves the directory as this process found it, if nothing was in it then, and nothing is yet that has or needs a key: a
    /// first start that failed before it was one.
    pub fn remove_if_unused(&self) {
        if Vouched::ALL.iter().any(|file| self.file(*file).symlink_metadata().is_ok()) {
            return;
        }
        // A rest that cannot be removed is taken for a start that was begun, and the next one goes on with it.
        let _ = match self.found {
            Some(Found::Nothing) => std::fs::remove_dir_all(&self.path),
            Some(Found::Empty) => std::fs::read_dir(&self.path).and_then(|entries| {
                entries.flatten().try_for_each(|entry| match entry.file_type()?.is_dir() {
                    true => std::fs::remove_dir_all(entry.path()),
                    false => std::fs::remove_file(entry.path()),
                })
            }),
            None => Ok(()),
        };
    }

    /// The path of a file that the mark of the directory vouches for.
    pub fn file(&self, file: Vouched) -> PathBuf {
        self.path.join(file.name())
    }

    /// Writes such a file, which everybody may read.
    pub fn write(&self, file: Vouched, content: &[u8]) -> Result<(), FilesError> {
        made_here::write(&self.path, file, content)
    }

    /// Reads such a file that has a key; makes one when `fresh`, that is, when nothing was sealed yet. A lost key is never
    /// replaced by a new one (KY-07).
    pub fn key(&self, file: Vouched, fresh: bool) -> Result<Kek, FilesError> {
        key::key(&self.file(file), fresh, |kek| made_here::vouch(&self.path, file, &key::name_of(kek)))
    }

    /// The directory itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The user whose it is.
    pub fn owner(&self) -> User {
        self.owner
    }

    /// Its owner, if that is another user than this process's.
    pub fn other_owner(&self) -> Option<User> {
        let me = User::of_this_process().ok();
        Some(self.owner).filter(|owner| Some(*owner) != me)
    }

    /// The failures of this process and those before it, whole path: answers name it to who may be anywhere.
    pub fn log_file(&self) -> PathBuf {
        let file = self.log().join("bonafide.log");
        std::path::absolute(&file).unwrap_or(file)
    }

    fn log(&self) -> PathBuf {
        self.path.join("log")
    }
}
