//! The parts of a TLS configuration that servers and clients of ours share.

use bonafide_types::Secret;
use std::sync::Arc;
use tokio_rustls::rustls::crypto::{CryptoProvider, aws_lc_rs};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::{Error, RootCertStore};

/// The implementation of the algorithms.
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

/// One authority (DER) to trust.
///
/// # Errors
/// A certificate that the TLS library refuses.
pub fn roots(der: &[u8]) -> Result<RootCertStore, Error> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(der.to_vec()))?;
    Ok(roots)
}

/// A private key (PKCS #8 DER) as the TLS library takes it.
pub fn private_key(pkcs8: &Secret<Vec<u8>>) -> PrivateKeyDer<'static> {
    PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(pkcs8.expose().clone()))
}
