//! Files that only their owner may read or write, as every part of the shell keeps them: opened in one place, written
//! whole or not at all, in folders that nobody else can write to.

#![allow(clippy::disallowed_methods, reason = "the shell: it owns clock, entropy, environment and files")]
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod key;
mod listed_users;
mod lock;
mod log_file;
mod made_here;
mod namespace;
mod open;
mod reading;
mod root;
mod user;
mod user_name;
mod way;

pub use key::remove_key_draft;
pub use lock::Lock;
pub use log_file::LogFile;
pub use made_here::Vouched;
pub use namespace::{inode_of_namespace, open_namespace};
pub use open::{Readers, look_before_opening, open_folder, read, read_named, read_named_secret};
pub use reading::{read_of_system, system_authorities};
pub use root::{Chosen, Root};
pub use user::User;
pub use user_name::{UserNameError, user_named};
pub use way::open_folder_by_own_links;

use bonafide_crypto::kek::KEK_BYTES;
use std::fs::{DirBuilder, File, Metadata, Permissions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use user::shown;

/// The end of the name of a file that is not written yet.
const DRAFT: &str = ".new";
/// The name of a key-encryption key's file.
pub const KEY: &str = "key";

/// The reason why the data directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    /// A file or folder could not be made, read or written.
    #[error("cannot use {path}: {error}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The system's error.
        error: std::io::Error,
    },
    /// Nothing was ever started here.
    #[error("{0} is not there: start `bonafide up` on this data directory first, or name another with --data-dir")]
    NotThere(PathBuf),
    /// Another process uses it.
    #[error(
        "{0} is held by another process: the agent of this data directory runs already (`up` or `host run`); stop that first"
    )]
    Locked(PathBuf),
    /// This process's own user cannot be told from others.
    #[error(
        "this process runs as user {0}, and in this user namespace that is also the id of every user without one, so \
         that it cannot be told from another user: start it as another user, or give more users an id"
    )]
    NoUser(u32),
    /// Another user could have put things there.
    #[error("{path} belongs to {}; use what is your own, or name another data directory with --data-dir", shown(*owner))]
    OfAnother {
        /// The file or folder.
        path: PathBuf,
        /// Its owner, where the kernel can tell one.
        owner: Option<User>,
    },
    /// The data directory is another user's, who could not read what a start makes there.
    #[error("{path} belongs to {owner}: start it as that user, or use a data directory of your own")]
    NotToStart {
        /// The directory.
        path: PathBuf,
        /// Its owner.
        owner: User,
    },
    /// A data directory that nobody named is another user's.
    #[error("{path} belongs to {owner}; if you mean it, name it: --data-dir {path}", path = .path.display())]
    NotNamed {
        /// The directory.
        path: PathBuf,
        /// Its owner.
        owner: User,
    },
    /// A data directory that nobody named may have come with the folder around it.
    #[error(
        "{path} was not made here: it belongs to {owner}, but it was cloned, unpacked, copied or changed since, and whoever \
         made it may have its keys; if it is yours, add --data-dir {path}: `up` and `restore` need that once, every other \
         command until then", path = .path.display()
    )]
    NotMadeHere {
        /// The directory.
        path: PathBuf,
        /// Its owner.
        owner: User,
    },
    /// Others have rights that they must not have.
    #[error(
        "{path} has mode {mode:04o}, so that it can be {} by others; see whether it is still yours, then chmod {wanted:o} \
         {path}", if mode & 0o022 == 0 { "read" } else { "written to" }, path = .path.display()
    )]
    TooOpen {
        /// The file or folder.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
        /// Those that it may have.
        wanted: u32,
    },
    /// Something else is in the place of a file.
    #[error("{0} is a link, a pipe or the like, and no file: put the file itself there")]
    NotAFile(PathBuf),
    /// Something else is in the place of a folder.
    #[error("{0} is a link or a file, and no folder: put the folder itself there")]
    NotAFolder(PathBuf),
    /// Nothing of ours is that large.
    #[error("{0} is too large to be a file of this program: put it back from your backup")]
    TooLarge(PathBuf),
    /// The key-encryption key is missing, although there is data that was sealed with it.
    #[error(
        "the key file {0} is missing, but the database was sealed with it; put it back from your backup \
         (a new key would open nothing)"
    )]
    KeyMissing(PathBuf),
    /// A key file of another size.
    #[error(
        "{path} has {bytes} bytes instead of {KEK_BYTES}; it is not a key file or was cut short; restore it from its \
         backup", path = .path.display()
    )]
    NotAKey {
        /// The file.
        path: PathBuf,
        /// Its size, in bytes.
        bytes: u64,
    },
    /// A file that is written by this program alone has something else in it.
    #[error("{path} is damaged ({reason}): {remedy}")]
    Damaged {
        /// The file or folder.
        path: PathBuf,
        /// The damage.
        reason: String,
        /// The remedy.
        remedy: &'static str,
    },
    /// A file that would be written over.
    #[error("{0} is there already, and stays as it is: name a file that is not there yet")]
    Exists(PathBuf),
    /// There is no folder for a file.
    #[error("the folder {0} is not there: make it, or name a file in another one")]
    NoFolder(PathBuf),
    /// No space is left.
    #[error("cannot write {0}: no space is left on its disk; make space and try again")]
    Full(PathBuf),
}

/// Removes a file, if it is there.
fn remove(path: &Path) -> Result<(), FilesError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(io(path, error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Removes a file, if it is there, so that it does not come back after a power cut.
pub fn remove_durably(path: &Path) -> Result<(), FilesError> {
    remove(path)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    open_folder(folder).and_then(|folder| folder.sync_all()).map_err(|error| io(folder, error))
}

/// Makes a folder that only its owner may enter, if need be.
fn make_dir(path: &Path) -> Result<(), FilesError> {
    match DirBuilder::new().recursive(true).mode(0o700).create(path) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        Err(error) => Err(io(path, error)),
    }
}

/// Makes folders of the data directory, which only their owner may enter, if need be, and refuses those that others can
/// write to.
pub fn make_dirs<const N: usize>(paths: [PathBuf; N]) -> Result<(), FilesError> {
    for path in paths {
        make_dir(&path)?;
        trusted(&path)?;
    }
    Ok(())
}

/// Removes the drafts that a crash left in a folder: keys and secrets can be among them. Only while nobody writes
/// there.
pub fn remove_drafts(folder: &Path) -> Result<(), FilesError> {
    for file in std::fs::read_dir(folder).map_err(|error| io(folder, error))? {
        let path = file.map_err(|error| io(folder, error))?.path();
        if path.as_os_str().as_encoded_bytes().ends_with(DRAFT.as_bytes()) {
            remove(&path)?;
        }
    }
    Ok(())
}

/// Refuses a folder of the data directory that another user made or can write to: whoever can put files there decides
/// which keys are used and which authority is trusted.
pub fn trusted(path: &Path) -> Result<(), FilesError> {
    let found = std::fs::symlink_metadata(path).map_err(|error| io(path, error))?;
    if !found.is_dir() {
        return Err(FilesError::NotAFolder(path.to_owned()));
    }
    owner_of_folder(path, &found).map(drop)
}

/// The owner of a folder who alone can write to it, and whose it is for this process to use.
fn owner_of_folder(path: &Path, found: &Metadata) -> Result<User, FilesError> {
    let (me, owner) = (User::of_this_process()?, User::told(found.uid()));
    let Some(known) = owner.filter(|owner| me.may_use_what_belongs_to(*owner) || *owner == User::ROOT) else {
        return Err(FilesError::OfAnother { path: path.to_owned(), owner });
    };
    let mode = found.mode() & 0o7777;
    if mode & 0o022 != 0 {
        return Err(FilesError::TooOpen { path: path.to_owned(), mode, wanted: mode & !0o022 & 0o777 });
    }
    Ok(known)
}

/// Writes a file that only its owner may read: whole or not at all, and durable when it returns.
pub fn write_private(path: &Path, content: &[u8]) -> Result<(), FilesError> {
    write_with_mode(path, content, 0o600)
}

/// The same for a file that everybody may read.
pub fn write_public(path: &Path, content: &[u8]) -> Result<(), FilesError> {
    write_with_mode(path, content, 0o644)
}

/// Makes a new file that only its owner may read, whole or not at all, and durable when it returns. `write` is given the
/// path of an empty file to fill.
///
/// # Errors
/// There is something at `path` already, which stays as it is; what `write` returns; or the system's.
pub fn make_private<T, E: From<FilesError>>(path: &Path, write: impl FnOnce(&Path) -> Result<T, E>) -> Result<T, E> {
    let exists = || FilesError::Exists(path.to_owned());
    if path.symlink_metadata().is_ok() {
        return Err(exists().into());
    }
    let folder = path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
    let mut prefix = path.file_name().unwrap_or_default().to_owned();
    prefix.push(".");
    let mut builder = tempfile::Builder::new();
    builder.prefix(&prefix).suffix(DRAFT).permissions(Permissions::from_mode(0o600));
    let draft = builder.tempfile_in(folder).map_err(|error| no_draft(path, folder, error))?;
    let made = write(draft.path())?;
    let kept = (|| {
        draft.as_file().sync_all()?;
        draft.persist_noclobber(path)?;
        File::open(folder)?.sync_all()
    })();
    match kept {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Err(exists().into()),
        other => other.map(|()| made).map_err(|error| io(path, error).into()),
    }
}

/// The error of a file that cannot be begun: about the file itself, where the system's names its draft.
fn no_draft(path: &Path, folder: &Path, error: std::io::Error) -> FilesError {
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => FilesError::NoFolder(folder.to_owned()),
        kind @ (ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem) => io(path, kind.into()),
        _ => io(path, error),
    }
}

fn write_with_mode(path: &Path, content: &[u8], mode: u32) -> Result<(), FilesError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut prefix = path.file_name().unwrap_or_default().to_owned();
    prefix.push(".");
    let written = (|| {
        // Under a name of its own: another process may be writing the same file.
        let mut draft = tempfile::Builder::new()
            .prefix(&prefix)
            .suffix(DRAFT)
            .permissions(Permissions::from_mode(mode))
            .tempfile_in(folder)?;
        draft.write_all(content)?;
        draft.as_file().sync_all()?;
        draft.persist(path)?;
        open_folder(folder)?.sync_all()
    })();
    written.map_err(|error| io(path, error))
}

/// The error of the file or folder at `path`.
pub fn io(path: &Path, error: std::io::Error) -> FilesError {
    match error.kind() {
        ErrorKind::StorageFull => FilesError::Full(path.to_owned()),
        _ => FilesError::Io { path: path.to_owned(), error },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_written_by_many_at_once_and_nothing_is_left_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bundle.pem");
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| (0..20).for_each(|_| write_public(&path, b"whole").unwrap()));
            }
        });
        assert_eq!(std::fs::read(&path).unwrap(), b"whole");
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o644);
        write_private(&path, b"mine").unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert!(write_public(folder.path(), b"a folder is there").is_err());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
