//! Certificates of hosts.

use super::*;

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
    let issued = ca.issue_host(&key.certificate_request().unwrap(), (host(), 7), NOW, DAY).unwrap();
    assert_eq!(issued.not_after_seconds, NOW + DAY);
    let verified = connect_host(&ca, &issued.certificate_der, &key, NOW).unwrap().unwrap();
    assert_eq!(host_name(&verified).map(|name| name.host), Ok(host()));
    assert!(connect_host(&ca, &issued.certificate_der, &key, NOW + DAY + 1).is_err());
    let other = HostCa::create(NOW, YEAR).unwrap();
    assert!(connect_host(&other, &issued.certificate_der, &key, NOW).is_err());
}

#[test]
fn servers_and_hosts_cannot_stand_in_for_each_other() {
    let (servers, hosts) = (server_ca(), HostCa::create(NOW, YEAR).unwrap());
    let key = AgentKey::generate().unwrap();
    let issued = hosts.issue_host(&key.certificate_request().unwrap(), (host(), 7), NOW, DAY).unwrap();
    let as_server = ServerCertificate {
        chain_der: vec![issued.certificate_der],
        private_key: key.to_pkcs8().unwrap(),
        lifetime: validity().lifetime(),
    };
    assert!(connect(&servers, &as_server, "localhost", NOW).is_err());
    let server = servers.issue_server(&usual_names(), NOW, DAY).unwrap();
    assert_eq!(host_name(&server.chain_der[0]), Err(CaError::NotAHost));
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
    let issued = ca.issue_host(request.der(), (host(), 7), NOW, DAY).unwrap();
    let certificate = Certificate::from_der(&issued.certificate_der).unwrap();
    assert!(!certificate.is_ca());
    assert!(key.is_key_of(certificate.spki_der()));
    assert_eq!(host_name(&issued.certificate_der).map(|name| name.host), Ok(host()));
    let text = String::from_utf8_lossy(&issued.certificate_der).into_owned();
    assert!(!text.contains("azure") && !text.contains("rcgen") && !text.contains("ffffffff"));
}

#[test]
fn ky_11_a_request_must_prove_possession_of_a_p256_key() {
    let ca = HostCa::create(NOW, YEAR).unwrap();
    let key = AgentKey::generate().unwrap();
    let request = key.certificate_request().unwrap();
    let issue = |request: &[u8]| ca.issue_host(request, (host(), 7), NOW, DAY).map(|_| ());
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
    assert_eq!(host_name(&certificate(&[name], ExtendedKeyUsagePurpose::ClientAuth)).map(|name| name.host), Ok(host()));
    assert!(host_name(&certificate(&[name], ExtendedKeyUsagePurpose::ServerAuth)).is_err());
    for wrong in [
        &[][..],
        &[name, name],
        &["urn:bonafide:host:0B6E1C1E-58A5-4A4E-9F0E-3C9D4A1B2C3D"],
        &["URN:bonafide:host:0b6e1c1e-58a5-4a4e-9f0e-3c9d4a1b2c3d"],
        &["urn:bonafide:host:0b6e1c1e58a54a4e9f0e3c9d4a1b2c3d"],
        &["urn:bonafide:host:"],
        &["urn:bonafide:host:0b6e1c1e-58a5-4a4e-9f0e-3c9d4a1b2c3d:"],
        &["urn:bonafide:host:0b6e1c1e-58a5-4a4e-9f0e-3c9d4a1b2c3d:0"],
        &["urn:bonafide:host:0b6e1c1e-58a5-4a4e-9f0e-3c9d4a1b2c3d:07"],
        &["urn:bonafide:host:0b6e1c1e-58a5-4a4e-9f0e-3c9d4a1b2c3d:7:7"],
        &["urn:bonafide:tenant:0b6e1c1e-58a5-4a4e-9f0e-3c9d4a1b2c3d"],
    ] {
        let der = certificate(wrong, ExtendedKeyUsagePurpose::ClientAuth);
        assert_eq!(host_name(&der), Err(CaError::NotAHost), "{wrong:?}");
    }
    assert_eq!(host_name(b""), Err(CaError::NotAHost));
}
