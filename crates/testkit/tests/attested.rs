//! Attested documents, from the metadata endpoint of a machine to a verifier that knows the published certificate alone.

#![allow(clippy::unwrap_used)]
#![allow(clippy::disallowed_methods, reason = "openssl is the verifier")]

use bonafide_metadata::dialects::IMDS;
use bonafide_metadata::{Binding, Endpoint, Options};
use bonafide_testkit::{Answer, Ask, Cloud, Host, Machine};
use bonafide_wire::hosts::{attested_path, instance_path};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::process::Command;

fn cloud() -> (Cloud, Machine) {
    let cloud = Cloud::unthrottled();
    cloud.make_group(&cloud.home, "rg");
    let machine = cloud.make_machine(&cloud.home, "rg", "web1", true, &[]);
    cloud.place(&machine.id);
    cloud.round();
    (cloud, machine)
}

fn ask(cloud: &Cloud, machine: &Machine, path: &str) -> Answer {
    let binding = Binding::new(machine.uuid, &IMDS, Endpoint { port: 80, ..Endpoint::default() });
    let ask = Ask::new("GET", path).header("host", "169.254.169.254").header("metadata", "true");
    cloud.local.answer(cloud, &binding, ask.request()).into()
}

/// The content of a document as `openssl cms` verifies it with the certificate that the installation publishes, for the
/// name that a verifier expects.
fn verified(cloud: &Cloud, signature: &[u8], name: &str) -> Option<Value> {
    let folder = tempfile::tempdir().unwrap();
    let path = |file: &str| Path::display(&folder.path().join(file)).to_string();
    let refused: Answer = cloud.public(Ask::new("PUT", "/.well-known/attestation-ca.pem").request()).into();
    assert_eq!(refused.status, 405);
    let published: Answer = cloud.public(Ask::new("GET", "/.well-known/attestation-ca.pem").request()).into();
    fs::write(path("ca.pem"), published.expect(200).text).unwrap();
    fs::write(path("signed"), signature).unwrap();
    let at = cloud.world().now.unix_seconds().to_string();
    let done = Command::new("openssl")
        .args(["cms", "-verify", "-binary", "-inform", "DER", "-purpose", "sslserver", "-verify_hostname", name])
        .args(["-attime", &at, "-in", &path("signed"), "-CAfile", &path("ca.pem"), "-out", &path("content")])
        .output()
        .unwrap();
    done.status.success().then(|| serde_json::from_slice(&fs::read(path("content")).unwrap()).unwrap())
}

fn decode(text: &str) -> Vec<u8> {
    bonafide_types::base64url::decode_lenient(text).unwrap()
}

#[test]
fn id_15_a_verifier_learns_which_machine_it_is_and_that_it_answered_this_nonce() {
    let (cloud, machine) = cloud();
    let answer =
        ask(&cloud, &machine, "/metadata/attested/document?api-version=2025-04-07&nonce=0123456789").expect(200);
    assert_eq!(answer.body["encoding"], "pkcs7");
    let signature = decode(answer.text_at("/signature"));
    let said = verified(&cloud, &signature, "metadata.localhost").unwrap();
    let instance = ask(&cloud, &machine, "/metadata/instance/compute?api-version=2025-04-07").expect(200);
    assert_eq!(said["nonce"], "0123456789");
    for name in ["vmId", "subscriptionId", "plan", "sku", "licenseType"] {
        assert_eq!(said[name], instance.body[name], "{name}");
    }
    assert_eq!(verified(&cloud, &signature, "metadata.azure.com"), None);
    let (other, _) = self::cloud();
    assert_eq!(verified(&other, &signature, "metadata.localhost"), None, "of another installation");
    for at in (0..signature.len()).step_by(97) {
        let mut changed = signature.clone();
        changed[at] ^= 4;
        let said_changed = verified(&cloud, &changed, "metadata.localhost");
        // Bytes of certificates beside the signer's chain may vary; what is said may not.
        assert!(said_changed.is_none_or(|changed| changed == said), "byte {at}");
    }
}

#[test]
fn id_15_only_the_host_that_runs_a_machine_speaks_for_it_and_only_while_it_runs() {
    let (cloud, machine) = cloud();
    let edge = Host::join(&cloud, "edge", Options::default());
    let sign = |host| -> Answer {
        let ask = Ask::new("POST", &attested_path(machine.uuid)).json(&json!({ "version": "2018-10-01" }));
        cloud.hosts(ask.over(host).request()).into()
    };
    let read =
        |host| -> Answer { cloud.hosts(Ask::new("GET", &instance_path(machine.uuid)).over(host).request()).into() };
    let _ = (sign(cloud.local.id).expect(200), read(cloud.local.id).expect(200));
    sign(edge.id).refused(403, "NotPlaced");
    read(edge.id).refused(403, "NotPlaced");
    let power = |action: &str| cloud.call(&cloud.home.operator, "POST", &format!("{}/{action}", machine.id), None);
    let _ = power("deallocate").expect(200);
    sign(cloud.local.id).refused(403, "NotPlaced");
    let _ = power("start").expect(200);
    let _ = sign(cloud.local.id).expect(200);
}

#[test]
fn a_document_of_a_machine_follows_its_resource_and_outlives_the_control_plane() {
    let (cloud, machine) = cloud();
    let tags =
        |cloud: &Cloud| ask(cloud, &machine, "/metadata/instance/compute/tags?api-version=2021-02-01&format=text").text;
    assert_eq!(tags(&cloud), "");
    let body = json!({"tags": {"team": "blue"}});
    let _ = cloud.call(&cloud.home.operator, "PATCH", machine.id.as_str(), Some(&body)).expect(200);
    cloud.round();
    assert_eq!(tags(&cloud), "team:blue");
    cloud.local.set_offline(true);
    assert_eq!(tags(&cloud), "team:blue");
    let _ = ask(&cloud, &machine, "/metadata/attested/document?api-version=2018-10-01").expect(500);
}
