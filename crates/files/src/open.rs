//! Opening files: in the shell nothing else does (`cargo xtask tidy`).
//!
//! A link, a pipe or a file of another user's in the place of one of ours could choose our keys, have a file of another
//! place read or written, or hold a start up for ever. So a file of the data directory is opened without following a
//! link and without waiting, and is looked at once it is open.

use crate::reading::{whole, without_waiting};
use crate::user::User;
use crate::{FilesError, io};
use bonafide_types::Secret;
use rustix::fs::OFlags;
use std::fs::{File, Metadata, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

/// Rights of others to write.
const OTHERS_WRITE: u32 = 0o022;
/// Rights of others of any kind.
const OTHERS_ANY: u32 = 0o077;
/// The same, but for those of the file's group to read.
const STRANGERS_ANY: u32 = 0o037;

/// The readers of a file of the data directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readers {
    /// Its owner alone.
    Owner,
    /// Anybody.
    Anybody,
}

/// Reads a file of the data directory.
pub fn read(path: &Path, readers: Readers) -> Result<Vec<u8>, FilesError> {
    whole(path, open(path, readers)?)
}

/// Opens a file of the data directory for reading.
pub(crate) fn open(path: &Path, readers: Readers) -> Result<File, FilesError> {
    let file = without_waiting(OpenOptions::new().read(true), OFlags::NOFOLLOW, path)?;
    look(path, &file.metadata().map_err(|error| io(path, error))?, readers)?;
    Ok(file)
}

/// Opens a file of the data directory for writing at its end; makes it, for its owner alone, if need be.
pub(crate) fn append(path: &Path) -> Result<File, FilesError> {
    let file = without_waiting(OpenOptions::new().append(true).create(true).mode(0o600), OFlags::NOFOLLOW, path)?;
    look(path, &file.metadata().map_err(|error| io(path, error))?, Readers::Anybody)?;
    Ok(file)
}

/// Looks at a file of the data directory that somebody else opens, a storage engine, before it does. One that is not
/// there is none to fear: nobody but the owner can put it into the folder meanwhile.
pub fn look_before_opening(path: &Path, readers: Readers) -> Result<(), FilesError> {
    match std::fs::symlink_metadata(path) {
        Ok(found) => look(path, &found, readers),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(io(path, error)),
    }
}

/// Reads a file that a configuration names. It may be a link, as mounted secrets are, and is looked at where it ends:
/// it belongs to this process's user or to root, and others cannot write to it.
pub fn read_named(path: &Path) -> Result<Vec<u8>, FilesError> {
    let file = without_waiting(OpenOptions::new().read(true), OFlags::empty(), path)?;
    look(path, &file.metadata().map_err(|error| io(path, error))?, Readers::Anybody)?;
    whole(path, file)
}

/// Reads a secret that a configuration names, likewise: others than its owner and group cannot read it either. A group
/// may, for that is how root lets a service read what it cannot change.
pub fn read_named_secret(path: &Path) -> Result<Secret<Vec<u8>>, FilesError> {
    let file = without_waiting(OpenOptions::new().read(true), OFlags::empty(), path)?;
    look_for(path, &file.metadata().map_err(|error| io(path, error))?, STRANGERS_ANY)?;
    whole(path, file).map(Secret::new)
}

/// Opens a folder, to make its entries durable or to reach them through it.
pub fn open_folder(path: &Path) -> std::io::Result<File> {
    let flags = OFlags::DIRECTORY.bits().cast_signed();
    OpenOptions::new().read(true).custom_flags(flags).open(path)
}

fn look(path: &Path, found: &Metadata, readers: Readers) -> Result<(), FilesError> {
    look_for(path, found, if readers == Readers::Owner { OTHERS_ANY } else { OTHERS_WRITE })
}

/// Refuses a file that is another's, or on which others have any right of `others`.
fn look_for(path: &Path, found: &Metadata, others: u32) -> Result<(), FilesError> {
    if !found.is_file() {
        return Err(FilesError::NotAFile(path.to_owned()));
    }
    let owner = User::told(found.uid());
    if !vouches(owner, path)? {
        return Err(FilesError::OfAnother { path: path.to_owned(), owner });
    }
    let mode = found.mode() & 0o7777;
    if mode & others != 0 {
        return Err(FilesError::TooOpen { path: path.to_owned(), mode, wanted: mode & !others & 0o777 });
    }
    Ok(())
}

/// True for an owner of a file who may decide what is in it: this process's user, root, and for root, who uses the data
/// directory of another, the owner of the folder.
fn vouches(owner: Option<User>, path: &Path) -> Result<bool, FilesError> {
    let me = User::of_this_process()?;
    let Some(owner) = owner else { return Ok(false) };
    if owner == me || owner == User::ROOT {
        return Ok(true);
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let of_folder = || std::fs::metadata(folder).ok().and_then(|folder| User::told(folder.uid()));
    Ok(me == User::ROOT && of_folder() == Some(owner))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    use std::fs::{Permissions, set_permissions, write};
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test]
    fn ha_05_a_link_a_pipe_and_a_folder_are_no_files_and_none_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        write(path("file"), "content").unwrap();
        symlink(path("file"), path("link")).unwrap();
        symlink(path("nowhere"), path("dangling")).unwrap();
        std::fs::create_dir(path("folder")).unwrap();
        mknodat(CWD, path("pipe"), FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
        for name in ["link", "dangling", "folder", "pipe"] {
            let found = read(&path(name), Readers::Anybody);
            assert!(matches!(found, Err(FilesError::NotAFile(_))), "{name}");
            assert!(append(&path(name)).is_err(), "{name}");
            assert!(look_before_opening(&path(name), Readers::Anybody).is_err(), "{name}");
        }
        assert!(!path("nowhere").exists(), "a link is not followed");
        assert_eq!(read_named(&path("link")).unwrap(), b"content");
        assert!(matches!(read_named(&path("pipe")), Err(FilesError::NotAFile(_))));
        assert!(look_before_opening(&path("absent"), Readers::Owner).is_ok());
    }

    #[test]
    fn ha_05_rights_of_others_are_refused_by_what_a_file_is_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        write(&path, "content").unwrap();
        for (mode, private, public, secret) in [
            (0o600, true, true, true),
            (0o400, true, true, true),
            (0o640, false, true, true),
            (0o644, false, true, false),
            (0o620, false, false, false),
            (0o602, false, false, false),
        ] {
            set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            assert_eq!(read(&path, Readers::Owner).is_ok(), private, "{mode:o}");
            assert_eq!(read(&path, Readers::Anybody).is_ok(), public, "{mode:o}");
            assert_eq!(read_named(&path).is_ok(), public, "{mode:o}");
            assert_eq!(read_named_secret(&path).is_ok(), secret, "{mode:o}");
        }
    }
}
