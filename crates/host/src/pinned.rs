//! Knowing a control plane by the digest of its authority's certificate: the hosts listener shows that certificate, and the
//! rest of the chain is verified under it as under any authority.

use bonafide_crypto::thumbprint;
use bonafide_http::tls::provider;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use std::sync::{Arc, OnceLock};

/// Verifies a server whose authority has a digest, and keeps that authority's certificate.
#[derive(Debug)]
pub(crate) struct Pinned {
    digest: [u8; 32],
    found: OnceLock<Vec<u8>>,
}

impl Pinned {
    pub(crate) fn to(digest: [u8; 32]) -> Arc<Self> {
        Arc::new(Self { digest, found: OnceLock::new() })
    }

    /// The authority (DER), once a server was verified.
    pub(crate) fn authority(&self) -> Option<Vec<u8>> {
        self.found.get().cloned()
    }
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let is_it = |der: &&CertificateDer<'_>| thumbprint::sha256(der) == self.digest;
        let Some(authority) = intermediates.iter().find(is_it) else {
            let why = "its authority has not the SHA-256 that was given: compare it with that of ca.pem on the control \
                       plane, openssl x509 -in ca.pem -noout -fingerprint -sha256";
            return Err(Error::General(why.to_owned()));
        };
        let mut roots = RootCertStore::empty();
        roots.add(authority.clone().into_owned())?;
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider()).build();
        let verifier = verifier.map_err(|error| Error::General(error.to_string()))?;
        let verified = verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)?;
        self.found.get_or_init(|| authority.to_vec());
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &provider().signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &provider().signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        provider().signature_verification_algorithms.supported_schemes()
    }
}
