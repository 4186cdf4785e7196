//! The control plane's files in a data directory.

use bonafide_crypto::Kek;
use bonafide_files::{
    FilesError, Readers, Root, Vouched, look_before_opening, make_dirs, remove_drafts, remove_key_draft,
};
use bonafide_store_sqlite::{DATABASE_FILE, FILES};
use std::path::{Path, PathBuf};

/// The control plane's files, owned by one process at a time (the engine holds its lock).
#[derive(Debug, Clone)]
pub struct PlaneFiles {
    root: Root,
}

impl PlaneFiles {
    /// Makes the folders if need be.
    pub fn create(root: &Root) -> Result<Self, FilesError> {
        let files = Self::at(root);
        make_dirs([files.store(), files.operator()])?;
        Ok(files)
    }

    /// The files as they are, without making anything.
    pub fn at(root: &Root) -> Self {
        Self { root: root.clone() }
    }

    /// Removes the files that a crash left half written. Only under the store's lock, so that nobody is writing.
    /// `bundle.pem` and `truststore.p12` are written without it, and have nothing secret.
    pub(crate) fn remove_drafts(&self) -> Result<(), FilesError> {
        remove_key_draft(self.root.path())?;
        remove_drafts(&self.operator())
    }

    /// The folder of the database.
    pub fn store(&self) -> PathBuf {
        self.join("store")
    }

    /// Looks at the files of the database before its engine opens them.
    pub(crate) fn look_at_store(&self) -> Result<(), FilesError> {
        look_before_opening(&self.mark(), Readers::Owner)?;
        FILES.iter().try_for_each(|name| look_before_opening(&self.store().join(name), Readers::Owner))
    }

    /// The database.
    pub fn database(&self) -> PathBuf {
        self.store().join(DATABASE_FILE)
    }

    /// The store's high-water mark: beside its folder, so that a copy of that which is put back does not bring it along.
    pub fn mark(&self) -> PathBuf {
        self.join("mark")
    }

    /// The certificate of the authority that signs the server's certificate.
    pub fn ca_file(&self) -> PathBuf {
        self.root.file(Vouched::Authority)
    }

    /// The system's authorities and ours in one file, for clients that take only one.
    pub fn bundle_file(&self) -> PathBuf {
        self.join("bundle.pem")
    }

    /// The same for Java.
    pub fn truststore_file(&self) -> PathBuf {
        self.join("truststore.p12")
    }

    /// The description that `info` prints.
    pub fn description(&self) -> PathBuf {
        self.root.file(Vouched::Description)
    }

    /// Writes the certificate of the authority.
    pub(crate) fn write_ca(&self, pem: &str) -> Result<(), FilesError> {
        self.root.write(Vouched::Authority, pem.as_bytes())
    }

    /// Writes the description.
    pub(crate) fn write_description(&self, json: &[u8]) -> Result<(), FilesError> {
        self.root.write(Vouched::Description, json)
    }

    /// The file that answers of 500 name.
    pub(crate) fn log_file(&self) -> PathBuf {
        self.root.log_file()
    }

    /// The operator's client secret.
    pub fn operator_secret(&self) -> PathBuf {
        self.operator().join("secret")
    }

    /// The operator's key and certificate.
    pub fn operator_certificate(&self) -> PathBuf {
        self.operator().join("certificate.pem")
    }

    /// Reads the key-encryption key; makes one when `fresh`, that is, when nothing was sealed yet.
    pub fn key(&self, fresh: bool) -> Result<Kek, FilesError> {
        self.root.key(Vouched::Key, fresh)
    }

    /// The key-encryption key.
    pub fn key_file(&self) -> PathBuf {
        self.root.file(Vouched::Key)
    }

    /// The folder of what the operator signs in with.
    fn operator(&self) -> PathBuf {
        self.join("operator")
    }

    fn join(&self, name: impl AsRef<Path>) -> PathBuf {
        self.root.path().join(name)
    }
}
