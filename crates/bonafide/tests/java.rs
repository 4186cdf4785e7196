//! Java as a client: it reads none of the variables that name a PEM file.

#![allow(clippy::unwrap_used, reason = "a test may insist")]
#![allow(clippy::disallowed_methods, reason = "whole processes: they have a clock and an environment")]

mod support;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use std::collections::HashSet;
use std::process::Command;
use support::{Up, bonafide, run, skip};

/// Asks for the addresses in its arguments and prints the statuses. What is not trusted is an exception.
const PROGRAM: &str = r#"
class Ask {
    public static void main(String[] arguments) throws Exception {
        for (var address : arguments) {
            var connection = (java.net.HttpURLConnection) new java.net.URL(address).openConnection();
            System.out.println(connection.getResponseCode());
        }
    }
}
"#;

#[test]
fn java_trusts_us_and_whom_the_system_trusts() {
    if Command::new("javac").arg("-version").output().is_err() {
        return skip("there is no JDK");
    }
    let dir = tempfile::tempdir().unwrap();
    // Blanks and quotes end words of JAVA_TOOL_OPTIONS.
    let folder = dir.path().join("it's \"here\"");
    std::fs::create_dir(&folder).unwrap();
    let up = Up::start(&folder, &[]);
    let program = dir.path().join("Ask.java");
    std::fs::write(&program, PROGRAM).unwrap();
    let mut ask = bonafide(&folder, "exec");
    let by_name = format!("{}/metadata/endpoints?api-version=2019-05-01", up.origin());
    let by_address = by_name.replace("//localhost:", "//127.0.0.1:");
    assert_ne!(by_address, by_name);
    ask.args(["--", "java"]).arg(&program).args([by_name, by_address]);
    ask.env("JAVA_TOOL_OPTIONS", "-Dkept=1");
    let output = run(ask);
    let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert_eq!(out, "200\n200\n", "{err}");
    assert!(err.contains("-Dkept=1 -Djavax.net.ssl.trustStore="), "{err}");

    let mut list = Command::new("keytool");
    list.args(["-list", "-storepass", "changeit", "-keystore"]).arg(folder.join("data/truststore.p12"));
    let listed = String::from_utf8(run(list).stdout).unwrap();
    let trusted = listed.lines().filter(|line| line.contains("trustedCertEntry")).count();
    let bundle = CertificateDer::pem_file_iter(folder.join("data/bundle.pem")).unwrap();
    let expected: HashSet<Vec<u8>> = bundle.map(|der| der.unwrap().to_vec()).collect();
    assert_eq!(trusted, expected.len(), "{listed}");
    assert!(listed.lines().any(|line| line.starts_with("bonafide, ")), "{listed}");
}
