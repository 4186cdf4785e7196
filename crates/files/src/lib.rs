//! Files that only their owner may read or write, as every part of the shell keeps them: written whole or not at
//! all, in folders that nobody else can write to.

#![allow(clippy::disallowed_methods, reason = "the shell: it owns clock, entropy, environment and files")]
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod log_file;
mod root;

pub use log_file::LogFile;
pub use root::Root;

use bonafide_crypto::Kek;
use bonafide_crypto::kek::KekError;
use std::fs::{DirBuilder, File, Permissions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

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
    /// Another user could have put things there.
    #[error("{0} belongs to another user or can be written to by others; use a data directory of your own")]
    Untrusted(PathBuf),
    /// The key-encryption key is missing, although there is data that was sealed with it.
    #[error(
        "the key file {0} is missing, but the database was sealed with it; put it back from your backup \
         (a new key would open nothing)"
    )]
    KeyMissing(PathBuf),
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
    /// No space is left.
    #[error("cannot write {0}: no space is left on its disk; make space and try again")]
    Full(PathBuf),
    /// The key-encryption key cannot be used.
    #[error(transparent)]
    Key(#[from] KekError),
}

/// Reads a key-encryption key; makes one when `fresh`, that is, when nothing was sealed yet. A lost key is never
/// replaced by a new one (KY-07).
pub fn key(path: &Path, fresh: bool) -> Result<Kek, FilesError> {
    match (path.exists(), fresh) {
        (true, _) => Ok(Kek::load_file(path)?),
        (false, true) => Ok(Kek::create_file(path)?),
        (false, false) => Err(FilesError::KeyMissing(path.to_owned())),
    }
}

/// Removes a file, if it is there.
fn remove(path: &Path) -> Result<(), FilesError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(io(path, error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Makes a folder that only its owner may enter, if need be.
fn make_dir(path: &Path) -> Result<(), FilesError> {
    match DirBuilder::new().recursive(true).mode(0o700).create(path) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        Err(error) => Err(io(path, error)),
    }
}

/// Makes folders that only their owner may enter, if need be, and refuses those that others can write to.
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

/// Removes the draft of one key file, likewise.
pub fn remove_key_draft(folder: &Path) -> Result<(), FilesError> {
    remove(&folder.join(KEY).with_extension(&DRAFT[1..]))
}

/// Refuses a folder that another user made or can write to: whoever can put files there decides which
/// keys are used and which authority is trusted.
pub fn trusted(path: &Path) -> Result<(), FilesError> {
    let found = std::fs::metadata(path).map_err(|error| io(path, error))?;
    let is_ours = found.uid() == rustix::process::geteuid().as_raw() || found.uid() == 0;
    if is_ours && found.mode() & 0o022 == 0 { Ok(()) } else { Err(FilesError::Untrusted(path.to_owned())) }
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
    let draft = builder.tempfile_in(folder).map_err(|error| io(path, error))?;
    let made = write(draft.path())?;
    let kept = (|| {
        File::open(draft.path())?.sync_all()?;
        draft.persist_noclobber(path)?;
        File::open(folder)?.sync_all()
    })();
    match kept {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Err(exists().into()),
        other => other.map(|()| made).map_err(|error| io(path, error).into()),
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
        File::open(folder)?.sync_all()
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
