//! Documents that are signed for verifiers, checked with a program that is not ours.

use crate::ca::{IpSubnet, ServerCa, ServerCaSpec};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

const CONTENT: &[u8] = br#"{"nonce":"1234567890","vmId":"a"}"#;

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

fn authority() -> ServerCa {
    let spec = ServerCaSpec {
        common_name: "test",
        permitted_dns: &["localhost"],
        permitted_ip: &[IpSubnet::LOOPBACK_V4],
        lifetime_seconds: 86_400,
    };
    ServerCa::create(&spec, now()).unwrap()
}

/// The content of a signed document as `openssl cms -verify` gives it under an authority; `None` where it refuses it.
fn verified(signed: &[u8], authority: &ServerCa) -> Option<Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    fs::write(file("signed"), signed).unwrap();
    fs::write(file("ca.pem"), authority.trust_anchor_pem()).unwrap();
    let path = |name: &str| Path::display(&file(name)).to_string();
    let done = Command::new("openssl")
        .args([
            "cms",
            "-verify",
            "-binary",
            "-inform",
            "DER",
            "-purpose",
            "sslserver",
            "-verify_hostname",
            "metadata.localhost",
        ])
        .args(["-in", &path("signed"), "-CAfile", &path("ca.pem"), "-out", &path("content")])
        .output()
        .unwrap();
    done.status.success().then(|| fs::read(file("content")).unwrap())
}

#[test]
fn id_15_openssl_verifies_the_very_bytes_and_nothing_that_was_changed() {
    let authority = authority();
    let attestor = authority.attestor(&"metadata.localhost".parse().unwrap(), now(), 3_600).unwrap();
    let signed = attestor.sign(CONTENT).unwrap();
    assert_eq!(verified(&signed, &authority).as_deref(), Some(CONTENT));
    assert_eq!(verified(&signed, &self::authority()), None, "another installation's authority");
    let place = signed.windows(CONTENT.len()).position(|bytes| bytes == CONTENT).unwrap();
    for at in [place + 11, signed.len() - 1, signed.len() - 100] {
        let mut changed = signed.clone();
        changed[at] ^= 1;
        assert_eq!(verified(&changed, &authority), None, "byte {at}");
    }
    let other = attestor.sign(br#"{"nonce":"0000000000","vmId":"b"}"#).unwrap();
    let mut mixed = other.clone();
    mixed[place..place + CONTENT.len()].copy_from_slice(CONTENT);
    assert_eq!(verified(&mixed, &authority), None, "the content of one document under the signature of another");
}

#[test]
fn a_signer_has_a_name_that_the_authority_may_certify() {
    assert!(authority().attestor(&"metadata.azure.com".parse().unwrap(), now(), 3_600).is_err());
}
