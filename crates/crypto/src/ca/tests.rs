use super::authority::{Authority, CaError};
use super::*;
use crate::p256::P256Key;
use crate::test_keys::NOW;
use crate::validity::Validity;
use crate::{AgentKey, Certificate, pem, truststore, x509};
use bonafide_types::{HostId, Secret};
use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, SanType, SigningKey};
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
        not_after_seconds: NOW + DAY,
    }
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

#[test]
fn a_server_certificate_serves_all_its_names_and_no_other() {
    let ca = server_ca();
    let server = ca.issue_server(&usual_names(), NOW, 90 * DAY).unwrap();
    for name in ["localhost", "demo.vault.localhost", "bonafide.example", "127.0.0.1", "::1"] {
        assert_eq!(connect(&ca, &server, name, NOW), Ok(None), "{name}");
    }
    for name in ["other.example", "a.b.vault.localhost", "127.0.0.2", "www.bonafide.example"] {
        assert!(connect(&ca, &server, name, NOW).is_err(), "{name}");
    }
}

#[test]
fn a_server_certificate_is_valid_from_five_minutes_before_its_issue_until_its_end() {
    let ca = server_ca();
    let server = ca.issue_server(&usual_names(), NOW + DAY, DAY).unwrap();
    let certificate = Certificate::from_der(&server.chain_der[0]).unwrap();
    assert_eq!(certificate.not_before_seconds(), NOW + DAY - 300);
    assert_eq!(certificate.not_after_seconds(), NOW + 2 * DAY);
    assert_eq!(server.not_after_seconds, NOW + 2 * DAY);
    for (at, accepted) in [(NOW + DAY - 301, false), (NOW + DAY - 300, true), (NOW + 2 * DAY + 1, false)] {
        assert_eq!(connect(&ca, &server, "localhost", at).is_ok(), accepted, "{at}");
    }
}

#[test]
fn names_outside_the_constraints_are_refused_at_issue() {
    let ca = server_ca();
    for name in ["localhost.evil", "notlocalhost", "example", "*.example", "10.0.0.1", "::2", "128.0.0.1"] {
        let names = names(&["localhost", name]);
        assert!(!ca.may_certify(&names[1]));
        assert!(
            matches!(ca.issue_server(&names, NOW, DAY), Err(CaError::ForbiddenName(_) | CaError::ForbiddenAddress(_))),
            "{name}"
        );
    }
    assert_eq!(ca.issue_server(&[], NOW, DAY).err(), Some(CaError::NoNames));
}

#[test]
fn clients_refuse_what_a_stolen_authority_signs_outside_its_constraints() {
    let ca = server_ca();
    for (name, alt_name) in [
        ("management.azure.com", SanType::DnsName("management.azure.com".try_into().unwrap())),
        ("10.0.0.1", SanType::IpAddress("10.0.0.1".parse().unwrap())),
        ("2001:db8::1", SanType::IpAddress("2001:db8::1".parse().unwrap())),
    ] {
        let error = connect(&ca, &rogue(&ca, vec![alt_name]), name, NOW).unwrap_err();
        assert!(format!("{error:?}").contains("NameConstraint"), "{name}: {error:?}");
    }
}

#[test]
fn a_kind_of_name_that_is_not_permitted_at_all_is_excluded() {
    let create = |permitted_dns: &[&str], permitted_ip: &[IpSubnet]| {
        let spec = ServerCaSpec { common_name: "test", permitted_dns, permitted_ip, lifetime_seconds: YEAR };
        ServerCa::create(&spec, NOW).unwrap()
    };
    let dns_only = create(&["localhost"], &[]);
    let ip_only = create(&[], &[IpSubnet::LOOPBACK_V4]);
    assert!(dns_only.issue_server(&names(&["127.0.0.1"]), NOW, DAY).is_err());
    assert!(ip_only.issue_server(&names(&["localhost"]), NOW, DAY).is_err());
    let address = || vec![SanType::IpAddress("127.0.0.1".parse().unwrap())];
    let name = || vec![SanType::DnsName("localhost".try_into().unwrap())];
    assert!(connect(&dns_only, &rogue(&dns_only, address()), "127.0.0.1", NOW).is_err());
    assert!(connect(&ip_only, &rogue(&ip_only, name()), "localhost", NOW).is_err());
    assert!(connect(&dns_only, &rogue(&dns_only, name()), "localhost", NOW).is_ok());
    assert!(connect(&ip_only, &rogue(&ip_only, address()), "127.0.0.1", NOW).is_ok());
}

#[test]
fn an_authority_read_back_has_its_constraints_and_its_key() {
    let ca = server_ca();
    let root = ca.root().map(Certificate::der);
    let again = ServerCa::load(&ca.to_pkcs8().unwrap(), ca.certificate().der(), root).unwrap();
    assert_eq!(format!("{again:?}"), format!("{ca:?}"));
    assert_eq!(again.trust_anchor(), ca.trust_anchor());
    let server = again.issue_server(&usual_names(), NOW, DAY).unwrap();
    assert!(connect(&ca, &server, "localhost", NOW).is_ok());

    let other = server_ca();
    let (other_key, other_root) = (other.to_pkcs8().unwrap(), other.root().map(Certificate::der));
    let refused = |key: &Secret<Vec<u8>>, certificate: &[u8], root: Option<&[u8]>| {
        assert_eq!(ServerCa::load(key, certificate, root).err(), Some(CaError::Certificate));
    };
    refused(&other_key, ca.certificate().der(), root);
    refused(&ca.to_pkcs8().unwrap(), ca.certificate().der(), other_root);
    refused(&ca.to_pkcs8().unwrap(), ca.certificate().der(), Some(&server.chain_der[0]));
    refused(&server.private_key, &server.chain_der[0], Some(ca.certificate().der()));
    let hosts = HostCa::create(NOW, YEAR).unwrap();
    refused(&hosts.to_pkcs8().unwrap(), hosts.certificate().der(), None);
}

#[test]
fn what_clients_trust_is_a_root_that_has_no_key_and_signed_one_authority() {
    let ca = server_ca();
    let (root, key) = (ca.root().unwrap(), P256Key::from_pkcs8(ca.to_pkcs8().unwrap().expose()).unwrap());
    assert_eq!((ca.trust_anchor(), root.is_ca()), (root, true));
    assert!(key.is_key_of(ca.certificate().spki_der()) && !key.is_key_of(root.spki_der()));
    let server = ca.issue_server(&usual_names(), NOW, DAY).unwrap();
    assert_eq!(server.chain_der[1..], [ca.certificate().der().to_vec()]);
    for (der, path_length, usage) in
        [(root.der(), 1, "Key Cert Sign"), (ca.certificate().der(), 0, "Key Cert Sign, CRL Sign")]
    {
        let (_, parsed) = X509Certificate::from_der(der).unwrap();
        let constraints = parsed.basic_constraints().unwrap().unwrap();
        assert_eq!((constraints.critical, constraints.value.path_len_constraint), (true, Some(path_length)));
        assert_eq!(parsed.key_usage().unwrap().unwrap().value.to_string(), usage);
        assert!(parsed.name_constraints().unwrap().unwrap().critical);
    }
    // The authority's key cannot make a second authority.
    let authority = Authority::load(&ca.to_pkcs8().unwrap(), ca.certificate().der()).unwrap();
    let mut params = x509::leaf("second", validity()).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    params.key_usages = vec![rcgen::KeyUsagePurpose::KeyCertSign];
    let second_key = P256Key::generate().unwrap();
    let second_der = authority.issue(params, &second_key).unwrap();
    let second = Authority::load(&second_key.to_pkcs8().unwrap(), &second_der).unwrap();
    let mut params = x509::leaf("bonafide server", validity()).unwrap();
    params.subject_alt_names = vec![SanType::DnsName("localhost".try_into().unwrap())];
    let leaf_key = P256Key::generate().unwrap();
    let below = ServerCertificate {
        chain_der: vec![second.issue(params, &leaf_key).unwrap(), second_der, ca.certificate().der().to_vec()],
        private_key: leaf_key.to_pkcs8().unwrap(),
        not_after_seconds: NOW + DAY,
    };
    assert!(connect(&ca, &below, "localhost", NOW).is_err());
}

#[test]
fn an_authority_of_the_time_before_roots_is_trusted_itself() {
    let key = P256Key::generate().unwrap();
    let mut params = x509::leaf("bonafide 0a1b2c3d", Validity::starting(NOW, YEAR)).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Constrained(0));
    params.key_usages = vec![rcgen::KeyUsagePurpose::KeyCertSign, rcgen::KeyUsagePurpose::CrlSign];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.name_constraints = Some(rcgen::NameConstraints {
        permitted_subtrees: vec![rcgen::GeneralSubtree::DnsName("localhost".to_owned())],
        excluded_subtrees: vec![],
    });
    let der = params.self_signed(&key).unwrap().der().to_vec();
    let ca = ServerCa::load(&key.to_pkcs8().unwrap(), &der, None).unwrap();
    assert_eq!((ca.trust_anchor().der(), ca.root()), (&der[..], None));
    let server = ca.issue_server(&names(&["localhost"]), NOW, DAY).unwrap();
    assert_eq!(server.chain_der.len(), 1);
    assert_eq!(connect(&ca, &server, "localhost", NOW), Ok(None));
    let evil = rogue(&ca, vec![SanType::DnsName("evil.example".try_into().unwrap())]);
    assert!(connect(&ca, &evil, "evil.example", NOW).is_err());
}

#[test]
fn an_authority_issues_nothing_outside_its_own_validity() {
    let ca = server_ca();
    let end = ca.certificate().not_after_seconds();
    assert_eq!(ca.issue_server(&usual_names(), end + 1, DAY).err(), Some(CaError::NotValidNow));
    assert_eq!(ca.issue_server(&usual_names(), NOW - DAY, DAY).err(), Some(CaError::NotValidNow));
    assert_eq!(ca.issue_server(&usual_names(), end - 60, DAY).unwrap().not_after_seconds, end);
    assert_eq!(ca.issue_server(&usual_names(), NOW, u64::MAX).unwrap().not_after_seconds, end);
}

fn connect_host(
    ca: &HostCa,
    certificate_der: &[u8],
    key: &AgentKey,
    at: u64,
) -> Result<Option<Vec<u8>>, rustls::Error> {
    let (provider, time) = (Arc::new(default_provider()), Arc::new(At(at)));
    let servers = server_ca();
    let server = servers.issue_server(&usual_names(), NOW, DAY).unwrap();
    let verifier = WebPkiClientVerifier::builder_with_provider(roots(ca.certificate().der()), provider.clone());
    let client = ClientConfig::builder_with_details(provider.clone(), time.clone())
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots(servers.trust_anchor().der()))
        .with_client_auth_cert(chain(&[certificate_der.to_vec()]), key_der(&key.to_pkcs8().unwrap()))?;
    let server = ServerConfig::builder_with_details(provider, time)
        .with_safe_default_protocol_versions()?
        .with_client_cert_verifier(verifier.build().unwrap())
        .with_single_cert(chain(&server.chain_der), key_der(&server.private_key))?;
    shake_hands(client, server, "localhost")
}

#[test]
fn a_host_is_known_by_its_verified_client_certificate() {
    let ca = HostCa::create(NOW, YEAR).unwrap();
    let ca = HostCa::load(&ca.to_pkcs8().unwrap(), ca.certificate().der()).unwrap();
    let key = AgentKey::generate().unwrap();
    let issued = ca.issue_host(&key.certificate_request().unwrap(), host(), NOW, DAY).unwrap();
    assert_eq!(issued.not_after_seconds, NOW + DAY);
    let verified = connect_host(&ca, &issued.certificate_der, &key, NOW).unwrap().unwrap();
    assert_eq!(host_id(&verified), Ok(host()));
    assert!(connect_host(&ca, &issued.certificate_der, &key, NOW + DAY + 1).is_err());
    let other = HostCa::create(NOW, YEAR).unwrap();
    assert!(connect_host(&other, &issued.certificate_der, &key, NOW).is_err());
}

#[test]
fn servers_and_hosts_cannot_stand_in_for_each_other() {
    let (servers, hosts) = (server_ca(), HostCa::create(NOW, YEAR).unwrap());
    let key = AgentKey::generate().unwrap();
    let issued = hosts.issue_host(&key.certificate_request().unwrap(), host(), NOW, DAY).unwrap();
    let as_server = ServerCertificate {
        chain_der: vec![issued.certificate_der],
        private_key: key.to_pkcs8().unwrap(),
        not_after_seconds: 0,
    };
    assert!(connect(&servers, &as_server, "localhost", NOW).is_err());
    let server = servers.issue_server(&usual_names(), NOW, DAY).unwrap();
    assert_eq!(host_id(&server.chain_der[0]), Err(CaError::NotAHost));
    let server_key = AgentKey::from_pkcs8(&server.private_key).unwrap();
    assert!(connect_host(&hosts, &server.chain_der[0], &server_key, NOW).is_err());
}

#[test]
fn ky_11_names_and_extensions_of_a_request_are_ignored() {
    let ca = HostCa::create(NOW, YEAR).unwrap();
    let key = P256Key::generate().unwrap();
    let mut params = CertificateParams::new(vec!["management.azure.com".to_owned()]).unwrap();
    params
        .subject_alt_names
        .push(SanType::URI("urn:bonafide:host:ffffffff-ffff-4fff-8fff-ffffffffffff".try_into().unwrap()));
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    params.key_usages = vec![rcgen::KeyUsagePurpose::KeyCertSign];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::Any];
    let request = params.serialize_request(&key).unwrap();
    let issued = ca.issue_host(request.der(), host(), NOW, DAY).unwrap();
    let certificate = Certificate::from_der(&issued.certificate_der).unwrap();
    assert!(!certificate.is_ca());
    assert!(key.is_key_of(certificate.spki_der()));
    assert_eq!(host_id(&issued.certificate_der), Ok(host()));
    let text = String::from_utf8_lossy(&issued.certificate_der).into_owned();
    assert!(!text.contains("azure") && !text.contains("rcgen") && !text.contains("ffffffff"));
}

#[test]
fn ky_11_a_request_must_prove_possession_of_a_p256_key() {
    let ca = HostCa::create(NOW, YEAR).unwrap();
    let key = AgentKey::generate().unwrap();
    let request = key.certificate_request().unwrap();
    let issue = |request: &[u8]| ca.issue_host(request, host(), NOW, DAY).map(|_| ());
    assert_eq!(issue(&request), Ok(()));

    // The key of another in the place of one's own.
    let other = AgentKey::generate().unwrap().spki_der();
    let own = key.spki_der();
    let at = request.windows(own.len()).position(|window| window == own).unwrap();
    let mut stolen = request.clone();
    stolen[at..at + own.len()].copy_from_slice(&other);
    assert_eq!(issue(&stolen), Err(CaError::NoPossession));

    let mut changed = request.clone();
    *changed.last_mut().unwrap() ^= 1;
    assert_eq!(issue(&changed), Err(CaError::NoPossession));
    assert_eq!(issue(&[&request[..], &[0]].concat()), Err(CaError::Request));
    for length in 0..request.len() {
        assert_eq!(issue(&request[..length]), Err(CaError::Request));
    }
    assert_eq!(issue(&vec![0x30; 20_000]), Err(CaError::Request));

    for algorithm in [&rcgen::PKCS_ED25519, &rcgen::PKCS_ECDSA_P384_SHA384, &rcgen::PKCS_RSA_SHA256] {
        let key = rcgen::KeyPair::generate_for(algorithm).unwrap();
        let request = CertificateParams::default().serialize_request(&key).unwrap();
        assert_eq!(issue(request.der()), Err(CaError::Request));
    }
}

#[test]
fn only_a_host_certificate_names_a_host() {
    let authority = Authority::create("test", ExtendedKeyUsagePurpose::ClientAuth, validity()).unwrap();
    let key = P256Key::generate().unwrap();
    let certificate = |names: &[&str], purpose: ExtendedKeyUsagePurpose| {
        let mut params = x509::leaf("bonafide host", validity()).unwrap();
        params.extended_key_usages = vec![purpose];
        params.subject_alt_names = names.iter().map(|name| SanType::URI((*name).try_into().unwrap())).collect();
        authority.issue(params, &key).unwrap()
    };
    let name = "urn:bonafide:host:0b6e1c1e-58a5-4a4e-9f0e-3c9d4a1b2c3d";
    assert_eq!(host_id(&certificate(&[name], ExtendedKeyUsagePurpose::ClientAuth)), Ok(host()));
    assert!(host_id(&certificate(&[name], ExtendedKeyUsagePurpose::ServerAuth)).is_err());
    for wrong in [
        &[][..],
        &[name, name],
        &["urn:bonafide:host:0B6E1C1E-58A5-4A4E-9F0E-3C9D4A1B2C3D"],
        &["URN:bonafide:host:0b6e1c1e-58a5-4a4e-9f0e-3c9d4a1b2c3d"],
        &["urn:bonafide:host:0b6e1c1e58a54a4e9f0e3c9d4a1b2c3d"],
        &["urn:bonafide:host:"],
        &["urn:bonafide:tenant:0b6e1c1e-58a5-4a4e-9f0e-3c9d4a1b2c3d"],
    ] {
        let der = certificate(wrong, ExtendedKeyUsagePurpose::ClientAuth);
        assert_eq!(host_id(&der), Err(CaError::NotAHost), "{wrong:?}");
    }
    assert_eq!(host_id(b""), Err(CaError::NotAHost));
}

fn validity() -> Validity {
    Validity::starting(NOW, DAY)
}

#[test]
fn jw_11_an_authority_releases_no_faulty_signature() {
    let key = P256Key::generate().unwrap();
    key.fault.store(true, std::sync::atomic::Ordering::Relaxed);
    assert!(SigningKey::sign(&key, b"x").is_err());
}

fn pem_chain(server: &ServerCertificate) -> String {
    server.chain_der.iter().map(|der| pem::encode(pem::CERTIFICATE, der)).collect()
}

/// `openssl verify` at the time of the tests; none where there is no openssl.
fn openssl_verify(folder: &Path, arguments: &[&str]) -> Option<bool> {
    let mut command = Command::new("openssl");
    command.current_dir(folder).args(["verify", "-x509_strict", "-attime", &NOW.to_string()]).args(arguments);
    Some(command.output().ok()?.status.success())
}

#[test]
fn openssl_accepts_our_chains_in_strict_mode_and_enforces_their_constraints() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    let (ca, hosts) = (server_ca(), HostCa::create(NOW, YEAR).unwrap());
    let key = AgentKey::generate().unwrap();
    let issued = hosts.issue_host(&key.certificate_request().unwrap(), host(), NOW, DAY).unwrap();
    write("ca.pem", &ca.trust_anchor_pem());
    write("authority.pem", &pem::encode(pem::CERTIFICATE, ca.certificate().der()));
    write("server.pem", &pem_chain(&ca.issue_server(&usual_names(), NOW, DAY).unwrap()));
    write("address.pem", &pem_chain(&ca.issue_server(&names(&["127.0.0.1"]), NOW, DAY).unwrap()));
    let azure = SanType::DnsName("management.azure.com".try_into().unwrap());
    write("rogue.pem", &pem_chain(&rogue(&ca, vec![azure])));
    write("hosts.pem", &hosts.certificate_pem());
    write("host.pem", &pem::encode(pem::CERTIFICATE, &issued.certificate_der));

    let verify = |arguments: &[&str]| openssl_verify(folder.path(), arguments);
    if verify(&["-CAfile", "ca.pem", "ca.pem"]).is_none() {
        return;
    }
    let server = ["-CAfile", "ca.pem", "-untrusted", "authority.pem", "-purpose", "sslserver"];
    assert_eq!(verify(&[&server[..], &["-verify_hostname", "localhost", "server.pem"]].concat()), Some(true));
    assert_eq!(verify(&[&server[..], &["-verify_hostname", "a.vault.localhost", "server.pem"]].concat()), Some(true));
    assert_eq!(verify(&[&server[..], &["-verify_ip", "::1", "server.pem"]].concat()), Some(true));
    assert_eq!(verify(&[&server[..], &["-verify_ip", "127.0.0.1", "address.pem"]].concat()), Some(true));
    assert_eq!(verify(&[&server[..], &["rogue.pem"]].concat()), Some(false));
    assert_eq!(verify(&["-CAfile", "ca.pem", "authority.pem"]), Some(true));
    assert_eq!(verify(&["-CAfile", "hosts.pem", "-purpose", "sslclient", "host.pem"]), Some(true));
    assert_eq!(verify(&["-CAfile", "hosts.pem", "-purpose", "sslserver", "host.pem"]), Some(false));
    assert_eq!(
        verify(&["-CAfile", "ca.pem", "-untrusted", "authority.pem", "-purpose", "sslclient", "server.pem"]),
        Some(false)
    );
}

/// Prints for each chain in a file whether Java takes it, at a time in seconds, or why not.
const JAVA_VERIFY: &str = r#"
import java.io.FileInputStream;
import java.security.KeyStore;
import java.security.cert.*;
import java.util.*;

class Verify {
    public static void main(String[] arguments) throws Exception {
        var trusted = KeyStore.getInstance("PKCS12");
        trusted.load(new FileInputStream(arguments[0]), "changeit".toCharArray());
        var parameters = new PKIXParameters(trusted);
        parameters.setRevocationEnabled(false);
        parameters.setDate(new Date(Long.parseLong(arguments[1]) * 1000));
        var factory = CertificateFactory.getInstance("X.509");
        for (var chain : Arrays.asList(arguments).subList(2, arguments.length)) {
            var path = factory.generateCertPath(new ArrayList<>(factory.generateCertificates(new FileInputStream(chain))));
            try {
                CertPathValidator.getInstance("PKIX").validate(path, parameters);
                System.out.println("accepted");
            } catch (CertPathValidatorException refused) {
                System.out.println(refused.getReason());
            }
        }
    }
}
"#;

#[test]
fn java_refuses_what_a_stolen_authority_signs_outside_its_constraints() {
    if Command::new("javac").arg("-version").output().is_err() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, content: &[u8]| std::fs::write(folder.path().join(name), content).unwrap();
    let ca = server_ca();
    write("Verify.java", JAVA_VERIFY.as_bytes());
    write("trusted.p12", &truststore::write([("bonafide", ca.trust_anchor().der())].into_iter()));
    write("usual.pem", pem_chain(&ca.issue_server(&usual_names(), NOW, DAY).unwrap()).as_bytes());
    write("address.pem", pem_chain(&ca.issue_server(&names(&["127.0.0.1"]), NOW, DAY).unwrap()).as_bytes());
    let evil = SanType::DnsName("evil.example".try_into().unwrap());
    write("evil.pem", pem_chain(&rogue(&ca, vec![evil])).as_bytes());
    let address = SanType::IpAddress("10.0.0.1".parse().unwrap());
    write("far.pem", pem_chain(&rogue(&ca, vec![address])).as_bytes());
    let mut java = Command::new("java");
    java.current_dir(folder.path()).args(["Verify.java", "trusted.p12", &NOW.to_string()]);
    let output = java.args(["usual.pem", "address.pem", "evil.pem", "far.pem"]).output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(out, "accepted\naccepted\nINVALID_NAME\nINVALID_NAME\n", "{err}");
}

#[test]
fn every_certificate_that_an_authority_makes_or_has_begins_before_its_issue() {
    let (servers, hosts) = (server_ca(), HostCa::create(NOW, YEAR).unwrap());
    let request = AgentKey::generate().unwrap().certificate_request().unwrap();
    let host = hosts.issue_host(&request, host(), NOW + DAY, DAY).unwrap().certificate_der;
    let server = servers.issue_server(&usual_names(), NOW + DAY, DAY).unwrap().chain_der.remove(0);
    for der in [host, server] {
        assert_eq!(Certificate::from_der(&der).unwrap().not_before_seconds(), NOW + DAY - 300);
    }
    for authority in [servers.trust_anchor(), servers.certificate(), hosts.certificate()] {
        assert_eq!(authority.not_before_seconds(), NOW - 300);
    }
}

#[test]
fn no_name_is_twice_in_a_server_certificate() {
    let asked =
        names(&["localhost", "LocalHost", "127.0.0.1", "localhost", "::1", "0:0::1", "*.vault.localhost", "127.0.0.1"]);
    let server = server_ca().issue_server(&asked, NOW, DAY).unwrap();
    let (_, parsed) = X509Certificate::from_der(&server.chain_der[0]).unwrap();
    let found = &parsed.subject_alternative_name().unwrap().unwrap().value.general_names;
    let found: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert_eq!(
        found,
        [
            "DNSName(localhost)",
            "IPAddress(7f:00:00:01)",
            "IPAddress(00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:01)",
            "DNSName(*.vault.localhost)"
        ]
    );
}
