//! Tokens that were never issued.

use super::*;

#[test]
fn each_refusal_says_what_resource_manager_needs_to_know() {
    let fixture = Fixture::new();
    let good = fixture.issue(fixture.tenant, fixture.app, MANAGEMENT).unwrap();
    let (before, after) = (good.validity.not_before, good.validity.expires_at);
    let at = Timestamp::from_unix_seconds;
    assert_eq!(fixture.verify_at(&good.token, at(after)), Err(TokenError::Expired { at: at(after) }));
    assert!(fixture.verify_at(&good.token, at(after - 1)).is_ok());
    let mut future = fixture.claims();
    let nbf = NOW.plus_seconds(10).unix_seconds();
    future.insert("nbf".to_owned(), nbf.into());
    assert_eq!(fixture.forge(&future), Err(TokenError::NotYetValid { at: at(nbf) }));
    assert_eq!(before, NOW.unix_seconds() - 300);
    let vault = fixture.issue(fixture.tenant, fixture.app, "https://vault.azure.net").unwrap();
    let aud = "https://vault.azure.net".to_owned();
    assert_eq!(fixture.verify(&vault.token), Err(TokenError::Audience { aud }));
    for workload in [json!(null), json!(7), json!(""), json!(WORKLOAD)] {
        assert_eq!(fixture.forge_with("bf_wl", workload), Err(TokenError::Claim("bf_wl")));
    }
    let iss = "https://sts.windows.net/x/".to_owned();
    assert_eq!(fixture.forge_with("iss", json!(iss.clone())), Err(TokenError::Issuer { iss }));
    let mut broken = good.token.clone();
    let last = if broken.pop() == Some('A') { 'Q' } else { 'A' };
    broken.push(last);
    assert_eq!(fixture.verify(&broken), Err(TokenError::Signature));
    for (header, expected) in [
        (None, Err(TokenError::Missing)),
        (Some(""), Err(TokenError::Missing)),
        (Some("Bearer"), Err(TokenError::Missing)),
        (Some("Bearer "), Err(TokenError::Missing)),
        (Some("Basic abc"), Err(TokenError::Scheme)),
        (Some("bearer  abc"), Ok("abc")),
    ] {
        assert_eq!(bearer(header), expected, "{header:?}");
    }
}

#[test]
fn jw_01_no_algorithm_but_the_key_s_own_is_accepted() {
    let fixture = Fixture::new();
    let kid = key(0).kid().to_owned();
    let claims = serde_json::to_vec(&fixture.claims()).unwrap();
    for alg in ["none", "None", "NONE", "nOnE", "HS256", "HS512", "rs256", "RS512", "", "PS256", "ES256"] {
        let header = json!({"typ": "JWT", "alg": alg, "kid": kid}).to_string();
        let token = key(0).sign_jwt(header.as_bytes(), &claims).unwrap();
        assert!(matches!(fixture.verify(&token), Err(TokenError::Malformed(_))), "{alg}");
        let unsigned = &token[..=token.rfind('.').unwrap()];
        assert!(matches!(fixture.verify(unsigned), Err(TokenError::Malformed(_))), "{alg}");
    }
}

#[test]
fn jw_02_a_header_names_a_key_that_is_known_and_nothing_else() {
    let fixture = Fixture::new();
    let claims = serde_json::to_vec(&fixture.claims()).unwrap();
    let long = "A".repeat(12_000);
    for kid in ["", "' OR 1=1 --", "../../../../dev/null", "\0", long.as_str()] {
        let header = json!({"typ": "JWT", "alg": "RS256", "kid": kid, "x5c": ["AA"], "jku": "https://localhost/"});
        let token = key(0).sign_jwt(header.to_string().as_bytes(), &claims).unwrap();
        assert!(matches!(fixture.verify(&token), Err(TokenError::UnknownKey | TokenError::Malformed(_))), "{kid}");
    }
    let header = json!({"typ": "JWT", "alg": "RS256", "x5t": key(0).kid()}).to_string();
    assert_eq!(fixture.verify(&key(0).sign_jwt(header.as_bytes(), &claims).unwrap()), Err(TokenError::Claim("kid")));
}

#[test]
fn jw_05_a_claim_of_another_type_or_none_is_refused() {
    let fixture = Fixture::new();
    let good = fixture.claims();
    assert!(fixture.forge(&good).is_ok());
    for name in ["aud", "iss", "exp", "nbf", "iat", "tid", "oid", "sub", "appid", "uti", "ver", "idtyp"] {
        let mut absent = good.clone();
        absent.remove(name);
        assert_eq!(fixture.forge(&absent), Err(TokenError::Claim(name)), "{name} absent");
        let text = good[name].as_str().map_or_else(|| good[name].to_string(), str::to_owned);
        let mut wrong = vec![
            json!(null),
            json!(true),
            json!([]),
            json!([good[name].clone()]),
            json!({}),
            json!({"value": good[name]}),
        ];
        if good[name].is_number() {
            let number = good[name].as_f64().unwrap();
            wrong.extend([json!(text), json!(number), json!(number + 0.5), json!(-1), json!(-1e300), json!(1e300)]);
        } else {
            wrong.extend([json!(0), json!(1.5), json!("")]);
        }
        for value in wrong {
            let refused = fixture.forge_with(name, value.clone());
            assert!(
                matches!(&refused, Err(TokenError::Claim(claim)) if *claim == name)
                    || matches!(
                        (&refused, name),
                        (Err(TokenError::Issuer { .. }), "iss") | (Err(TokenError::Audience { .. }), "aud")
                    ),
                "{name} = {value}: {refused:?}"
            );
        }
    }
    for exp in ["1e999", "01", "0x7fffffff", "Infinity", "18446744073709551616"] {
        let claims = serde_json::to_string(&good).unwrap().replace(&good["exp"].to_string(), exp);
        let header = json!({"typ": "JWT", "alg": "RS256", "kid": key(0).kid()}).to_string();
        assert!(fixture.verify(&key(0).sign_jwt(header.as_bytes(), claims.as_bytes()).unwrap()).is_err(), "{exp}");
    }
    assert!(matches!(fixture.forge_with("aud", json!([MANAGEMENT])), Err(TokenError::Claim("aud"))));
    for aud in [
        "https://management.azure.com//",
        "https://MANAGEMENT.azure.com/",
        "https://management.azure.com/ ",
        "https://management.azure.com/evil",
    ] {
        assert!(matches!(fixture.forge_with("aud", json!(aud)), Err(TokenError::Audience { .. })), "{aud}");
    }
    for ver in ["1", "3.0", "1.0 ", "2.0"] {
        assert!(fixture.forge_with("ver", json!(ver)).is_err(), "{ver}");
    }
}

#[test]
fn jw_06_nothing_but_an_access_token_is_an_access_token() {
    let fixture = Fixture::new();
    let now = NOW.unix_seconds();
    let endpoint = format!("https://localhost:8443/{}/oauth2/v2.0/token", fixture.tenant);
    let client = fixture.app_client.to_string();
    let assertion =
        json!({"iss": client, "sub": client, "aud": endpoint, "jti": "x", "nbf": now, "iat": now, "exp": now + 600});
    assert_eq!(fixture.forge(assertion.as_object().unwrap()), Err(TokenError::Claim("tid")));
    let mut id_token = fixture.claims();
    id_token.remove("idtyp");
    id_token.remove("appid");
    assert!(fixture.forge(&id_token).is_err());
    let mut user = fixture.claims();
    user.insert("idtyp".to_owned(), json!("user"));
    assert_eq!(fixture.forge(&user), Err(TokenError::Claim("idtyp")));
    let claims = serde_json::to_vec(&fixture.claims()).unwrap();
    for typ in [json!("at+jwt"), json!("JOSE"), json!(""), json!(1), json!(null)] {
        let header = json!({"typ": typ, "alg": "RS256", "kid": key(0).kid()}).to_string();
        let token = key(0).sign_jwt(header.as_bytes(), &claims).unwrap();
        assert_eq!(fixture.verify(&token), Err(TokenError::Claim("typ")), "{typ}");
    }
    let exchange = fixture.issue(fixture.tenant, fixture.app, "api://AzureADTokenExchange").unwrap();
    assert!(matches!(fixture.verify(&exchange.token), Err(TokenError::Audience { .. })));
    let mut mixed = fixture.claims();
    mixed.insert("iss".to_owned(), json!(fixture.authority.issuer(TokenVersion::V2, fixture.tenant)));
    assert!(matches!(fixture.forge(&mixed), Err(TokenError::Issuer { .. })), "version 1 from the issuer of version 2");
}

#[test]
fn jw_07_only_one_spelling_of_a_token_is_a_token() {
    let fixture = Fixture::new();
    let token = fixture.issue(fixture.tenant, fixture.app, MANAGEMENT).unwrap().token;
    let parts: Vec<&str> = token.split('.').collect();
    for wrong in [
        format!("{token}="),
        format!("{token}."),
        format!(".{token}"),
        format!("{token} "),
        format!("{}.{}", parts[0], parts[1]),
        format!("{}=.{}.{}", parts[0], parts[1], parts[2]),
        json!({"protected": parts[0], "payload": parts[1], "signature": parts[2]}).to_string(),
    ] {
        assert!(matches!(fixture.verify(&wrong), Err(TokenError::Malformed(_))), "{wrong}");
    }
    let claims = serde_json::to_string(&fixture.claims()).unwrap().replacen('{', "{\"oid\":\"x\",", 1);
    let header = json!({"typ": "JWT", "alg": "RS256", "kid": key(0).kid()}).to_string();
    let twice = key(0).sign_jwt(header.as_bytes(), claims.as_bytes()).unwrap();
    assert!(matches!(fixture.verify(&twice), Err(TokenError::Malformed(JwsError::Claims(_)))));
}
