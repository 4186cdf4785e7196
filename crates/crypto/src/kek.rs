//! The key-encryption key: 32 bytes in a file outside the database, readable by its owner only.

use crate::{random, thumbprint};
use bonafide_types::Secret;
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Size of the key, and of its file, in bytes.
pub const KEK_BYTES: usize = 32;

/// The reason why a key file could not be made or read.
#[derive(Debug, thiserror::Error)]
pub enum KekError {
    /// There is a key already; it is never overwritten.
    #[error("{0} exists already and will not be overwritten")]
    Exists(PathBuf),
    /// There is no key. None is made in its place: what is sealed would be lost (KY-07).
    #[error("{0} does not exist; restore it from its backup, nothing sealed can be read without it")]
    Missing(PathBuf),
    /// Others than the owner may read or write the file.
    #[error("{path} has mode {mode:04o}; others than its owner have rights on it (chmod 600 {path})", path = .path.display())]
    TooOpen {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Not a regular file of 32 bytes.
    #[error("{path} has {bytes} bytes instead of {KEK_BYTES}; it is not a key file or was cut short; restore it from its backup", path = .path.display())]
    Length {
        /// The file.
        path: PathBuf,
        /// Its size, in bytes.
        bytes: u64,
    },
    /// Not a regular file.
    #[error("{0} is not a regular file")]
    NotAFile(PathBuf),
    /// The operating system refused.
    #[error("{path}: {source}", path = .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The refusal.
        source: io::Error,
    },
}

/// A key-encryption key. It wraps the keys of sealed items and nothing else.
pub struct Kek {
    key: Secret<[u8; KEK_BYTES]>,
    id: [u8; 8],
}

impl Kek {
    /// A key of these bytes, which must be random.
    pub fn from_bytes(key: Secret<[u8; KEK_BYTES]>) -> Self {
        let mut id = [0; 8];
        let named = Zeroizing::new([b"bonafide kek id v1\0".as_slice(), key.expose()].concat());
        id.copy_from_slice(&thumbprint::sha256(&named)[..8]);
        Self { key, id }
    }

    /// A new random key, in no file yet.
    pub fn generate() -> Self {
        Self::from_bytes(Secret::new(random::bytes()))
    }

    /// Makes a new key in a new file with mode 0600, on disk when this returns. The file is there whole
    /// or not at all: one that a crash cut short would stop every later start.
    ///
    /// # Errors
    /// [`KekError::Exists`], [`KekError::Io`].
    pub fn create_file(path: &Path) -> Result<Self, KekError> {
        let failed = |source| KekError::Io { path: path.into(), source };
        if path.exists() {
            return Err(KekError::Exists(path.into()));
        }
        let kek = Self::generate();
        let draft = path.with_extension("new");
        let written = write_draft(&draft, &kek).and_then(|()| std::fs::hard_link(&draft, path));
        let removed = std::fs::remove_file(&draft);
        match written.and(removed).and_then(|()| sync_folder(path)) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(KekError::Exists(path.into())),
            Err(error) => Err(failed(error)),
            Ok(()) => Ok(kek),
        }
    }

    /// Reads the key of a file.
    ///
    /// # Errors
    /// [`KekError`]; never makes a key.
    pub fn load_file(path: &Path) -> Result<Self, KekError> {
        let failed = |source| KekError::Io { path: path.into(), source };
        let mut file = match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(KekError::Missing(path.into())),
            opened => opened.map_err(failed)?,
        };
        let metadata = file.metadata().map_err(failed)?;
        if !metadata.is_file() {
            return Err(KekError::NotAFile(path.into()));
        }
        let mode = metadata.permissions().mode() & 0o7777;
        if mode & 0o077 != 0 {
            return Err(KekError::TooOpen { path: path.into(), mode });
        }
        if metadata.len() != KEK_BYTES as u64 {
            return Err(KekError::Length { path: path.into(), bytes: metadata.len() });
        }
        let mut key = Zeroizing::new([0; KEK_BYTES]);
        file.read_exact(&mut *key).map_err(failed)?;
        Ok(Self::from_bytes(Secret::new(*key)))
    }

    /// A name for this key: it tells which key wrapped an item, and nothing about the key.
    pub fn id(&self) -> [u8; 8] {
        self.id
    }

    pub(crate) fn key(&self) -> &[u8; KEK_BYTES] {
        self.key.expose()
    }
}

/// Writes the key beside its file, over the leftover of a crash.
fn write_draft(draft: &Path, kek: &Kek) -> io::Result<()> {
    match std::fs::remove_file(draft) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(draft)?;
    file.write_all(kek.key.expose())?;
    file.sync_all()
}

fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

impl fmt::Debug for Kek {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kek").field("id", &thumbprint::hex(&self.id)).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, Permissions};

    #[test]
    fn ky_04_the_file_is_made_once_for_its_owner_only_and_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kek");
        let made = Kek::create_file(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
        assert_eq!(Kek::load_file(&path).unwrap().key(), made.key());
        assert!(matches!(Kek::create_file(&path), Err(KekError::Exists(_))));
        assert_eq!(Kek::load_file(&path).unwrap().id(), made.id());
    }

    #[test]
    fn the_leftover_of_a_crash_stops_no_later_start() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        fs::write(folder.path().join("key.new"), [7; 5]).unwrap();
        let made = Kek::create_file(&path).unwrap();
        assert_eq!(Kek::load_file(&path).unwrap().id(), made.id());
        let files: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
        assert_eq!(files, ["key"], "and nothing is left over");
    }

    #[test]
    fn ky_04_a_file_that_others_may_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kek");
        Kek::create_file(&path).unwrap();
        for mode in [0o640, 0o604, 0o660, 0o602, 0o610] {
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            let error = Kek::load_file(&path).unwrap_err();
            assert!(matches!(error, KekError::TooOpen { mode: found, .. } if found == mode), "{error}");
        }
        fs::set_permissions(&path, Permissions::from_mode(0o400)).unwrap();
        assert!(Kek::load_file(&path).is_ok());
    }

    #[test]
    fn ky_07_a_missing_or_cut_key_is_an_error_and_no_new_key_is_made() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kek");
        assert!(matches!(Kek::load_file(&path), Err(KekError::Missing(_))));
        assert!(!path.exists());
        Kek::create_file(&path).unwrap();
        for bytes in [0, 31, 33, 4096] {
            OpenOptions::new().write(true).open(&path).unwrap().set_len(bytes).unwrap();
            assert!(matches!(Kek::load_file(&path), Err(KekError::Length { bytes: found, .. }) if found == bytes));
        }
        assert!(matches!(Kek::load_file(folder.path()), Err(KekError::NotAFile(_))));
    }

    #[test]
    fn a_key_does_not_print() {
        let kek = Kek::from_bytes(Secret::new([0x41; 32]));
        let printed = format!("{kek:?}");
        assert!(!printed.contains("65") && !printed.contains("4141") && !printed.contains("AAAA"), "{printed}");
    }
}
