//! A stolen authority: what clients refuse of what it signs.

use super::*;

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
    let issued = hosts.issue_host(&key.certificate_request().unwrap(), (host(), 7), NOW, DAY).unwrap();
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
