//! Discovery documents, key sets and instance discovery.

use crate::fixture::{Fixture, ORIGIN, body, error_code, request};
use bonafide_crypto::base64url;
use bonafide_wire::token::OAuthError;
use http::Method;
use serde_json::json;

#[test]
fn discovery_leads_from_each_issuer_to_the_keys_and_endpoints() {
    let fixture = Fixture::new();
    let tenant = fixture.app.tenant;
    for (path, issuer, token, keys) in [
        ("/.well-known/openid-configuration", "/", "/oauth2/token", "/discovery/keys"),
        ("/v2.0/.well-known/openid-configuration", "/v2.0", "/oauth2/v2.0/token", "/discovery/v2.0/keys"),
    ] {
        for (segment, name) in [
            (tenant.to_string(), tenant.to_string()),
            (tenant.to_string().to_ascii_uppercase(), tenant.to_string()),
            ("common".to_owned(), "{tenantid}".to_owned()),
            ("organizations".to_owned(), "{tenantid}".to_owned()),
        ] {
            let reply = fixture.get(&format!("/{segment}{path}"));
            let document = body(&reply);
            assert_eq!(document["issuer"], json!(format!("{ORIGIN}/{name}{issuer}")));
            let base = format!("{ORIGIN}/{}", if name == "{tenantid}" { &segment } else { &name });
            assert_eq!(document["token_endpoint"], json!(format!("{base}{token}")));
            assert_eq!(document["jwks_uri"], json!(format!("{base}{keys}")));
            for name in ["authorization_endpoint", "device_authorization_endpoint", "end_session_endpoint"] {
                assert!(document[name].as_str().unwrap().starts_with(&base), "{name}");
            }
            assert_eq!(document["id_token_signing_alg_values_supported"], json!(["RS256"]));
            assert_eq!(document["subject_types_supported"], json!(["pairwise"]));
            assert_eq!(document["tenant_region_scope"].is_null(), name == "{tenantid}");
            assert_eq!(reply.headers["cache-control"], "max-age=86400, private");
            assert_eq!(reply.headers["access-control-allow-origin"], "*");
            assert_eq!(reply.headers["strict-transport-security"], "max-age=31536000; includeSubDomains");
        }
    }
    let nobody = "/6ba7b810-9dad-11d1-80b4-00c04fd430c8/v2.0/.well-known/openid-configuration";
    let reply = fixture.get(nobody);
    assert_eq!((error_code(&reply), body(&reply)["error"].as_str()), (90_002, Some("invalid_tenant")));
}

#[test]
fn nothing_that_a_request_says_of_its_host_is_repeated() {
    let fixture = Fixture::new();
    let mut asked =
        request(Method::GET, &format!("/{}/v2.0/.well-known/openid-configuration", fixture.app.tenant), "", "");
    for name in ["host", "x-forwarded-host", "forwarded", "x-original-url"] {
        asked.headers.insert(name, "evil.example".parse().unwrap());
    }
    assert!(!String::from_utf8(fixture.ask(&asked).0.body.to_vec()).unwrap().contains("evil"));
}

#[test]
fn the_key_set_verifies_the_tenant_s_tokens_and_says_whose_they_are() {
    let fixture = Fixture::new();
    let (tenant, other) = (fixture.app.tenant, fixture.other_app.tenant);
    let key_of = |path: &str| body(&fixture.get(path))["keys"].as_array().unwrap().clone();
    let (v1, v2) = (key_of(&format!("/{tenant}/discovery/keys")), key_of(&format!("/{tenant}/discovery/v2.0/keys")));
    assert_eq!((v1.len(), v2.len()), (1, 1));
    assert!(v1[0].get("issuer").is_none());
    assert_eq!(v2[0]["issuer"], json!(format!("{ORIGIN}/{tenant}/v2.0")));
    for key in [&v1[0], &v2[0]] {
        assert_eq!((key["kty"].as_str(), key["use"].as_str(), &key["x5t"]), (Some("RSA"), Some("sig"), &key["kid"]));
        assert_eq!(
            (base64url::decode(key["n"].as_str().unwrap()).unwrap().len(), key["e"].as_str()),
            (256, Some("AQAB"))
        );
        let der = base64url::decode_lenient(key["x5c"][0].as_str().unwrap()).unwrap();
        assert_eq!(key["kid"], json!(base64url::encode(&bonafide_crypto::thumbprint::sha1(&der))));
    }
    // One issuer for each key, also where all are shown.
    let all = key_of("/common/discovery/v2.0/keys");
    let mut issuers: Vec<_> = all.iter().map(|key| key["issuer"].as_str().unwrap().to_owned()).collect();
    issuers.sort();
    let mut expected = vec![format!("{ORIGIN}/{tenant}/v2.0"), format!("{ORIGIN}/{other}/v2.0")];
    expected.sort();
    assert_eq!(issuers, expected);
}

#[test]
fn jw_13_a_key_set_can_be_kept_and_asked_for_again() {
    let fixture = Fixture::new();
    let path = format!("/{}/discovery/v2.0/keys", fixture.app.tenant);
    let first = fixture.get(&path);
    let etag = first.headers["etag"].to_str().unwrap().to_owned();
    assert_eq!(first.headers["cache-control"], "max-age=3600, private");
    for (known, status) in
        [(etag.clone(), 304), (format!("\"x\", W/{etag}"), 304), ("*".to_owned(), 304), ("\"x\"".to_owned(), 200)]
    {
        let mut again = request(Method::GET, &path, "", "");
        again.headers.insert("if-none-match", known.parse().unwrap());
        let reply = fixture.ask(&again).0;
        assert_eq!(
            (reply.status.as_u16(), reply.headers["etag"].to_str().unwrap()),
            (status, etag.as_str()),
            "{known}"
        );
        assert_eq!(reply.body.is_empty(), status == 304);
    }
    let other = fixture.get(&format!("/{}/discovery/v2.0/keys", fixture.other_app.tenant));
    assert_ne!(other.headers["etag"], etag.as_str());
}

#[test]
fn instance_discovery_knows_our_own_hosts_only() {
    let fixture = Fixture::new();
    let tenant = fixture.app.tenant;
    let ask = |endpoint: &str, version: &str| {
        fixture.get(&format!("/common/discovery/instance?api-version={version}&authorization_endpoint={endpoint}"))
    };
    let document = body(&ask(&format!("{ORIGIN}/{tenant}/oauth2/v2.0/authorize"), "1.1"));
    assert_eq!(
        document,
        json!({
            "tenant_discovery_endpoint": format!("{ORIGIN}/{tenant}/v2.0/.well-known/openid-configuration"),
            "api-version": "1.1",
            "metadata": [{
                "preferred_network": "login.test:8443", "preferred_cache": "login.test:8443",
                "aliases": ["login.test:8443"],
            }],
        })
    );
    let document = body(&ask(&format!("{ORIGIN}/common/oauth2/authorize"), "1.0"));
    assert_eq!(
        document["tenant_discovery_endpoint"],
        json!(format!("{ORIGIN}/common/.well-known/openid-configuration"))
    );
    for wrong in [
        "https://login.test/common",
        "https://login.test:8443.evil/common",
        "https://evil@login.test:8443/common",
        "http://login.test:8443/common",
        "login.test:8443",
        "",
    ] {
        assert_eq!(error_code(&ask(wrong, "1.1")), 50_049, "{wrong}");
    }
    assert_eq!(error_code(&fixture.get("/common/discovery/instance")), 900_144);
}

#[test]
fn unknown_paths_and_methods_say_so_in_the_words_of_every_refusal() {
    let fixture = Fixture::new();
    let tenant = fixture.app.tenant;
    for path in ["/", "/x/y", &format!("/{tenant}/oauth2/v2.0/authorize"), &format!("/{tenant}/discovery")] {
        let reply = fixture.get(path);
        let error: OAuthError = serde_json::from_slice(&reply.body).unwrap();
        assert_eq!((reply.status.as_u16(), error.error_codes), (404, vec![9_002_313]), "{path}");
        assert!(!bonafide_login::serves(path));
    }
    let reply = fixture.ask(&request(Method::POST, &format!("/{tenant}/discovery/keys"), "", "")).0;
    assert_eq!((reply.status.as_u16(), reply.headers["allow"].to_str().unwrap()), (405, "GET, HEAD"));
    let error: OAuthError = serde_json::from_slice(&reply.body).unwrap();
    assert_eq!(error.error_codes, [900_561]);
}

#[test]
fn a_path_is_decoded_once_before_it_is_split() {
    let fixture = Fixture::new();
    let tenant = fixture.app.tenant;
    for path in [
        format!("/{tenant}/%64iscovery/keys"),
        format!("/{tenant}%2Fdiscovery%2fkeys"),
        format!("%2F/{tenant}/discovery/keys").replacen("%2F/", "/%2F", 1),
    ] {
        assert_eq!(fixture.get(&path).status, 200, "{path}");
    }
    for path in
        ["%2564iscovery/keys", "discovery/x/../keys", "discovery/%2e/keys", "discovery%5Ckeys", "discovery/keys%00"]
    {
        assert_eq!(fixture.get(&format!("/{tenant}/{path}")).status, 404, "{path}");
    }
}
