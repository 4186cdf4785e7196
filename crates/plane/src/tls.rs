//! TLS of the two listeners: the public one, and the hosts listener with client certificates.

use bonafide_crypto::ca::{CaError, HostCa, ServerCa, ServerName};
use bonafide_http::clock;
use bonafide_http::tls::{private_key, provider, roots};
use bonafide_types::{Lifetime, Phase};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::pki_types::CertificateDer;
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use std::sync::{Arc, PoisonError, RwLock};

/// Lifetime of the server's certificate, in seconds. Source: ours; it is renewed at half of it,
/// and its key is never on disk.
const SERVER_CERTIFICATE_SECONDS: u64 = 30 * 86_400;

/// The reason why TLS could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// An authority refused.
    #[error(transparent)]
    Authority(#[from] CaError),
    /// The TLS library refused.
    #[error("TLS: {0}")]
    Library(#[from] rustls::Error),
    /// The list of trusted client authorities was refused.
    #[error("TLS client certificates: {0}")]
    Verifier(#[from] rustls::server::VerifierBuilderError),
}

/// The server's certificate, made anew from the authority when half of its life is over.
pub(crate) struct ServerIdentity {
    ca: ServerCa,
    names: Vec<ServerName>,
    current: RwLock<Issued>,
}

/// A certificate and its key, for each of the two listeners.
struct Issued {
    public: Arc<CertifiedKey>,
    /// With the certificate of the authority that is to be trusted: a host that joins may know that by its digest alone.
    hosts: Arc<CertifiedKey>,
    lifetime: Lifetime,
}

/// Shows hosts the certificate of a server.
#[derive(Debug)]
struct ForHosts(Arc<ServerIdentity>);

impl ResolvesServerCert for ForHosts {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.current.read().unwrap_or_else(PoisonError::into_inner).hosts))
    }
}

impl ServerIdentity {
    pub(crate) fn new(ca: ServerCa, names: Vec<ServerName>) -> Result<Arc<Self>, TlsError> {
        let current = RwLock::new(issue(&ca, &names)?);
        Ok(Arc::new(Self { ca, names, current }))
    }

    /// Makes a new certificate if it is time to. A failure leaves the old one in place.
    pub(crate) fn renew_if_due(&self) -> Result<(), TlsError> {
        let lifetime = self.current.read().unwrap_or_else(PoisonError::into_inner).lifetime;
        if lifetime.phase(clock::now(), SERVER_CERTIFICATE_SECONDS / 2) != Phase::Fresh {
            let renewed = issue(&self.ca, &self.names)?;
            *self.current.write().unwrap_or_else(PoisonError::into_inner) = renewed;
        }
        Ok(())
    }
}

impl std::fmt::Debug for ServerIdentity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServerIdentity").field("names", &self.names).finish_non_exhaustive()
    }
}

impl ResolvesServerCert for ServerIdentity {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner).public))
    }
}

/// A certificate, and its life.
fn issue(ca: &ServerCa, names: &[ServerName]) -> Result<Issued, TlsError> {
    let now = clock::now().unix_seconds();
    let issued = ca.issue_server(names, now, SERVER_CERTIFICATE_SECONDS)?;
    let chain: Vec<_> = issued.chain_der.into_iter().map(CertificateDer::from).collect();
    let anchor = CertificateDer::from(ca.trust_anchor().der().to_vec());
    let to_hosts = chain.iter().cloned().chain([anchor]).collect();
    let key = any_supported_type(&private_key(&issued.private_key))?;
    let (public, hosts) = (CertifiedKey::new(chain, Arc::clone(&key)), CertifiedKey::new(to_hosts, key));
    Ok(Issued { public: Arc::new(public), hosts: Arc::new(hosts), lifetime: issued.lifetime })
}

/// For everything public: no client certificate is asked for.
pub(crate) fn public(identity: Arc<dyn ResolvesServerCert>) -> Result<Arc<ServerConfig>, TlsError> {
    let mut config = ServerConfig::builder_with_details(provider(), clock::of_tls())
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(identity);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// For hosts: a client certificate is verified where there is one (joining has none yet). Sessions
/// are not resumed, so that every connection is verified anew.
pub(crate) fn hosts(identity: Arc<ServerIdentity>, hosts: &HostCa) -> Result<Arc<ServerConfig>, TlsError> {
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots(hosts.certificate().der())?), provider())
        .allow_unauthenticated()
        .build()?;
    let mut config = ServerConfig::builder_with_details(provider(), clock::of_tls())
        .with_safe_default_protocol_versions()?
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(Arc::new(ForHosts(identity)));
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(Arc::new(config))
}
