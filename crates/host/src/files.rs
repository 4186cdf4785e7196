//! The agent's files in a data directory.

use bonafide_crypto::Kek;
use bonafide_files::{FilesError, Lock, Root, User, Vouched, io, make_dirs, remove_drafts, trusted};
use bonafide_types::{BindingId, ResourceUuid};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// The agent's files.
#[derive(Debug, Clone)]
pub struct HostFiles {
    root: Root,
}

impl HostFiles {
    /// Makes the folders if need be.
    pub fn create(root: &Root) -> Result<Self, FilesError> {
        let files = Self { root: root.clone() };
        make_dirs([
            files.folder(),
            files.keys(),
            files.kept(),
            files.kept_tokens(),
            files.kept_instances(),
            files.bindings(),
        ])?;
        Ok(files)
    }

    /// The files as they are, without making anything.
    pub fn at(root: &Root) -> Result<Self, FilesError> {
        let files = Self { root: root.clone() };
        match trusted(&files.folder()) {
            Err(FilesError::Io { path, error }) if error.kind() == ErrorKind::NotFound => {
                Err(FilesError::NotThere(path))
            }
            other => other.map(|()| files),
        }
    }

    /// The data directory.
    pub(crate) fn data_dir(&self) -> &Path {
        self.root.path()
    }

    /// The user whose they are.
    pub fn owner(&self) -> User {
        self.root.owner()
    }

    /// Removes the files that a crash left half written. Only while this process has the data directory.
    pub fn remove_drafts(&self) -> Result<(), FilesError> {
        [self.folder(), self.keys(), self.kept(), self.kept_tokens(), self.kept_instances(), self.bindings()]
            .iter()
            .try_for_each(|folder| remove_drafts(folder))
    }

    /// Puts the folder aside with all that is in it, under a name that ends with `suffix`, and makes an empty one in its
    /// place. The new name. Only while this process has the data directory.
    pub(crate) fn set_aside(&self, suffix: &str) -> Result<PathBuf, FilesError> {
        let (folder, aside) = (self.folder(), self.root.path().join(format!("agent.before-{suffix}")));
        std::fs::rename(&folder, &aside).map_err(|error| io(&aside, error))?;
        make_dirs([folder, self.keys(), self.kept(), self.kept_tokens(), self.kept_instances(), self.bindings()])?;
        Ok(aside)
    }

    /// The files that show that an agent has been here.
    pub fn traces(&self) -> [PathBuf; 2] {
        [self.key(), self.state()]
    }

    /// The file that answers of 500 name.
    pub fn log_file(&self) -> PathBuf {
        self.root.log_file()
    }

    /// The socket through which the command line asks the agent for endpoints.
    pub fn socket(&self) -> PathBuf {
        self.folder().join("control.sock")
    }

    /// The state that the agent keeps of itself.
    pub(crate) fn state(&self) -> PathBuf {
        self.folder().join("state.json")
    }

    /// The control plane that the host joined, sealed.
    pub(crate) fn control_plane(&self) -> PathBuf {
        self.folder().join("control-plane")
    }

    /// True for a folder of a host that joined a control plane elsewhere.
    pub fn has_joined(&self) -> bool {
        self.control_plane().exists()
    }

    /// Takes the agent's files for this process, as long as it has the returned lock.
    pub fn lock(&self) -> Result<Lock, FilesError> {
        Lock::take(&self.root.path().join("agent.lock"))
    }

    /// The identity keys, sealed, one file each.
    pub(crate) fn keys(&self) -> PathBuf {
        self.folder().join("keys")
    }

    /// The rows of bindings, sealed, one file each, and the header files of those that have a secret.
    pub(crate) fn bindings(&self) -> PathBuf {
        self.folder().join("bindings")
    }

    /// The file with the secret that callers of a binding must show.
    pub(crate) fn header_of(&self, binding: BindingId) -> PathBuf {
        let file = self.bindings().join(format!("{binding}.header"));
        std::path::absolute(&file).unwrap_or(file)
    }

    /// The sealed files for the time without a control plane.
    pub(crate) fn kept(&self) -> PathBuf {
        self.folder().join("kept")
    }

    /// The workloads among them.
    pub(crate) fn desired(&self) -> PathBuf {
        self.kept().join("desired")
    }

    /// The tokens among them, a file for each workload.
    pub(crate) fn kept_tokens(&self) -> PathBuf {
        self.kept().join("tokens")
    }

    /// The tokens of a workload.
    pub(crate) fn kept_tokens_of(&self, workload: ResourceUuid) -> PathBuf {
        self.kept_tokens().join(workload.to_string())
    }

    /// The documents of machines among them, a file each.
    pub(crate) fn kept_instances(&self) -> PathBuf {
        self.kept().join("instances")
    }

    /// The document of a machine.
    pub(crate) fn kept_instance_of(&self, workload: ResourceUuid) -> PathBuf {
        self.kept_instances().join(workload.to_string())
    }

    /// The record that tells an older copy of the folder. It is beside the folder, not in it.
    pub(crate) fn seen(&self) -> PathBuf {
        self.root.path().join("agent.seen")
    }

    /// The record that tells an older copy of the rows of bindings. It is beside the folder, too.
    pub(crate) fn attached(&self) -> PathBuf {
        self.root.path().join("agent.attached")
    }

    /// The agent's own key-encryption key.
    pub(crate) fn key(&self) -> PathBuf {
        self.root.file(Vouched::AgentKey)
    }

    /// Reads that; makes one when `fresh`, that is, when nothing was sealed yet.
    pub(crate) fn read_key(&self, fresh: bool) -> Result<Kek, FilesError> {
        self.root.key(Vouched::AgentKey, fresh)
    }

    fn folder(&self) -> PathBuf {
        self.root.path().join("agent")
    }
}
