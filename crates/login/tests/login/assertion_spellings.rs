//! Client assertions in every spelling that stock clients use.

use crate::fixture::{Fixture, NOW, client_certificate, error_code, header, sign_text, sign_with};
use bonafide_crypto::thumbprint;
use bonafide_types::base64url::{encode, encode_standard};
use serde_json::{Value, json};

/// Base64 of both alphabets, with and without padding.
fn spellings(bytes: &[u8]) -> [String; 4] {
    let padded = encode_standard(bytes);
    let url = encode(bytes);
    let padding = "=".repeat(padded.len() - url.len());
    [url.clone(), format!("{url}{padding}"), padded.trim_end_matches('=').to_owned(), padded]
}

#[test]
fn every_spelling_of_the_header_that_clients_use_is_accepted() {
    let fixture = Fixture::new();
    let certificate = client_certificate();
    let der = encode_standard(certificate.der());
    let wrapped: String =
        der.as_bytes().chunks(64).map(|line| format!("{}\n", str::from_utf8(line).unwrap())).collect();
    let mut hints = Vec::new();
    for sha1 in spellings(&certificate.sha1_thumbprint()) {
        hints.push(json!({ "x5t": sha1 }));
    }
    for sha256 in spellings(&thumbprint::sha256(certificate.der())) {
        hints.push(json!({ "x5t#S256": sha256 }));
    }
    hints.push(json!({ "x5c": [der] }));
    hints.push(json!({ "x5c": der }));
    hints.push(json!({ "x5c": [wrapped, "of an issuer, which nobody looks at"] }));
    let sha1 = encode(&certificate.sha1_thumbprint());
    hints.push(json!({ "x5c": wrapped, "x5t": sha1, "kid": "anything" }));
    hints.push(json!({ "x5t": format!("{sha1}=\n") }));
    // A client may print members that it has no value for.
    hints.push(json!({ "x5t": sha1, "x5t#S256": null, "x5c": [], "kid": null }));
    hints.push(json!({ "x5c": [der], "x5t": "", "x5t#S256": "", "kid": 7 }));
    hints.push(json!({ "x5t": null, "x5t#S256": encode(&thumbprint::sha256(certificate.der())), "x5c": null }));
    for alg in ["RS256", "PS256"] {
        for hint in &hints {
            for typ in [json!("JWT"), json!("jwt"), json!(null)] {
                let mut header = hint.clone();
                header["alg"] = json!(alg);
                header["typ"] = typ.clone();
                if alg == "PS256" && typ.is_null() {
                    header.as_object_mut().unwrap().remove("typ");
                }
                let assertion = sign_with(&header, &fixture.claims(fixture.app));
                assert_eq!(fixture.assert(fixture.app, &assertion), 0, "{header}");
            }
        }
    }
}

#[test]
fn a_key_id_alone_names_the_certificate_if_it_has_the_form_of_a_thumbprint() {
    let fixture = Fixture::new();
    let certificate = client_certificate();
    let (sha1, sha256) = (certificate.sha1_thumbprint(), thumbprint::sha256(certificate.der()));
    let code = |header: &Value| {
        let mut header = header.clone();
        header["alg"] = json!("RS256");
        fixture.assert(fixture.app, &sign_with(&header, &fixture.claims(fixture.app)))
    };
    let mut key_ids = Vec::new();
    for digest in [&sha1[..], &sha256] {
        let hex = thumbprint::hex(digest);
        let pairs: Vec<&str> = hex.as_bytes().chunks(2).map(|pair| str::from_utf8(pair).unwrap()).collect();
        key_ids.extend(spellings(digest));
        key_ids.extend([hex.to_ascii_uppercase(), pairs.join(":"), pairs.join(":").to_ascii_uppercase(), hex]);
    }
    for kid in &key_ids {
        assert_eq!(code(&json!({ "kid": kid })), 0, "{kid}");
        assert_eq!(code(&json!({ "kid": kid, "x5t": null, "x5t#S256": "", "x5c": [] })), 0, "{kid}");
    }
    for kid in [json!(encode(&[1; 20])), json!(thumbprint::hex(&[1; 32]))] {
        assert_eq!(code(&json!({ "kid": kid })), 700_027, "another certificate's: {kid}");
    }
    let hex = thumbprint::hex(&sha1);
    let near = [
        json!(null),
        json!(7),
        json!([hex]),
        json!(""),
        json!("my-key"),
        json!(encode(&sha1[1..])),
        json!(encode(&sha256[..31])),
        json!(hex[1..]),
        json!(format!("{hex}00")),
        json!(format!("{}:{}", &hex[..20], &hex[20..])),
        json!(format!("0x{hex}")),
    ];
    for kid in near {
        assert_eq!(code(&json!({ "kid": kid })), 5_002_723, "{kid}");
    }
    // Beside a hint it is a name of the client's own: it neither helps nor harms.
    let (good, other) = (encode(&sha1), encode(&[1; 20]));
    assert_eq!(code(&json!({ "x5t": good, "kid": other })), 0);
    assert_eq!(code(&json!({ "x5t": other, "kid": good })), 700_027);
    assert_eq!(code(&json!({ "x5t#S256": encode(&[1; 32]), "kid": good })), 700_027);
    assert_eq!(code(&json!({ "x5t": "short", "kid": good })), 50_027);
    // The error names the thumbprint as it does that of any other hint.
    let header = json!({ "alg": "RS256", "kid": thumbprint::hex(&[0xab; 20]) });
    let form = fixture.assertion_form(fixture.app, &sign_with(&header, &fixture.claims(fixture.app)));
    let error = crate::fixture::body(&fixture.post(fixture.app.tenant, &form));
    let named = format!("Thumbprint of key used by client: '{}'", "AB".repeat(20));
    assert!(error["error_description"].as_str().unwrap().contains(&named), "{error}");
}

#[test]
fn an_external_issuer_s_assertion_is_told_by_its_issuer_whatever_its_header() {
    let fixture = Fixture::new();
    let mut claims = fixture.claims(fixture.app);
    claims.insert("iss".to_owned(), json!("https://issuer.example"));
    for header in [
        json!({"alg": "RS256", "kid": "their-key"}),
        json!({"alg": "RS256", "kid": encode(&[1; 32]), "typ": "at+jwt"}),
        json!({"alg": "ES256", "kid": 7}),
        json!({"alg": "RS256", "x5t": "short"}),
        json!({"alg": "RS256"}),
    ] {
        let reply =
            fixture.post(fixture.app.tenant, &fixture.assertion_form(fixture.app, &sign_with(&header, &claims)));
        assert_eq!(error_code(&reply), 700_211, "{header}");
        let error = crate::fixture::body(&reply);
        assert!(error.get("error_uri").is_none(), "{error}");
        let text = error["error_description"].as_str().unwrap();
        let words = "AADSTS700211: No matching federated identity record found for presented assertion issuer \
            'https://issuer.example'. Please check your federated identity credential Subject, Audience and Issuer against \
            the presented assertion. https://docs.microsoft.com/en-us/azure/active-directory/develop/workload-identity-federation \
            Trace ID: ";
        assert!(text.starts_with(words) && !text.contains('\n'), "{text}");
    }
}

#[test]
fn every_spelling_of_the_claims_and_parts_that_clients_use_is_accepted() {
    let fixture = Fixture::new();
    let now = NOW.unix_seconds();
    for (nbf, exp, iat) in [
        (json!(now), json!(now + 600), json!(now)),
        (json!(now.to_string()), json!((now + 600).to_string()), json!(now.to_string())),
        (json!(now as f64 + 0.25), json!((now + 600) as f64 + 0.75), json!(now as f64 + 0.5)),
        (json!(format!("{now}.5")), json!(format!("{}.5", now + 600)), json!(now)),
        (json!(now + 1), json!(now + 1_800), json!(now)),
        (json!(null), json!(now + 600), json!(null)),
        // Signed once for a day, long ago, or by a library that prints the beginning of time.
        (json!(now), json!(now + 86_400), json!(now)),
        (json!(now - 86_000), json!(now + 400), json!(now - 86_000)),
        (json!(now - 10_000_000), json!(now + 86_400), json!(now - 10_000_000)),
        (json!(0), json!(now + 600), json!(0)),
    ] {
        for absent in ["", "nbf", "iat", "jti"] {
            let mut claims = fixture.claims(fixture.app);
            for (name, value) in [("nbf", &nbf), ("exp", &exp), ("iat", &iat)] {
                claims.insert(name.to_owned(), value.clone());
            }
            claims.remove(absent);
            if absent == "iat" {
                claims.insert("jti".to_owned(), json!(7));
            }
            assert_eq!(fixture.assert(fixture.app, &sign_with(&header(), &claims)), 0, "{claims:?}");
        }
    }
    // Parts with padding, as one client writes them; the signature covers the padding.
    for spelling in 0..4 {
        let claims = serde_json::to_vec(&fixture.claims(fixture.app)).unwrap();
        let part = |bytes: &[u8]| spellings(bytes)[spelling].clone();
        let input = format!("{}.{}", part(header().to_string().as_bytes()), part(&claims));
        let signed = sign_text(&input, false);
        assert_eq!(fixture.assert(fixture.app, &signed), 0, "{spelling}");
        assert_eq!(fixture.assert(fixture.app, &format!("{signed}==")), 0, "a padded signature");
    }
}
