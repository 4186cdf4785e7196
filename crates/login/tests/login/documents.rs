//! Discovery documents, key sets and instance discovery.

use crate::fixture::{Fixture, ORIGIN, body, error_code, logged_error, request, serves};
use bonafide_types::base64url;
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
            // MSAL needs it, though nobody can sign in there.
            assert!(document["authorization_endpoint"].as_str().unwrap().starts_with(&base));
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
fn discovery_names_no_endpoint_that_is_not_served() {
    let fixture = Fixture::new();
    for segment in [fixture.app.tenant.to_string(), "common".to_owned()] {
        for path in ["/.well-known/openid-configuration", "/v2.0/.well-known/openid-configuration"] {
            let document = body(&fixture.get(&format!("/{segment}{path}")));
            for (name, value) in document.as_object().unwrap() {
                let Some(address) = value.as_str().and_then(|text| text.strip_prefix(ORIGIN)) else { continue };
                let is_needed = matches!(name.as_str(), "issuer" | "authorization_endpoint");
                assert!(is_needed || serves(address), "{name}: {value}");
            }
            assert_eq!(document["response_types_supported"], json!([]), "there is no authorization endpoint");
            assert_eq!(document["end_session_endpoint"], json!(""), "MSAL Node 1 looks for the member");
            assert_eq!(document["grant_types_supported"], json!(["client_credentials"]));
            assert_eq!(document["msgraph_host"], json!(ORIGIN.strip_prefix("https://").unwrap()));
            for absent in [
                "device_authorization_endpoint",
                "userinfo_endpoint",
                "check_session_iframe",
                "kerberos_endpoint",
                "http_logout_supported",
                "frontchannel_logout_supported",
                "microsoft_multi_refresh_token",
                "response_modes_supported",
                "scopes_supported",
                "cloud_graph_host_name",
                "rbac_url",
            ] {
                assert!(document.get(absent).is_none(), "{absent}");
            }
        }
    }
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
    let tenant = fixture.app.tenant;
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
}

#[test]
fn tn_01_the_key_sets_of_any_tenant_have_every_key_and_name_no_tenant() {
    let fixture = Fixture::new();
    for name in ["common", "organizations"] {
        for (path, issuer) in [("discovery/keys", None), ("discovery/v2.0/keys", Some("{tenantid}/v2.0"))] {
            let reply = fixture.get(&format!("/{name}/{path}"));
            let keys = body(&reply)["keys"].as_array().unwrap().clone();
            let issuer = issuer.map(|issuer| json!(format!("{ORIGIN}/{issuer}")));
            assert!(keys.len() == 2 && keys.iter().all(|key| key.get("issuer") == issuer.as_ref()), "{keys:?}");
            let kids: Vec<_> = keys.iter().map(|key| key["kid"].as_str().unwrap()).collect();
            assert!(kids.is_sorted(), "their order says nothing of the tenants");
            for tenant in [fixture.app.tenant, fixture.other_app.tenant] {
                assert!(!String::from_utf8_lossy(&reply.body).contains(&tenant.to_string()));
            }
        }
    }
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
    for spelled in [
        format!("{ORIGIN}//{tenant}/oauth2/v2.0/authorize"),
        format!("{}/{tenant}/", ORIGIN.replace("https://login", "HTTPS://Login")),
    ] {
        let document = body(&ask(&spelled, "1.1"));
        let leads_to = format!("{ORIGIN}/{tenant}/v2.0/.well-known/openid-configuration");
        assert_eq!(document["tenant_discovery_endpoint"], json!(leads_to), "{spelled}");
    }
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
fn a_path_or_method_that_is_not_served_is_refused_in_the_token_service_s_own_form() {
    let fixture = Fixture::new();
    let tenant = fixture.app.tenant;
    let refused = |method: Method, path: &str| {
        let (reply, record) = fixture.ask(&request(method, path, "", ""));
        let error: OAuthError = serde_json::from_slice(&reply.body).unwrap();
        assert_eq!(error.error, "invalid_request", "{path}");
        assert!(error.error_description.contains("\r\nTrace ID: "), "{path}");
        assert_eq!(logged_error(&record), Some(error.error_codes[0]));
        (reply, error)
    };
    for path in [
        "/",
        "/x/y",
        "/common/oauth2/authorize",
        "/common/userrealm/somebody@contoso.example",
        "/consumers/oauth2/v2.0/devicecode",
        "/oidc/userinfo",
        &format!("/{tenant}/oauth2/v2.0/authorize"),
        &format!("/{tenant}/oauth2/v2.0/devicecode"),
        &format!("/{tenant}/oauth2/v2.0/logout"),
        &format!("/{tenant}/openid/userinfo"),
        &format!("/{tenant}/discovery"),
    ] {
        assert!(!serves(path));
        for method in [Method::GET, Method::POST] {
            let (reply, error) = refused(method, path);
            assert_eq!((reply.status.as_u16(), error.error_codes), (404, vec![9_002_313]), "{path}");
            assert!(error.error_description.contains(&format!("'{path}'")), "{}", error.error_description);
        }
    }
    for path in [format!("/{tenant}/discovery/keys"), "/common/discovery/instance".to_owned()] {
        let (reply, error) = refused(Method::POST, &path);
        assert_eq!((reply.status.as_u16(), error.error_codes), (405, vec![900_561]));
        assert_eq!(reply.headers["allow"], "GET, HEAD");
        let words = "AADSTS900561: The endpoint only accepts GET, HEAD requests. Received a POST request.";
        assert!(error.error_description.starts_with(words), "{}", error.error_description);
    }
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
