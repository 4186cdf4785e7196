//! The authorities that clients on this machine are to trust: the system's and ours, in the two forms that clients read.

use bonafide_crypto::truststore;
use bonafide_files::{FilesError, Readers, read, system_authorities, write_public};
use bonafide_plane::PlaneFiles;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use std::path::{Path, PathBuf};

/// Files with the authorities of the system and ours.
#[derive(Debug, Clone)]
pub(crate) struct TrustFiles {
    /// PEM, for most clients.
    pub(crate) bundle: PathBuf,
    /// PKCS #12, for Java.
    pub(crate) truststore: PathBuf,
}

/// Writes the system's authorities and ours into one file of each form.
pub(crate) fn write_trust_files(files: &PlaneFiles) -> Result<TrustFiles, FilesError> {
    let text = |bytes| String::from_utf8(bytes).ok();
    let own = text(read(&files.ca_file(), Readers::Anybody)?).unwrap_or_default();
    let system = system_authorities().unwrap_or_default();
    let bundle = format!("{}\n{own}", system.trim_end());
    Ok(TrustFiles {
        bundle: write_if_changed(files.bundle_file(), bundle.as_bytes())?,
        truststore: write_if_changed(files.truststore_file(), &java(&own, &system))?,
    })
}

/// Commands that run meanwhile read these files: each is written again only when it has changed.
fn write_if_changed(path: PathBuf, content: &[u8]) -> Result<PathBuf, FilesError> {
    if !is_content(&path, content) {
        write_public(&path, content)?;
    }
    Ok(std::path::absolute(&path).unwrap_or(path))
}

fn is_content(path: &Path, content: &[u8]) -> bool {
    read(path, Readers::Anybody).is_ok_and(|found| found == content)
}

/// Java keeps certificates under names, and of two with one name only the last.
fn java(own: &str, system: &str) -> Vec<u8> {
    let own = certificates(own);
    let system = certificates(system).into_iter().filter(|der| !own.contains(der));
    let system = system.enumerate().map(|(number, der)| (format!("system-{}", number + 1), der));
    let own = own.iter().enumerate().map(|(number, der)| match number {
        0 => ("bonafide".to_owned(), der.clone()),
        _ => (format!("bonafide-{}", number + 1), der.clone()),
    });
    let named: Vec<(String, CertificateDer<'_>)> = own.chain(system).collect();
    truststore::write(named.iter().map(|(name, der)| (name.as_str(), der.as_ref())))
}

/// The certificates of a PEM text. What cannot be read is nothing that could be trusted.
fn certificates(pem: &str) -> Vec<CertificateDer<'static>> {
    CertificateDer::pem_slice_iter(pem.as_bytes()).filter_map(Result::ok).collect()
}
