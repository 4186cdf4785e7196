//! The data directory: what lies where, and with which rights.

use bonafide_crypto::Kek;
use bonafide_crypto::kek::KekError;
use std::fs::{DirBuilder, File, Permissions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// How the name of a file ends that is not written yet.
const DRAFT: &str = ".new";
/// The name of a key-encryption key's file.
const KEY: &str = "key";

/// A data directory, owned by one process at a time (the engine holds its lock).
#[derive(Debug, Clone)]
pub struct DataDir {
    root: PathBuf,
}

/// Why the data directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    /// A file or folder could not be made, read or written.
    #[error("cannot use {path}: {error}")]
    Io {
        /// Which one.
        path: PathBuf,
        /// Why.
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
    /// The same for the agent, which can do without what it sealed.
    #[error(
        "the key file {0} is missing, but the agent's keys were sealed with it; put it back from your backup, or \
         delete agent/state.json, and the agent joins anew"
    )]
    AgentKeyMissing(PathBuf),
    /// The database is gone, or is another one, and other files of the deployment are still there.
    #[error(
        "{trace} shows that there is a deployment here, but its database in {store} is lost or empty; nothing was \
         changed: restore {store} from your backup, or start anew in another directory with --data-dir"
    )]
    DatabaseLost {
        /// Where the database is.
        store: PathBuf,
        /// What shows it.
        trace: PathBuf,
    },
    /// A file that is written by this program alone has something else in it.
    #[error("{path} is damaged ({reason}): {remedy}")]
    Damaged {
        /// Which one.
        path: PathBuf,
        /// What is wrong.
        reason: String,
        /// What to do.
        remedy: &'static str,
    },
    /// No space is left.
    #[error("cannot write {0}: no space is left on its disk; make space and try again")]
    Full(PathBuf),
    /// The key-encryption key cannot be used.
    #[error(transparent)]
    Key(#[from] KekError),
}

impl DataDir {
    /// Makes the directory if need be, readable by its owner only, and invisible to git.
    pub fn create(root: &Path) -> Result<Self, DataDirError> {
        let dir = Self { root: root.to_owned() };
        for path in [root.to_owned(), dir.store(), dir.operator(), dir.agent(), dir.agent_keys(), dir.log()] {
            make_dir(&path)?;
            trusted(&path)?;
        }
        let ignore = root.join(".gitignore");
        if !ignore.exists() {
            write_private(&ignore, b"*\n")?;
        }
        Ok(dir)
    }

    /// The directory as it is, without making anything.
    pub fn at(root: &Path) -> Result<Self, DataDirError> {
        let dir = Self { root: root.to_owned() };
        for path in [root.to_owned(), dir.agent()] {
            match trusted(&path) {
                Err(DataDirError::Io { error, .. }) if error.kind() == ErrorKind::NotFound => {
                    return Err(DataDirError::NotThere(path));
                }
                other => other?,
            }
        }
        Ok(dir)
    }

    /// Removes what a crash left of files that were being written: keys and secrets can be among it. Only under
    /// the store's lock, so that nobody is writing. `bundle.pem` and `truststore.p12` are written without, and have nothing secret.
    pub(crate) fn remove_drafts(&self) -> Result<(), DataDirError> {
        remove(&self.root.join(KEY).with_extension(&DRAFT[1..]))?;
        for folder in [self.operator(), self.agent(), self.agent_keys()] {
            for file in std::fs::read_dir(&folder).map_err(|error| io(&folder, error))? {
                let path = file.map_err(|error| io(&folder, error))?.path();
                if path.as_os_str().as_encoded_bytes().ends_with(DRAFT.as_bytes()) {
                    remove(&path)?;
                }
            }
        }
        Ok(())
    }

    /// The database.
    pub fn store(&self) -> PathBuf {
        self.root.join("store")
    }

    /// The certificate of the authority that signs the server's certificate.
    pub fn ca_file(&self) -> PathBuf {
        self.root.join("ca.pem")
    }

    /// The system's authorities and ours in one file, for clients that take only one.
    pub fn bundle_file(&self) -> PathBuf {
        self.root.join("bundle.pem")
    }

    /// The same for Java.
    pub fn truststore_file(&self) -> PathBuf {
        self.root.join("truststore.p12")
    }

    /// The description that `info` prints.
    pub fn description(&self) -> PathBuf {
        self.root.join("info.json")
    }

    /// The failures of this process and those before it, whole path: answers name it to who may be anywhere.
    pub fn log_file(&self) -> PathBuf {
        let file = self.log().join("bonafide.log");
        std::path::absolute(&file).unwrap_or(file)
    }

    /// The operator's client secret.
    pub fn operator_secret(&self) -> PathBuf {
        self.operator().join("secret")
    }

    /// The operator's key and certificate.
    pub fn operator_certificate(&self) -> PathBuf {
        self.operator().join("certificate.pem")
    }

    /// The socket through which the command line asks the agent for endpoints.
    pub fn agent_socket(&self) -> PathBuf {
        self.agent().join("control.sock")
    }

    /// What the agent remembers of itself.
    pub fn agent_state(&self) -> PathBuf {
        self.agent().join("state.json")
    }

    /// The agent's identity keys, sealed, one file each.
    pub fn agent_keys(&self) -> PathBuf {
        self.agent().join("keys")
    }

    /// Reads the control plane's key-encryption key; makes one when `fresh`, that is, when nothing
    /// was sealed yet. A lost key is never replaced by a new one (KY-07).
    pub fn control_plane_key(&self, fresh: bool) -> Result<Kek, DataDirError> {
        key(&self.root.join(KEY), fresh)
    }

    /// The same for the agent, whose keys the control plane never sees.
    pub fn agent_key(&self) -> Result<Kek, DataDirError> {
        let fresh = !self.agent_state().exists();
        key(&self.agent_key_file(), fresh).map_err(|error| match error {
            DataDirError::KeyMissing(path) => DataDirError::AgentKeyMissing(path),
            other => other,
        })
    }

    /// Where that is.
    pub(crate) fn agent_key_file(&self) -> PathBuf {
        self.agent().join(KEY)
    }

    fn operator(&self) -> PathBuf {
        self.root.join("operator")
    }

    fn agent(&self) -> PathBuf {
        self.root.join("agent")
    }

    fn log(&self) -> PathBuf {
        self.root.join("log")
    }
}

fn key(path: &Path, fresh: bool) -> Result<Kek, DataDirError> {
    match (path.exists(), fresh) {
        (true, _) => Ok(Kek::load_file(path)?),
        (false, true) => Ok(Kek::create_file(path)?),
        (false, false) => Err(DataDirError::KeyMissing(path.to_owned())),
    }
}

fn remove(path: &Path) -> Result<(), DataDirError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(io(path, error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn make_dir(path: &Path) -> Result<(), DataDirError> {
    match DirBuilder::new().recursive(true).mode(0o700).create(path) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        Err(error) => Err(io(path, error)),
    }
}

/// Refuses a folder that another user made or can write to: whoever can put files there decides which
/// keys are used and which authority is trusted.
fn trusted(path: &Path) -> Result<(), DataDirError> {
    let found = std::fs::metadata(path).map_err(|error| io(path, error))?;
    let is_ours = found.uid() == rustix::process::geteuid().as_raw() || found.uid() == 0;
    if is_ours && found.mode() & 0o022 == 0 { Ok(()) } else { Err(DataDirError::Untrusted(path.to_owned())) }
}

/// Writes a file that only its owner may read: whole or not at all, and durable when it returns.
pub(crate) fn write_private(path: &Path, content: &[u8]) -> Result<(), DataDirError> {
    write_with_mode(path, content, 0o600)
}

/// The same for a file that everybody may read.
pub(crate) fn write_public(path: &Path, content: &[u8]) -> Result<(), DataDirError> {
    write_with_mode(path, content, 0o644)
}

fn write_with_mode(path: &Path, content: &[u8], mode: u32) -> Result<(), DataDirError> {
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

pub(crate) fn io(path: &Path, error: std::io::Error) -> DataDirError {
    match error.kind() {
        ErrorKind::StorageFull => DataDirError::Full(path.to_owned()),
        _ => DataDirError::Io { path: path.to_owned(), error },
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
