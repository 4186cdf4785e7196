//! The vectors of Project Wycheproof (C2SP, Apache-2.0) against what this crate offers.
//!
//! They are read from `WYCHEPROOF_DIR`, or from where the project keeps them beside its tree; where
//! there are none, each test says so and passes.

#![allow(clippy::print_stdout, clippy::disallowed_methods)]

use crate::jwk::{self, KeySet};
use crate::{Algorithm, VerifyingKey, jws, seal};
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};

/// The test groups of a file, or none where there is no such file.
fn groups(file: &str) -> Vec<Value> {
    let folder = std::env::var_os("WYCHEPROOF_DIR")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/wycheproof"), PathBuf::from);
    let Ok(text) = std::fs::read(folder.join(file)) else {
        println!("skipped: no {file} in {}", folder.display());
        return vec![];
    };
    let mut parsed: Value = serde_json::from_slice(&text).unwrap();
    std::mem::take(parsed["testGroups"].as_array_mut().unwrap())
}

fn hex(value: &Value) -> Vec<u8> {
    let digits = value.as_str().unwrap().as_bytes();
    digits.chunks(2).map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

fn tests(group: &Value) -> &[Value] {
    group["tests"].as_array().unwrap()
}

fn describe(file: &str, test: &Value) -> String {
    format!("{file} {}: {} (expected {})", test["tcId"], test["comment"], test["result"])
}

/// Checks every signature of a file, with the key of each group in DER. Gives how many were accepted.
fn check_signatures(file: &str, algorithm: Algorithm) -> Option<usize> {
    let groups = groups(file);
    let mut accepted = 0;
    for group in &groups {
        let spki = hex(&group["publicKeyDer"]);
        let key = VerifyingKey::from_spki(algorithm, &spki);
        // Exponents other than 65537 are not offered (CA-06): nothing of such a group may pass.
        let offered = algorithm == Algorithm::Es256 || group["publicKey"]["publicExponent"] == "010001";
        assert_eq!(key.is_ok(), offered, "{file}: {:?}", group["publicKey"]);
        for test in tests(group) {
            let passed = key.as_ref().is_ok_and(|key| key.is_valid(&hex(&test["msg"]), &hex(&test["sig"])));
            match test["result"].as_str().unwrap() {
                "valid" => assert_eq!(passed, offered, "{}", describe(file, test)),
                "invalid" => assert!(!passed, "{}", describe(file, test)),
                _ => {}
            }
            accepted += usize::from(passed);
        }
    }
    println!("{file}: {accepted} accepted of {}", groups.iter().map(|group| tests(group).len()).sum::<usize>());
    (!groups.is_empty()).then_some(accepted)
}

#[test]
fn jw_01_wycheproof_rs256() {
    for file in [
        "rsa_signature_2048_sha256_test.json",
        "rsa_signature_3072_sha256_test.json",
        "rsa_signature_4096_sha256_test.json",
    ] {
        assert_ne!(check_signatures(file, Algorithm::Rs256), Some(0));
    }
}

#[test]
fn jw_01_wycheproof_ps256() {
    assert_ne!(check_signatures("rsa_pss_2048_sha256_mgf1_32_test.json", Algorithm::Ps256), Some(0));
}

#[test]
fn jw_01_wycheproof_es256() {
    assert_ne!(check_signatures("ecdsa_secp256r1_sha256_p1363_test.json", Algorithm::Es256), Some(0));
}

#[test]
fn jw_01_signatures_of_other_hashes_are_refused() {
    for file in ["rsa_signature_2048_sha384_test.json", "rsa_signature_2048_sha512_test.json"] {
        for group in groups(file) {
            let Ok(key) = VerifyingKey::from_spki(Algorithm::Rs256, &hex(&group["publicKeyDer"])) else { continue };
            for test in tests(&group).iter().filter(|test| test["result"] == "valid") {
                assert!(!key.is_valid(&hex(&test["msg"]), &hex(&test["sig"])), "{}", describe(file, test));
            }
        }
    }
}

/// The token of a JWS or JWE vector, as it would arrive.
fn token(test: &Value) -> String {
    match test.get("jws").or_else(|| test.get("jwe")).unwrap() {
        Value::String(token) => token.clone(),
        other => other.to_string(),
    }
}

/// The public key of a group, or its shared secret where there is no public one.
fn group_key(group: &Value) -> &Map<String, Value> {
    group.get("public").unwrap_or(&group["private"]).as_object().unwrap()
}

fn header_alg(token: &str) -> Option<String> {
    let header = bonafide_types::base64url::decode(token.split('.').next()?).ok()?;
    let header: Value = serde_json::from_slice(&header).ok()?;
    Some(header["alg"].as_str()?.to_owned())
}

fn check_tokens(file: &str, parse: impl Fn(&str) -> Result<jws::Unverified<'_>, jws::JwsError>) -> Option<usize> {
    let groups = groups(file);
    let mut accepted = 0;
    for group in groups.iter().filter(|group| group["private"].get("keys").is_none()) {
        let jwk = group_key(group);
        let key = jwk::verifying_key(jwk).ok();
        for test in tests(group) {
            let token = token(test);
            let passed = match (&key, parse(&token)) {
                (Some(key), Ok(unverified)) => unverified.check_signature(key).is_ok(),
                _ => false,
            };
            // A vector is ours to accept where its key is for one of our algorithms and its header names the same.
            let own = jwk.get("alg").and_then(Value::as_str).filter(|alg| Algorithm::from_name(alg).is_some());
            let offered = own.is_some() && own == header_alg(&token).as_deref();
            match test["result"].as_str().unwrap() {
                "valid" => assert_eq!(passed, offered, "{}", describe(file, test)),
                _ => assert!(!passed, "{}", describe(file, test)),
            }
            accepted += usize::from(passed);
        }
    }
    println!("{file}: {accepted} accepted");
    (!groups.is_empty()).then_some(accepted)
}

#[test]
fn jw_01_jw_07_wycheproof_json_web_signatures() {
    let accepted = check_tokens("json_web_signature_test.json", jws::parse_strict);
    assert!(accepted.is_none_or(|accepted| accepted >= 16), "{accepted:?}");
}

#[test]
fn jw_01_jw_07_wycheproof_json_web_crypto() {
    let accepted = check_tokens("json_web_crypto_test.json", jws::parse_strict);
    assert!(accepted.is_none_or(|accepted| accepted >= 2), "{accepted:?}");
}

#[test]
fn ca_01_wycheproof_json_web_signatures_are_judged_alike_as_assertions() {
    check_tokens("json_web_signature_test.json", jws::parse_lenient);
    check_tokens("json_web_crypto_test.json", jws::parse_lenient);
}

#[test]
fn jw_01_wycheproof_json_web_keys() {
    let file = "json_web_key_test.json";
    for group in groups(file) {
        let set = KeySet::parse(group.get("public").unwrap_or(&group["private"]).to_string().as_bytes()).unwrap();
        for test in tests(&group) {
            let token = token(test);
            let unverified = jws::parse_strict(&token).ok();
            let passed = unverified.is_some_and(|unverified| {
                let key = unverified.key_id().and_then(|kid| set.key(kid)).cloned();
                key.is_some_and(|key| unverified.check_signature(&key).is_ok())
            });
            let offered = header_alg(&token).is_some_and(|alg| Algorithm::from_name(&alg).is_some());
            assert_eq!(passed, offered && test["result"] == "valid", "{}", describe(file, test));
        }
    }
}

#[test]
fn ky_04_wycheproof_aes_256_gcm() {
    let file = "aes_gcm_test.json";
    let fits = |group: &&Value| group["keySize"] == 256 && group["ivSize"] == 96 && group["tagSize"] == 128;
    let mut opened = 0;
    for group in groups(file).iter().filter(fits) {
        for test in tests(group) {
            let (key, nonce) = (hex(&test["key"]).try_into().unwrap(), hex(&test["iv"]).try_into().unwrap());
            let ciphertext = [hex(&test["ct"]), hex(&test["tag"])].concat();
            let plaintext = seal::decrypt_parts(&key, nonce, &hex(&test["aad"]), &ciphertext).ok();
            let expected = (test["result"] == "valid").then(|| hex(&test["msg"]));
            assert_eq!(plaintext.map(|plaintext| plaintext.expose().clone()), expected, "{}", describe(file, test));
            opened += 1;
        }
    }
    println!("{file}: {opened} of 256 bits");
}
