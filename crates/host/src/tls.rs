//! TLS of the connections to the control plane.

use bonafide_http::clock;
use bonafide_http::tls::{private_key, provider, roots};
use bonafide_types::Secret;
use rustls::ClientConfig;
use rustls::pki_types::CertificateDer;
use std::sync::Arc;

/// The agent's key and certificate.
pub(crate) struct ClientIdentity<'a> {
    pub(crate) certificate_der: &'a [u8],
    pub(crate) key_pkcs8: &'a Secret<Vec<u8>>,
}

/// Trusts one authority, and shows the agent's certificate when there is one.
pub(crate) fn agent(ca_der: &[u8], identity: Option<ClientIdentity<'_>>) -> Result<Arc<ClientConfig>, rustls::Error> {
    let builder = ClientConfig::builder_with_details(provider(), clock::of_tls())
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots(ca_der)?);
    let mut config = match identity {
        None => builder.with_no_client_auth(),
        Some(identity) => builder.with_client_auth_cert(
            vec![CertificateDer::from(identity.certificate_der.to_vec())],
            private_key(identity.key_pkcs8),
        )?,
    };
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
