//! Client assertions: every field wrong once.

use crate::fixture::{Fixture, NOW, ORIGIN, client_certificate, error_code, header, request, sign_text, sign_with};
use bonafide_core::directory::{add_certificate, create_application};
use bonafide_crypto::{Certificate, SystemEntropy, thumbprint};
use bonafide_types::base64url::{encode, encode_standard};
use bonafide_types::{ClientId, World};
use http::Method;
use serde_json::{Map, Value, json};

#[test]
fn ca_08_a_client_may_use_its_assertion_again_within_its_lifetime() {
    let fixture = Fixture::new();
    let assertion = sign_with(&header(), &fixture.claims(fixture.app));
    assert_eq!(fixture.assert(fixture.app, &assertion), 0);
    assert_eq!(fixture.assert(fixture.app, &assertion), 0);
}

#[test]
fn the_client_id_may_be_left_out_beside_an_assertion_and_must_match_it_otherwise() {
    let fixture = Fixture::new();
    let assertion = sign_with(&header(), &fixture.claims(fixture.app));
    let form = fixture.assertion_form(fixture.app, &assertion);
    let id = format!("&client_id={}", fixture.app.client_id);
    assert_eq!(error_code(&fixture.post(fixture.app.tenant, &form.replace(&id, ""))), 0);
    let other = format!("&client_id={}", ClientId::random(&SystemEntropy));
    assert_eq!(error_code(&fixture.post(fixture.app.tenant, &form.replace(&id, &other))), 700_021);
}

#[test]
fn ca_01_one_wrong_field_at_a_time_is_refused_with_its_code() {
    let fixture = Fixture::new();
    let (now, good) = (NOW.unix_seconds(), fixture.claims(fixture.app));
    let other = json!(fixture.other_app.client_id);
    let unknown = json!(ClientId::random(&SystemEntropy));
    let endpoint = good["aud"].clone();
    let table: Vec<(&str, Value, u32)> = vec![
        ("iss", Value::Null, 50_027),
        ("iss", json!(1), 50_027),
        ("iss", json!(""), 700_211),
        ("iss", json!("https://issuer.example/"), 700_211),
        ("iss", other.clone(), 700_021),
        ("iss", unknown.clone(), 700_021),
        ("sub", Value::Null, 50_027),
        ("sub", json!(["x"]), 50_027),
        ("sub", json!(""), 700_021),
        ("sub", other, 700_021),
        ("sub", unknown, 700_021),
        ("aud", Value::Null, 700_023),
        ("aud", json!(""), 700_023),
        ("aud", json!({}), 700_023),
        ("aud", json!([]), 700_023),
        ("aud", json!([endpoint.clone(), "https://other.example"]), 700_023),
        ("exp", Value::Null, 90_014),
        ("exp", json!(true), 50_027),
        ("exp", json!("soon"), 50_027),
        ("exp", json!("-1"), 50_027),
        ("exp", json!("1e30"), 50_027),
        ("exp", json!(-1), 50_027),
        ("exp", json!(1e300), 50_027),
        ("exp", json!([now]), 50_027),
        ("exp", json!(0), 700_024),
        ("exp", json!(now + 86_701), 700_024),
        ("exp", json!(now + 864_000), 700_024),
        ("nbf", json!("x"), 50_027),
        ("nbf", json!({}), 50_027),
        ("nbf", json!(now + 3_600), 700_024),
        ("iat", json!(false), 50_027),
        ("iat", json!(now + 301), 700_024),
        ("iat", json!(now + 601), 700_024),
    ];
    for (name, value, code) in table {
        let mut claims = good.clone();
        claims.insert(name.to_owned(), value.clone());
        assert_eq!(fixture.assert(fixture.app, &sign_with(&header(), &claims)), code, "{name} = {value}");
    }
    for (name, code) in [("iss", 90_014), ("sub", 90_014), ("aud", 90_014), ("exp", 90_014)] {
        let mut claims = good.clone();
        claims.remove(name);
        assert_eq!(fixture.assert(fixture.app, &sign_with(&header(), &claims)), code, "{name} absent");
    }
    let mut header_table = vec![
        ("alg", json!("none"), 5_002_738),
        ("alg", json!("HS256"), 5_002_738),
        ("alg", json!("rs256"), 5_002_738),
        ("alg", json!("PS256"), 700_027),
        ("alg", json!("ES256"), 700_027),
        ("alg", json!(null), 50_027),
        ("typ", json!("at+jwt"), 50_027),
        ("typ", json!(1), 50_027),
        ("crit", json!(["exp"]), 50_027),
        ("x5t", json!(encode(&[1; 20])), 700_027),
        ("x5t", json!("short"), 50_027),
        ("x5t", json!(20), 50_027),
        ("x5t#S256", json!(encode(&[1; 32])), 700_027),
        ("x5t", json!(""), 5_002_723),
        ("x5t", json!(null), 5_002_723),
        ("x5t#S256", json!("short"), 50_027),
        ("x5c", json!([7]), 50_027),
        ("x5c", json!([""]), 50_027),
        ("x5c", json!([null]), 50_027),
        ("x5c", json!({}), 50_027),
        ("x5c", json!("AAAA"), 50_027),
    ];
    for (name, value, code) in header_table.drain(..) {
        let mut header = header();
        header[name] = value.clone();
        // Signed as RS256, whatever the header says.
        let input =
            format!("{}.{}", encode(header.to_string().as_bytes()), encode(&serde_json::to_vec(&good).unwrap()));
        assert_eq!(fixture.assert(fixture.app, &sign_text(&input, false)), code, "{name} = {value}");
    }
    let bare = json!({"alg": "RS256", "typ": "JWT", "kid": "x"});
    assert_eq!(fixture.assert(fixture.app, &sign_with(&bare, &good)), 5_002_723);
    for broken in ["", "x", "a.b", "a.b.c.d", "..", "e30.e30.", "{}", "eyJhbGciOiJSUzI1NiJ9.W10.AAAA"] {
        let code = fixture.assert(fixture.app, broken);
        assert!(matches!(code, 50_027 | 7_000_216 | 90_014), "{broken}: {code}");
    }
    let mut tampered = good.clone();
    let signed = sign_with(&header(), &good);
    tampered.insert("exp".to_owned(), json!(now + 601));
    let payload = encode(&serde_json::to_vec(&tampered).unwrap());
    let parts: Vec<&str> = signed.split('.').collect();
    let forged = format!("{}.{payload}.{}", parts[0], parts[2]);
    assert_eq!(fixture.assert(fixture.app, &forged), 700_027, "the claims that are used are those that are signed");
}

#[test]
fn ca_01_a_certificate_signs_for_its_own_principal_in_its_own_tenant_while_it_counts() {
    let mut fixture = Fixture::new();
    let assertion = |fixture: &Fixture, client| sign_with(&header(), &fixture.claims(client));
    assert_eq!(fixture.assert(fixture.other_app, &assertion(&fixture, fixture.other_app)), 0);
    // The same key is registered in both tenants; each assertion is still valid in one.
    let mut crossed = fixture.app;
    crossed.tenant = fixture.other_app.tenant;
    assert_eq!(fixture.assert(crossed, &assertion(&fixture, crossed)), 700_016);
    let (tenant, world) = (fixture.app.tenant, World { now: NOW, entropy: &SystemEntropy });
    let bare = std::cell::Cell::new(fixture.app);
    fixture.change(|tx| {
        let (object_id, row) = create_application(tx, &world, tenant, "bare")?;
        bare.set(crate::fixture::Client { tenant, object_id, client_id: row.client_id });
        Ok(())
    });
    assert_eq!(fixture.assert(bare.get(), &assertion(&fixture, bare.get())), 700_027, "no certificate of its own");
    fixture.now = NOW.plus_seconds(1_000_001);
    assert_eq!(fixture.assert(fixture.app, &assertion(&fixture, fixture.app)), 700_027, "an expired certificate");
    fixture.now = bonafide_types::Timestamp::from_unix_seconds(NOW.unix_seconds() - 1_001);
    assert_eq!(fixture.assert(fixture.app, &assertion(&fixture, fixture.app)), 700_027, "a certificate of the future");
}

#[test]
fn ca_03_the_whole_certificate_decides_not_a_name_or_thumbprint() {
    let mut fixture = Fixture::new();
    // Another key under the same name; its owner knows the registered certificate and its thumbprints.
    let evil = bonafide_crypto::AgentKey::generate().unwrap();
    let evil_der = evil.self_signed_certificate(&crate::fixture::certificate_spec()).unwrap();
    let claims = fixture.claims(fixture.app);
    let good = client_certificate();
    for hint in [
        json!({"x5c": [encode_standard(&evil_der)]}),
        json!({"x5c": [encode_standard(&evil_der), encode_standard(good.der())]}),
        json!({"x5c": [encode_standard(&evil_der)], "x5t": encode(&good.sha1_thumbprint())}),
        json!({"x5c": [encode_standard(&evil_der)], "x5t#S256": encode(&thumbprint::sha256(good.der()))}),
        json!({"x5c": [encode_standard(good.der()), encode_standard(&evil_der)]}),
        json!({"x5t": encode(&good.sha1_thumbprint())}),
        json!({"x5t#S256": encode(&thumbprint::sha256(good.der()))}),
        json!({"x5t": encode(&good.sha1_thumbprint()), "jwk": {"kty": "EC"}}),
    ] {
        let mut header = hint.clone();
        header["alg"] = json!("ES256");
        let token = evil.sign_jwt(header.to_string().as_bytes(), &serde_json::to_vec(&claims).unwrap()).unwrap();
        assert_eq!(fixture.assert(fixture.app, &token), 700_027, "{hint}");
    }
    // Hints that contradict one another find nothing, however good the signature.
    let mut header = header();
    header["x5c"] = json!([encode_standard(&evil_der)]);
    assert_eq!(fixture.assert(fixture.app, &sign_with(&header, &claims)), 700_027);
    // A registered elliptic-curve certificate without a host does not make ES256 an algorithm for clients.
    let (object_id, world) = (fixture.app.object_id, World { now: NOW, entropy: &SystemEntropy });
    let certificate = Certificate::from_der(&evil_der).unwrap();
    fixture.change(|tx| add_certificate(tx, &world, object_id, &certificate, None).map(drop));
    let header = json!({"alg": "ES256", "x5c": [encode_standard(&evil_der)]});
    let token = evil.sign_jwt(header.to_string().as_bytes(), &serde_json::to_vec(&claims).unwrap()).unwrap();
    assert_eq!(fixture.assert(fixture.app, &token), 700_027);
}

#[test]
fn ca_11_the_tolerance_for_clocks_is_five_minutes_to_the_second() {
    let fixture = Fixture::new();
    let now = NOW.unix_seconds();
    let code = |change: &dyn Fn(&mut Map<String, Value>)| {
        let mut claims = fixture.claims(fixture.app);
        for name in ["nbf", "iat"] {
            claims.remove(name);
        }
        change(&mut claims);
        fixture.assert(fixture.app, &sign_with(&header(), &claims))
    };
    for (late, expected) in [(299, 0), (300, 0), (301, 700_024)] {
        assert_eq!(code(&|claims| drop(claims.insert("exp".into(), json!(now - late)))), expected, "exp {late} s ago");
        for name in ["nbf", "iat"] {
            let begins = now + late;
            assert_eq!(code(&|claims| drop(claims.insert(name.into(), json!(begins)))), expected, "{name} in {late} s");
        }
        let exp = now + 86_400 + late;
        assert_eq!(code(&|claims| drop(claims.insert("exp".into(), json!(exp)))), expected, "exp {late} s over a day");
    }
}

#[test]
fn jw_06_a_token_of_ours_is_not_an_assertion() {
    let fixture = Fixture::new();
    let form = fixture.assertion_form(fixture.app, &sign_with(&header(), &fixture.claims(fixture.app)));
    let reply = fixture.post(fixture.app.tenant, &form);
    let token = crate::fixture::body(&reply)["access_token"].as_str().unwrap().to_owned();
    assert_eq!(fixture.assert(fixture.app, &token), 700_211);
    // Nor are its claims under the client's own key.
    let payload = bonafide_types::base64url::decode(token.split('.').nth(1).unwrap()).unwrap();
    let claims: Map<String, Value> = serde_json::from_slice(&payload).unwrap();
    assert_eq!(fixture.assert(fixture.app, &sign_with(&header(), &claims)), 700_211);
    // And an assertion is not an access token.
    assert!(fixture.verify(&sign_with(&header(), &fixture.claims(fixture.app))).is_err());
}

#[test]
fn ca_10_a_good_proof_does_not_excuse_a_second_one() {
    let fixture = Fixture::new();
    let assertion = sign_with(&header(), &fixture.claims(fixture.app));
    let form = fixture.assertion_form(fixture.app, &assertion);
    let tenant = fixture.app.tenant;
    for second in [format!("&client_secret={}", fixture.secret.expose()), "&client_secret=x".to_owned()] {
        assert_eq!(error_code(&fixture.post(tenant, &format!("{form}{second}"))), 9_002_313);
    }
    let secret = format!(
        "grant_type=client_credentials&scope={ORIGIN}/.default&client_id={}&client_secret={}",
        fixture.app.client_id,
        fixture.secret.expose()
    );
    for garbage in ["x", "e30.e30.", &assertion] {
        assert_eq!(error_code(&fixture.post(tenant, &format!("{secret}&client_assertion={garbage}"))), 9_002_313);
    }
    let wrong_type = form.replace("jwt-bearer", "saml2-bearer");
    assert_eq!(error_code(&fixture.post(tenant, &wrong_type)), 9_002_313);
    let mut basic = request(Method::POST, &format!("/{tenant}/oauth2/v2.0/token"), "", &form);
    basic.headers.insert("authorization", "Basic eDp5".parse().unwrap());
    assert_eq!(error_code(&fixture.ask(&basic).0), 9_002_313);
}
