use super::*;
use crate::test_keys::{other_rsa, p256, rsa};
use crate::{Certificate, SigningKey};
use aws_lc_rs::hmac;
use bonafide_types::base64url::{encode, encode_standard};

const HEADER: &[u8] = br#"{"typ":"JWT","alg":"RS256","kid":"k"}"#;
const CLAIMS: &[u8] = br#"{"iss":"i","exp":1}"#;

fn token(header: &[u8]) -> String {
    rsa().sign_jwt(header, CLAIMS).unwrap()
}

fn accept(token: &str) -> Result<Verified, JwsError> {
    parse_strict(token)?.verify(rsa().verifying_key())
}

/// Parts 0, 1 and 2 of a good token, with one replaced.
fn with_part(index: usize, change: impl Fn(&str) -> String) -> String {
    let good = token(HEADER);
    let mut parts: Vec<String> = good.split('.').map(str::to_owned).collect();
    parts[index] = change(&parts[index]);
    parts.join(".")
}

#[test]
fn a_token_of_ours_verifies_and_gives_its_claims() {
    let token = token(HEADER);
    let unverified = parse_strict(&token).unwrap();
    assert_eq!(unverified.key_id(), Some("k"));
    assert_eq!(unverified.algorithm(), Algorithm::Rs256);
    assert_eq!(unverified.unverified_claims().unwrap()["iss"], "i");
    let verified = unverified.verify(rsa().verifying_key()).unwrap();
    assert_eq!(verified.claims()["exp"], 1);
    assert_eq!(verified.header()["typ"], "JWT");
}

#[test]
fn jw_01_none_in_any_case_is_refused() {
    for bits in 0..16_u32 {
        let none: String = "none"
            .chars()
            .enumerate()
            .map(|(at, letter)| if bits >> at & 1 == 1 { letter.to_ascii_uppercase() } else { letter })
            .collect();
        let header = format!(r#"{{"alg":"{none}"}}"#);
        assert_eq!(accept(&token(header.as_bytes())).err(), Some(JwsError::UnsupportedAlgorithm), "{none}");
        for tail in ["", "AA"] {
            let bare = format!("{}.{}.{tail}", encode(header.as_bytes()), encode(CLAIMS));
            assert!(parse_strict(&bare).is_err() && parse_lenient(&bare).is_err(), "{none}");
        }
    }
}

#[test]
fn jw_01_algorithms_not_offered_or_in_another_spelling_are_refused() {
    let names = [
        "HS256",
        "HS384",
        "HS512",
        "RS1",
        "RS384",
        "RS512",
        "PS384",
        "PS512",
        "ES256K",
        "ES384",
        "ES512",
        "EdDSA",
        "rs256",
        "Rs256",
        "RS256 ",
        " RS256",
        "RS256\\u0000",
        "",
        "RSA-OAEP",
        "dir",
        "NONE",
        "null",
    ];
    for name in names {
        let header = format!(r#"{{"alg":"{name}"}}"#);
        assert_eq!(accept(&token(header.as_bytes())).err(), Some(JwsError::UnsupportedAlgorithm), "{name}");
    }
    for alg in ["null", "true", "256", "[\"RS256\"]", "{\"RS256\":1}"] {
        let header = format!(r#"{{"alg":{alg}}}"#);
        assert_eq!(accept(&token(header.as_bytes())).err(), Some(JwsError::HeaderMember("alg")), "{alg}");
    }
    assert_eq!(accept(&token(b"{}")).err(), Some(JwsError::HeaderMember("alg")));
}

#[test]
fn jw_01_a_key_verifies_its_one_algorithm_only() {
    let certificate = Certificate::from_der(rsa().certificate_der()).unwrap();
    let keys = certificate.verifying_keys().unwrap();
    let pss = keys.for_algorithm(Algorithm::Ps256).unwrap();
    for (key, others) in [
        (rsa().verifying_key(), ["PS256", "ES256"]),
        (pss, ["RS256", "ES256"]),
        (p256().verifying_key(), ["RS256", "PS256"]),
    ] {
        for other in others {
            let token = token(format!(r#"{{"alg":"{other}"}}"#).as_bytes());
            let refused = parse_strict(&token).unwrap().verify(key);
            assert_eq!(refused.err(), Some(JwsError::AlgorithmMismatch), "{other}");
        }
    }
    // The header says PS256, the signature is RS256: the right key, the wrong algorithm.
    let mixed = token(br#"{"alg":"PS256"}"#);
    assert_eq!(parse_strict(&mixed).unwrap().verify_with(&keys).err(), Some(JwsError::Signature));
    assert!(parse_strict(&token(HEADER)).unwrap().verify_with(&keys).is_ok());
    assert_eq!(
        parse_strict(&token(br#"{"alg":"ES256"}"#)).unwrap().verify_with(&keys).err(),
        Some(JwsError::AlgorithmMismatch)
    );
}

#[test]
fn jw_01_the_public_key_is_never_a_shared_secret() {
    let certificate = rsa().certificate_der();
    let pem = crate::pem::encode(crate::pem::CERTIFICATE, certificate);
    let parsed = Certificate::from_der(certificate).unwrap();
    for secret in [certificate, pem.as_bytes(), parsed.spki_der(), rsa().public_parts().n.as_bytes(), b""] {
        for name in ["HS256", "RS256"] {
            let input = format!("{}.{}", encode(format!(r#"{{"alg":"{name}"}}"#).as_bytes()), encode(CLAIMS));
            let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), input.as_bytes());
            assert!(accept(&format!("{input}.{}", encode(tag.as_ref()))).is_err());
        }
    }
}

#[test]
fn jw_01_another_key_of_the_same_kind_is_refused() {
    let foreign = other_rsa().sign_jwt(HEADER, CLAIMS).unwrap();
    assert_eq!(accept(&foreign).err(), Some(JwsError::Signature));
    let own = p256().sign_jwt(br#"{"alg":"ES256"}"#, CLAIMS).unwrap();
    assert!(parse_strict(&own).unwrap().verify(p256().verifying_key()).is_ok());
    let other = crate::AgentKey::generate().unwrap();
    assert_eq!(parse_strict(&own).unwrap().verify(other.verifying_key()).err(), Some(JwsError::Signature));
}

#[test]
fn jw_02_keys_in_the_header_are_not_trusted() {
    let thief: &SigningKey = other_rsa();
    let parts = thief.public_parts();
    let header = serde_json::json!({
        "alg": "RS256",
        "kid": rsa().kid(),
        "jwk": {"kty": "RSA", "n": parts.n, "e": parts.e},
        "jku": "http://127.0.0.1:1/keys",
        "x5u": "http://127.0.0.1:1/certificate",
        "x5c": [encode_standard(thief.certificate_der())],
        "x5t": thief.kid(),
    });
    let header = serde_json::to_vec(&header).unwrap();
    let stolen = thief.sign_jwt(&header, CLAIMS).unwrap();
    assert_eq!(accept(&stolen).err(), Some(JwsError::Signature));
    // Nor do they get in the way of the right key.
    assert!(accept(&rsa().sign_jwt(&header, CLAIMS).unwrap()).is_ok());
}

#[test]
fn jw_02_the_key_id_is_opaque() {
    let long = "k".repeat(8_000);
    for kid in ["' OR 1=1 --", "../../dev/null", "/dev/null", "a\u{0}b", "", &long] {
        let header = serde_json::to_vec(&serde_json::json!({"alg": "RS256", "kid": kid})).unwrap();
        let token = token(&header);
        let unverified = parse_strict(&token).unwrap();
        assert_eq!(unverified.key_id(), Some(kid));
        assert!(unverified.verify(rsa().verifying_key()).is_ok());
    }
    for kid in ["1", "null", "[]", "{\"a\":1}"] {
        let header = format!(r#"{{"alg":"RS256","kid":{kid}}}"#);
        assert_eq!(accept(&token(header.as_bytes())).err(), Some(JwsError::HeaderMember("kid")), "{kid}");
    }
}

#[test]
fn jw_07_only_three_unpadded_base64url_parts_are_a_token() {
    let good = token(HEADER);
    let [header, claims, signature] = &good.split('.').collect::<Vec<_>>()[..] else { panic!() };
    let json = format!(r#"{{"protected":"{header}","payload":"{claims}","signature":"{signature}"}}"#);
    for wrong in [
        format!(" {good}"),
        format!("{good}\n"),
        format!("{good}="),
        format!("{good}\u{0}"),
        format!("Bearer {good}"),
        good.replace('.', "%2E"),
        good.replace('.', "\u{ff0e}"),
        json.clone(),
        format!("[{json}]"),
    ] {
        assert_eq!(accept(&wrong).err(), Some(JwsError::Character), "{wrong}");
    }
    for wrong in [
        String::new(),
        ".".into(),
        "..".into(),
        (*header).to_string(),
        format!("{header}.{claims}"),
        format!("{header}.{claims}."),
        format!(".{claims}.{signature}"),
        format!("{good}."),
        format!(".{good}"),
        format!("{header}.{claims}..{signature}"),
        format!("{header}.{claims}.{signature}.{claims}.{signature}"),
    ] {
        assert_eq!(accept(&wrong).err(), Some(JwsError::Parts), "{wrong}");
    }
}

#[test]
fn jw_07_a_second_spelling_of_the_same_bytes_is_refused() {
    let last_differs = |part: &str| {
        let last = part.chars().last().unwrap();
        let next = char::from(last as u8 + 1);
        format!("{}{next}", &part[..part.len() - 1])
    };
    // 256 bytes leave four unused bits in the last character of the signature.
    assert_eq!(accept(&with_part(2, last_differs)).err(), Some(JwsError::Base64));
    for index in 0..3 {
        assert_eq!(accept(&with_part(index, |part| format!("{part}="))).err(), Some(JwsError::Character));
        assert!(accept(&with_part(index, |part| format!("{part}A"))).is_err());
    }
}

#[test]
fn jw_07_every_changed_character_breaks_the_signature() {
    let good = token(HEADER);
    for at in (0..good.len()).step_by(7) {
        let mut changed = good.clone().into_bytes();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        assert!(accept(std::str::from_utf8(&changed).unwrap()).is_err(), "{at}");
    }
}

#[test]
fn jw_07_duplicate_members_and_extensions_are_refused() {
    assert_eq!(
        accept(&token(br#"{"alg":"none","alg":"RS256"}"#)).err(),
        Some(JwsError::Header(JsonError::DuplicateMember))
    );
    let twice = rsa().sign_jwt(HEADER, br#"{"oid":"a","oid":"b"}"#).unwrap();
    assert_eq!(accept(&twice).err(), Some(JwsError::Claims(JsonError::DuplicateMember)));
    for (name, value) in [
        ("crit", r#"["exp"]"#),
        ("crit", "[]"),
        ("crit", "null"),
        ("zip", r#""DEF""#),
        ("enc", r#""A256GCM""#),
        ("b64", "false"),
        ("b64", "true"),
    ] {
        let token = token(format!(r#"{{"alg":"RS256","{name}":{value}}}"#).as_bytes());
        assert_eq!(parse_strict(&token).err(), Some(JwsError::Extension(name)));
        assert_eq!(parse_lenient(&token).err(), Some(JwsError::Extension(name)));
    }
    assert_eq!(accept(&token(b"[]")).err(), Some(JwsError::Header(JsonError::NotAnObject)));
    assert_eq!(accept(&token(b"\xef\xbb\xbf{\"alg\":\"RS256\"}")).err(), Some(JwsError::Header(JsonError::Malformed)));
}

#[test]
fn jw_07_a_token_over_the_size_limit_is_not_parsed() {
    let large = rsa().sign_jwt(HEADER, format!(r#"{{"a":"{}"}}"#, "x".repeat(13_000)).as_bytes()).unwrap();
    assert_eq!(parse_strict(&large).err(), Some(JwsError::TooLarge));
    assert!(parse_lenient(&large).unwrap().verify(rsa().verifying_key()).is_ok());
    assert_eq!(parse_lenient(&"A".repeat(ASSERTION_BYTES_MAX + 1)).err(), Some(JwsError::TooLarge));
}

#[test]
fn claims_are_read_only_after_the_signature_is_checked() {
    let not_claims = rsa().sign_jwt(HEADER, b"text").unwrap();
    assert_eq!(accept(&not_claims).err(), Some(JwsError::Claims(JsonError::Malformed)));
    assert_eq!(parse_strict(&not_claims).unwrap().check_signature(rsa().verifying_key()), Ok(()));
    let foreign = other_rsa().sign_jwt(HEADER, b"text").unwrap();
    assert_eq!(accept(&foreign).err(), Some(JwsError::Signature));
    assert_eq!(parse_strict(&foreign).unwrap().check_signature(rsa().verifying_key()), Err(JwsError::Signature));
}

#[test]
fn assertions_may_be_padded_and_in_the_standard_alphabet() {
    // Signed over the padded text, as azure-identity for Python does.
    let pad = |part: String| format!("{part}{}", "=".repeat((4 - part.len() % 4) % 4));
    let input =
        format!("{}.{}", pad(encode(br#"{"alg":"ES256","a":1}"#)), pad(encode(br#"{"iss":"?>?>?", "a":"??"}"#)));
    assert!(input.contains("==") && input.contains(['-', '_']));
    let standard = input.replace('-', "+").replace('_', "/");
    for input in [input, standard] {
        let signature = p256().sign_raw(input.as_bytes());
        for signature in [encode(&signature), pad(encode(&signature)), encode_standard(&signature)] {
            let assertion = format!("{input}.{signature}");
            let verified = parse_lenient(&assertion).unwrap().verify(p256().verifying_key()).unwrap();
            assert_eq!(verified.claims()["iss"], "?>?>?");
            assert!(parse_strict(&assertion).is_err());
        }
    }
}

#[test]
fn a_token_prints_without_its_signature() {
    let token = token(HEADER);
    let signature = token.rsplit('.').next().unwrap();
    let printed = format!("{:?}", parse_strict(&token).unwrap());
    assert!(!printed.contains(&signature[..20]));
}
