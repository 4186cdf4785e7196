//! The cost of a request is bounded (CA-06), and nothing that is sent causes a panic.

use crate::fixture::{Fixture, client_certificate, error_code, header, sign_with};
use bonafide_types::base64url::encode_standard;
use serde_json::json;
use std::time::Duration;

/// One DER element.
fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let mut out = vec![tag];
    match content.len() {
        length @ 0..0x80 => out.push(length as u8),
        length => {
            out.push(0x82);
            out.extend_from_slice(&(length as u16).to_be_bytes());
        }
    }
    out.extend(content);
    out
}

/// A certificate that parses, over an RSA key of any size and exponent that nobody holds.
fn certificate(modulus_bytes: usize, exponent: &[u8]) -> String {
    let mut modulus = vec![0xc5; modulus_bytes];
    modulus.insert(0, 0);
    let key = der(0x30, &[&der(2, &[&modulus]), &der(2, &[exponent])]);
    let rsa = der(0x30, &[&[6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1], &[5, 0]]);
    let sha256_rsa = der(0x30, &[&[6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 11], &[5, 0]]);
    let spki = der(0x30, &[&rsa, &der(3, &[&[0], &key])]);
    let time = der(0x17, &[b"250101000000Z"]);
    let tbs = der(
        0x30,
        &[
            &der(0xa0, &[&[2, 1, 2]]),
            &[2, 1, 1],
            &sha256_rsa,
            &der(0x30, &[]),
            &der(0x30, &[&time, &time]),
            &der(0x30, &[]),
            &spki,
        ],
    );
    encode_standard(&der(0x30, &[&tbs, &sha256_rsa, &der(3, &[&[0], &[7; 256]])]))
}

/// The time that one request takes.
#[allow(clippy::disallowed_methods, reason = "the row is about time")]
fn cost(fixture: &Fixture, assertion: &str) -> Duration {
    let start = std::time::Instant::now();
    fixture.assert(fixture.app, assertion);
    start.elapsed()
}

#[test]
fn ca_06_oversized_keys_and_chains_are_refused_before_any_verification() {
    let fixture = Fixture::new();
    let good = encode_standard(client_certificate().der());
    let claims = fixture.claims(fixture.app);
    for (what, x5c, code) in [
        ("a 2048-bit key that is not registered", json!([certificate(256, &[1, 0, 1])]), 700_027),
        ("a 16384-bit key", json!([certificate(2_048, &[1, 0, 1])]), 50_027),
        ("a 1024-bit key", json!([certificate(128, &[1, 0, 1])]), 50_027),
        ("a huge exponent", json!([certificate(256, &[0x41; 256])]), 50_027),
        ("a small exponent", json!([certificate(256, &[3])]), 50_027),
        ("eleven certificates", json!(vec![good.clone(); 11]), 50_027),
        ("a thousand certificates", json!(vec!["AAAA"; 1_000]), 50_027),
        ("more certificate than one is", json!("A".repeat(30_000)), 50_027),
    ] {
        let mut header = json!({"typ": "JWT", "alg": "RS256"});
        header["x5c"] = x5c;
        let assertion = sign_with(&header, &claims);
        assert_eq!(fixture.assert(fixture.app, &assertion), code, "{what}");
        // The fastest of many: on a busy machine any one of them may have to wait for its turn.
        let fastest = (0..20).map(|_| cost(&fixture, &assertion)).min().unwrap();
        assert!(fastest < Duration::from_millis(20), "{what}: {fastest:?}");
    }
    // A header that is larger than a request may be is not even parsed.
    let mut huge = header();
    huge["x5c"] = json!("A".repeat(1 << 20));
    let form = fixture.assertion_form(fixture.app, &sign_with(&huge, &claims));
    assert_eq!(error_code(&fixture.post(fixture.app.tenant, &form)), 9_002_313);
    huge["x5c"] = json!("A".repeat(40_000));
    assert_eq!(fixture.assert(fixture.app, &sign_with(&huge, &claims)), 50_027);
}

#[test]
fn ca_06_of_many_registered_certificates_the_one_that_is_named_is_tried() {
    let mut fixture = Fixture::new();
    let object_id = fixture.app.object_id;
    let world = bonafide_types::World { now: crate::fixture::NOW, entropy: &bonafide_crypto::SystemEntropy };
    let others: Vec<_> = (0..20)
        .map(|_| {
            let key = bonafide_crypto::AgentKey::generate().unwrap();
            let der = key.self_signed_certificate(&crate::fixture::certificate_spec()).unwrap();
            bonafide_crypto::Certificate::from_der(&der).unwrap()
        })
        .collect();
    fixture.change(|tx| {
        for certificate in &others {
            bonafide_core::directory::add_certificate(tx, &world, object_id, certificate, None)?;
        }
        Ok(())
    });
    assert_eq!(fixture.assert(fixture.app, &sign_with(&header(), &fixture.claims(fixture.app))), 0);
}

proptest::proptest! {
    #[test]
    fn jw_15_whatever_is_sent_gets_an_answer(path in "/[a-z0-9./%~-]{0,40}", query in "\\PC{0,40}", form in "\\PC{0,200}") {
        let fixture = &*SHARED;
        for method in [http::Method::GET, http::Method::POST] {
            let (reply, _) = fixture.ask(&crate::fixture::request(method, &path, &query, &form));
            proptest::prop_assert!(reply.status.is_client_error() || reply.status.is_success());
        }
        let form = format!("grant_type=client_credentials&client_id=x&scope=https://vault.azure.net/.default&{form}");
        let reply = fixture.post(fixture.app.tenant, &form);
        proptest::prop_assert!(reply.status.is_client_error());
        let assertion: String = query.chars().filter(char::is_ascii_graphic).collect();
        let code = fixture.assert(fixture.app, &format!("{assertion}.e30.AA"));
        proptest::prop_assert!(code > 0);
    }
}

static SHARED: std::sync::LazyLock<Fixture> = std::sync::LazyLock::new(Fixture::new);
