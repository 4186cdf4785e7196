//! Certificates of servers.

use super::*;

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
fn a_server_certificate_is_valid_from_a_day_before_its_issue_until_its_end() {
    let ca = server_ca();
    let server = ca.issue_server(&usual_names(), NOW + DAY, DAY).unwrap();
    let certificate = Certificate::from_der(&server.chain_der[0]).unwrap();
    assert_eq!(certificate.not_before_seconds(), NOW);
    assert_eq!(certificate.not_after_seconds(), NOW + 2 * DAY);
    assert_eq!(server.lifetime.not_after.unix_seconds(), NOW + 2 * DAY);
    for (at, accepted) in [(NOW - 1, false), (NOW, true), (NOW + 2 * DAY + 1, false)] {
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
fn the_authority_of_our_own_servers_can_name_none_of_microsoft_s() {
    for name in ["login.microsoftonline.com", "vault.azure.net", "azure.com", "net"] {
        let spec = ServerCaSpec {
            common_name: "bonafide",
            permitted_dns: &["localhost", name],
            permitted_ip: &[],
            lifetime_seconds: 1_000,
        };
        let error = ServerCa::create(&spec, NOW).unwrap_err();
        assert_eq!(error, CaError::ForbiddenName(name.to_owned()));
        assert!(!server_ca().may_certify(&name.parse().unwrap()), "{name}");
    }
}

#[test]
fn an_authority_that_may_name_microsoft_is_not_read_back() {
    let load = |name: &str| {
        let permitted_subtrees = vec![GeneralSubtree::DnsName(name.to_owned())];
        let constraints = NameConstraints { permitted_subtrees, excluded_subtrees: vec![] };
        let limit = |params: &mut CertificateParams| params.name_constraints = Some(constraints.clone());
        let made =
            Authority::create_below_root("bonafide", ExtendedKeyUsagePurpose::ServerAuth, validity(), limit).unwrap();
        let (authority, root) = made;
        ServerCa::load(&authority.to_pkcs8().unwrap(), authority.certificate().der(), Some(root.der()))
    };
    assert!(load("bonafide.example").is_ok());
    for name in ["login.microsoftonline.com", "Vault.Azure.net", "net"] {
        assert_eq!(load(name).err(), Some(CaError::Certificate), "{name}");
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
