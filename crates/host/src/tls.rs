//! TLS of the connections to the control plane.

use crate::control_plane::Trust;
use crate::pinned::Pinned;
use bonafide_files::system_authorities;
use bonafide_http::clock;
use bonafide_http::tls::{private_key, provider};
use bonafide_types::Secret;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use std::sync::Arc;

/// The agent's key and certificate.
pub(crate) struct ClientIdentity<'a> {
    pub(crate) certificate_der: &'a [u8],
    pub(crate) key_pkcs8: &'a Secret<Vec<u8>>,
}

/// Trusts what is to be trusted and nothing else, and shows the agent's certificate when there is one.
pub(crate) fn agent(trust: &Trust, identity: Option<ClientIdentity<'_>>) -> Result<Arc<ClientConfig>, rustls::Error> {
    let builder = ClientConfig::builder_with_details(provider(), clock::of_tls())
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots(trust)?);
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

/// Trusts the authority that has a digest.
pub(crate) fn pinned(to: Arc<Pinned>) -> Result<ClientConfig, rustls::Error> {
    let builder =
        ClientConfig::builder_with_details(provider(), clock::of_tls()).with_safe_default_protocol_versions()?;
    let mut config = builder.dangerous().with_custom_certificate_verifier(to).with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

fn roots(trust: &Trust) -> Result<RootCertStore, rustls::Error> {
    let mut roots = RootCertStore::empty();
    match trust {
        Trust::Authorities(authorities) => {
            authorities.iter().try_for_each(|der| roots.add(CertificateDer::from(der.clone())))?;
        }
        Trust::System => {
            let text = system_authorities().unwrap_or_default();
            // One that this library does not read is one less to trust.
            roots.add_parsable_certificates(CertificateDer::pem_slice_iter(text.as_bytes()).flatten());
        }
    }
    if roots.is_empty() {
        return Err(rustls::Error::General("there is no authority to trust".to_owned()));
    }
    Ok(roots)
}
