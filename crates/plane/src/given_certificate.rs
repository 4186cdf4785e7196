//! The operator's own certificate for the public origin, in the place of one of ours. It is read at the start, and again
//! whenever the operator says so; one that would not do is refused, and the one before stays (NP-02).

use bonafide_crypto::Certificate;
use bonafide_crypto::ca::ServerName;
use bonafide_files::{FilesError, read_named, read_named_secret};
use bonafide_http::clock;
use bonafide_http::tls::provider;
use bonafide_types::Timestamp;
use rustls::client::verify_server_name;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName as TlsName};
use rustls::server::{ClientHello, ParsedCertificate, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

/// The files of a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFiles {
    /// The certificate and those between it and its root (PEM), its own first.
    pub certificate: PathBuf,
    /// Its private key (PEM).
    pub key: PathBuf,
}

/// The reason why a certificate is not used.
#[derive(Debug, thiserror::Error)]
pub enum GivenCertificateError {
    /// The files.
    #[error(transparent)]
    Files(#[from] FilesError),
    /// There is no certificate in the file.
    #[error("{} has no certificate (PEM, BEGIN CERTIFICATE): put the server's certificate there, and those above it", .0.display())]
    NoCertificate(PathBuf),
    /// There is no key in the file.
    #[error("{} has no private key without a passphrase (PEM, BEGIN PRIVATE KEY)", .0.display())]
    NoKey(PathBuf),
    /// The key is another's, or of a kind that TLS does not know.
    #[error("the key in {} does not fit the first certificate in {}: {reason}", files.key.display(), files.certificate.display())]
    Mismatch {
        /// The files.
        files: CertificateFiles,
        /// The reason of the library.
        reason: String,
    },
    /// The certificate cannot be read.
    #[error("the first certificate in {} cannot be read: {reason}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The reason of the library.
        reason: String,
    },
    /// It is not valid now.
    #[error(
        "the certificate in {} is valid from {} to {}, and the clock shows {}: renew it, or set the clock",
        path.display(), from.second(), until.second(), now.second()
    )]
    NotValidNow {
        /// The file.
        path: PathBuf,
        /// The beginning of its validity.
        from: Timestamp,
        /// The end of its validity.
        until: Timestamp,
        /// The time that the clock shows.
        now: Timestamp,
    },
    /// It is not for a public name.
    #[error("the certificate in {} is not for {name}, which is a public name: get one that names it", path.display())]
    OtherName {
        /// The file.
        path: PathBuf,
        /// The name.
        name: ServerName,
    },
}

/// A certificate of the operator's, as it was read last.
pub(crate) struct GivenCertificate {
    files: CertificateFiles,
    names: Vec<ServerName>,
    current: RwLock<Arc<CertifiedKey>>,
}

impl GivenCertificate {
    /// Reads a certificate that is for all of `names`.
    pub(crate) fn read(files: CertificateFiles, names: Vec<ServerName>) -> Result<Arc<Self>, GivenCertificateError> {
        let current = RwLock::new(read(&files, &names)?);
        Ok(Arc::new(Self { files, names, current }))
    }

    /// Refuses files of which no certificate for all of `names` can be read.
    pub(crate) fn check(files: &CertificateFiles, names: &[ServerName]) -> Result<(), GivenCertificateError> {
        read(files, names).map(drop)
    }

    /// Reads the files again. A failure leaves what was there in place.
    pub(crate) fn read_again(&self) -> Result<(), GivenCertificateError> {
        let read = read(&self.files, &self.names)?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = read;
        Ok(())
    }
}

impl std::fmt::Debug for GivenCertificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GivenCertificate").field("files", &self.files).finish_non_exhaustive()
    }
}

impl ResolvesServerCert for GivenCertificate {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

fn read(files: &CertificateFiles, names: &[ServerName]) -> Result<Arc<CertifiedKey>, GivenCertificateError> {
    let CertificateFiles { certificate: path, key } = files;
    let chain = CertificateDer::pem_slice_iter(&read_named(path)?).collect::<Result<Vec<_>, _>>().unwrap_or_default();
    let Some(leaf) = chain.first() else { return Err(GivenCertificateError::NoCertificate(path.clone())) };
    check(path, leaf, names)?;
    let key_text = read_named_secret(key)?;
    let key_der = PrivateKeyDer::from_pem_slice(key_text.expose());
    let key_der = key_der.map_err(|_| GivenCertificateError::NoKey(key.clone()))?;
    let mismatch = |reason: String| GivenCertificateError::Mismatch { files: files.clone(), reason };
    let read = CertifiedKey::from_der(chain, key_der, &provider()).map_err(|error| mismatch(error.to_string()))?;
    Ok(Arc::new(read))
}

/// Refuses a certificate that no client would take.
fn check(path: &Path, leaf: &CertificateDer<'_>, names: &[ServerName]) -> Result<(), GivenCertificateError> {
    let unreadable = |reason: String| GivenCertificateError::Unreadable { path: path.to_owned(), reason };
    let certificate = Certificate::from_der(leaf).map_err(|error| unreadable(error.to_string()))?;
    let now = clock::now();
    if !certificate.is_valid_at(now.unix_seconds()) {
        let [from, until] = [certificate.not_before_seconds(), certificate.not_after_seconds()];
        let [from, until] = [from, until].map(Timestamp::from_unix_seconds);
        return Err(GivenCertificateError::NotValidNow { path: path.to_owned(), from, until, now });
    }
    let parsed = ParsedCertificate::try_from(leaf).map_err(|error| unreadable(error.to_string()))?;
    let is_for = |name: &ServerName| {
        TlsName::try_from(name.to_string()).is_ok_and(|name| verify_server_name(&parsed, &name).is_ok())
    };
    match names.iter().find(|name| !is_for(name)) {
        Some(name) => Err(GivenCertificateError::OtherName { path: path.to_owned(), name: name.clone() }),
        None => Ok(()),
    }
}
