mod attestor;
mod authority;
mod host;
mod server;
mod stolen;

use super::authority::{Authority, CaError};
use super::*;
use crate::p256::P256Key;
use crate::test_keys::NOW;
use crate::validity::Validity;
use crate::{AgentKey, Certificate, pem, truststore, x509};
use bonafide_types::{HostId, Secret};
use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, GeneralSubtree, NameConstraints, SanType, SigningKey};
use rustls::client::WebPkiServerVerifier;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::time_provider::TimeProvider;
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;
use x509_parser::prelude::{FromDer, X509Certificate};

const YEAR: u64 = 365 * 86_400;
const DAY: u64 = 86_400;

fn server_ca() -> ServerCa {
    let permitted_ip = [IpSubnet::LOOPBACK_V4, IpSubnet::LOOPBACK_V6];
    let spec = ServerCaSpec {
        common_name: "bonafide test",
        permitted_dns: &["localhost", "bonafide.example"],
        permitted_ip: &permitted_ip,
        lifetime_seconds: 10 * YEAR,
    };
    ServerCa::create(&spec, NOW).unwrap()
}

fn names(texts: &[&str]) -> Vec<ServerName> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

fn usual_names() -> Vec<ServerName> {
    names(&["localhost", "*.vault.localhost", "bonafide.example", "127.0.0.1", "::1"])
}

fn host() -> HostId {
    "0b6e1c1e-58a5-4a4e-9f0e-3c9d4a1b2c3d".parse().unwrap()
}

/// A certificate for names that the authority is not constrained to, as a thief of its key would make it.
fn rogue(ca: &ServerCa, names: Vec<SanType>) -> ServerCertificate {
    let authority = Authority::load(&ca.to_pkcs8().unwrap(), ca.certificate().der()).unwrap();
    let above = ca.root().map(|_| ca.certificate().der().to_vec());
    let mut params = x509::leaf("bonafide server", authority.validity(NOW, DAY).unwrap()).unwrap();
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.subject_alt_names = names;
    let key = P256Key::generate().unwrap();
    ServerCertificate {
        chain_der: [authority.issue(params, &key).unwrap()].into_iter().chain(above).collect(),
        private_key: key.to_pkcs8().unwrap(),
        lifetime: validity().lifetime(),
    }
}

fn validity() -> Validity {
    Validity::starting(NOW, DAY)
}

#[derive(Debug)]
struct At(u64);

impl TimeProvider for At {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(Duration::from_secs(self.0)))
    }
}

fn roots(der: &[u8]) -> Arc<RootCertStore> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(der.to_vec())).unwrap();
    Arc::new(roots)
}

fn key_der(pkcs8: &Secret<Vec<u8>>) -> rustls::pki_types::PrivateKeyDer<'static> {
    PrivatePkcs8KeyDer::from(pkcs8.expose().clone()).into()
}

fn chain(ders: &[Vec<u8>]) -> Vec<CertificateDer<'static>> {
    ders.iter().cloned().map(CertificateDer::from).collect()
}

/// Shakes hands in memory; gives the client's certificate as the server verified it.
fn shake_hands(client: ClientConfig, server: ServerConfig, name: &str) -> Result<Option<Vec<u8>>, rustls::Error> {
    let mut client = ClientConnection::new(Arc::new(client), name.to_owned().try_into().unwrap())?;
    let mut server = ServerConnection::new(Arc::new(server))?;
    while client.is_handshaking() || server.is_handshaking() {
        let mut wire = vec![];
        client.write_tls(&mut wire).unwrap();
        server.read_tls(&mut &wire[..]).unwrap();
        server.process_new_packets()?;
        wire.clear();
        server.write_tls(&mut wire).unwrap();
        client.read_tls(&mut &wire[..]).unwrap();
        client.process_new_packets()?;
    }
    Ok(server.peer_certificates().map(|certificates| certificates[0].to_vec()))
}

fn connect(ca: &ServerCa, server: &ServerCertificate, name: &str, at: u64) -> Result<Option<Vec<u8>>, rustls::Error> {
    let (provider, time) = (Arc::new(default_provider()), Arc::new(At(at)));
    let verifier = WebPkiServerVerifier::builder_with_provider(roots(ca.trust_anchor().der()), provider.clone());
    let client = ClientConfig::builder_with_details(provider.clone(), time.clone())
        .with_safe_default_protocol_versions()?
        .with_webpki_verifier(verifier.build().unwrap())
        .with_no_client_auth();
    let server = ServerConfig::builder_with_details(provider, time)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain(&server.chain_der), key_der(&server.private_key))?;
    shake_hands(client, server, name)
}
