//! The file of a key-encryption key: 32 bytes, readable by its owner only.

use crate::open::{self, Readers, open_folder};
use crate::{FilesError, KEY, io};
use bonafide_crypto::kek::{KEK_BYTES, Kek};
use bonafide_crypto::thumbprint::hex;
use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// The end of the name of a key's file that is not written yet.
const DRAFT: &str = "new";

/// Reads a key-encryption key; makes one when `fresh`, that is, when nothing was sealed yet, and tells `before` of it before
/// it has a file. A lost key is never replaced by a new one (KY-07).
pub(crate) fn key(
    path: &Path,
    fresh: bool,
    before: impl FnOnce(&Kek) -> Result<(), FilesError>,
) -> Result<Kek, FilesError> {
    match load(path) {
        Err(FilesError::Io { error, .. }) if error.kind() == ErrorKind::NotFound => match fresh {
            true => {
                let kek = Kek::generate();
                before(&kek)?;
                create(path, kek)
            }
            false => Err(FilesError::KeyMissing(path.to_owned())),
        },
        found => found,
    }
}

/// Removes the draft that a crash left of a key in a folder. Only while nobody writes there.
pub fn remove_key_draft(folder: &Path) -> Result<(), FilesError> {
    crate::remove(&folder.join(KEY).with_extension(DRAFT))
}

/// A name that tells nothing about the key.
pub(crate) fn name_of(kek: &Kek) -> String {
    hex(&kek.id())
}

pub(crate) fn load(path: &Path) -> Result<Kek, FilesError> {
    let mut file = open::open(path, Readers::Owner)?;
    let bytes = file.metadata().map_err(|error| io(path, error))?.len();
    if bytes != KEK_BYTES as u64 {
        return Err(FilesError::NotAKey { path: path.to_owned(), bytes });
    }
    Kek::read(&mut file).map_err(|error| io(path, error))
}

/// Keeps a new key in a new file, on disk when this returns. The file is there whole or not at all: one that a crash cut
/// short would stop every later start.
fn create(path: &Path, kek: Kek) -> Result<Kek, FilesError> {
    let draft = path.with_extension(DRAFT);
    // The leftover of a crash.
    crate::remove(&draft)?;
    let written = write_draft(&draft, &kek).and_then(|()| std::fs::hard_link(&draft, path));
    let removed = std::fs::remove_file(&draft);
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let done = written.and(removed).and_then(|()| open_folder(folder)?.sync_all());
    done.map_err(|error| io(path, error))?;
    Ok(kek)
}

fn write_draft(draft: &Path, kek: &Kek) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(draft)?;
    kek.write(&mut file)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn ky_04_the_file_is_made_once_for_its_owner_only_and_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let made = key(&path, true, |_| Ok(())).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
        assert_eq!(key(&path, false, |_| Ok(())).unwrap().id(), made.id());
        assert_eq!(key(&path, true, |_| Ok(())).unwrap().id(), made.id(), "it is never overwritten");
        assert!(create(&path, Kek::generate()).is_err());
    }

    #[test]
    fn the_leftover_of_a_crash_stops_no_later_start() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        fs::write(folder.path().join("key.new"), [7; 5]).unwrap();
        let made = key(&path, true, |_| Ok(())).unwrap();
        assert_eq!(key(&path, false, |_| Ok(())).unwrap().id(), made.id());
        let files: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
        assert_eq!(files, ["key"], "and nothing is left over");
    }

    #[test]
    fn ky_04_a_file_that_others_may_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        key(&path, true, |_| Ok(())).unwrap();
        for mode in [0o640, 0o604, 0o660, 0o602, 0o610] {
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            let refused = key(&path, false, |_| Ok(()));
            assert!(matches!(refused, Err(FilesError::TooOpen { mode: found, .. }) if found == mode), "{mode:o}");
        }
        fs::set_permissions(&path, Permissions::from_mode(0o400)).unwrap();
        assert!(key(&path, false, |_| Ok(())).is_ok());
    }

    #[test]
    fn ky_07_a_missing_or_cut_key_is_an_error_and_no_new_key_is_made() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        assert!(matches!(key(&path, false, |_| Ok(())), Err(FilesError::KeyMissing(_))));
        assert!(!path.exists());
        key(&path, true, |_| Ok(())).unwrap();
        for bytes in [0, 31, 33, 4096] {
            OpenOptions::new().write(true).open(&path).unwrap().set_len(bytes).unwrap();
            assert!(
                matches!(key(&path, true, |_| Ok(())), Err(FilesError::NotAKey { bytes: found, .. }) if found == bytes)
            );
        }
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        assert!(matches!(key(&path, true, |_| Ok(())), Err(FilesError::NotAFile(_))));
    }
}
