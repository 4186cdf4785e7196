//! The authorities themselves, and the root that is trusted.

use super::*;

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
        lifetime: validity().lifetime(),
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
    assert!(matches!(ca.issue_server(&usual_names(), end + 1, DAY), Err(CaError::NotValidNow { .. })));
    assert!(matches!(ca.issue_server(&usual_names(), NOW - DAY - 1, DAY), Err(CaError::NotValidNow { .. })));
    assert_eq!(ca.issue_server(&usual_names(), end - 60, DAY).unwrap().lifetime.not_after.unix_seconds(), end);
    assert_eq!(ca.issue_server(&usual_names(), NOW, u64::MAX).unwrap().lifetime.not_after.unix_seconds(), end);
}

#[test]
fn jw_11_an_authority_releases_no_faulty_signature() {
    let key = P256Key::generate().unwrap();
    key.fault.store(true, std::sync::atomic::Ordering::Relaxed);
    assert!(SigningKey::sign(&key, b"x").is_err());
}

#[test]
fn every_certificate_that_an_authority_makes_or_has_begins_before_its_issue() {
    let (servers, hosts) = (server_ca(), HostCa::create(NOW, YEAR).unwrap());
    let request = AgentKey::generate().unwrap().certificate_request().unwrap();
    let host = hosts.issue_host(&request, (host(), 7), NOW + DAY, DAY).unwrap().certificate_der;
    let server = servers.issue_server(&usual_names(), NOW + DAY, DAY).unwrap().chain_der.remove(0);
    for der in [host, server] {
        assert_eq!(Certificate::from_der(&der).unwrap().not_before_seconds(), NOW);
    }
    for authority in [servers.trust_anchor(), servers.certificate(), hosts.certificate()] {
        assert_eq!(authority.not_before_seconds(), NOW - DAY);
    }
}
