//! Requests that are wrong before anybody signs in.

use crate::fixture::{Fixture, MANAGEMENT, NOW, body, error_code, logged_error, request, text};
use bonafide_crypto::SystemEntropy;
use bonafide_types::TenantId;
use bonafide_wire::token::OAuthError;
use http::Method;

#[test]
fn each_wrong_request_has_its_code() {
    let fixture = Fixture::new();
    let (v1, v2) =
        (format!("/{}/oauth2/token", fixture.app.tenant), format!("/{}/oauth2/v2.0/token", fixture.app.tenant));
    let client = fixture.app.client_id;
    let secret = fixture.secret.expose();
    let start = format!("grant_type=client_credentials&client_id={client}");
    let scope = format!("scope={MANAGEMENT}/.default");
    let resource = format!("resource={MANAGEMENT}");
    let nobody = TenantId::random(&SystemEntropy);
    for (method, path, form, code) in [
        (Method::GET, v2.clone(), String::new(), 900_561),
        (Method::PUT, v1.clone(), String::new(), 900_561),
        (Method::POST, v2.clone(), String::new(), 900_144),
        (Method::POST, v2.clone(), format!("client_id={client}&{scope}"), 900_144),
        (Method::POST, v2.clone(), format!("grant_type=password&client_id={client}&{scope}"), 70_003),
        (Method::POST, v2.clone(), format!("grant_type=&client_id={client}&{scope}"), 900_144),
        (Method::POST, v2.clone(), format!("{start}&client_secret={secret}"), 90_014),
        (Method::POST, v2.clone(), format!("{start}&client_secret={secret}&scope="), 90_014),
        (Method::POST, v1.clone(), format!("{start}&client_secret={secret}&{scope}"), 900_144),
        (Method::POST, v2.clone(), format!("{start}&client_secret={secret}&{resource}"), 901_002),
        (Method::POST, v2.clone(), format!("{start}&client_secret={secret}&{scope}&{resource}"), 901_002),
        (Method::POST, v2.clone(), format!("{start}&client_secret={secret}&scope=user.read"), 1_002_012),
        (
            Method::POST,
            v2.clone(),
            format!("{start}&client_secret={secret}&{scope}+https://vault.azure.net/.default"),
            700_022,
        ),
        (Method::POST, v2.clone(), format!("{start}&client_secret={secret}&scope=api://nobody/.default"), 500_011),
        (
            Method::POST,
            v1.clone(),
            format!("{start}&client_secret={secret}&resource=https://vault.azure.net@evil"),
            500_011,
        ),
        (
            Method::POST,
            v1.clone(),
            format!("{start}&client_secret={secret}&resource=https://vault.azure.net%09"),
            500_011,
        ),
        (Method::POST, v2.clone(), format!("{start}&{scope}"), 7_000_216),
        (Method::POST, v2.clone(), format!("{start}&{scope}&client_secret="), 7_000_216),
        (Method::POST, v2.clone(), format!("grant_type=client_credentials&{scope}"), 900_144),
        (Method::POST, v2.clone(), format!("grant_type=client_credentials&{scope}&client_secret={secret}"), 900_144),
        (
            Method::POST,
            v2.clone(),
            format!("grant_type=client_credentials&client_id=me&{scope}&client_secret=x"),
            700_016,
        ),
        (Method::POST, v2.clone(), format!("{start}&{scope}&client_secret=a&client_secret=b"), 9_000_411),
        (Method::POST, v2.clone(), format!("{start}&{scope}&Client_ID=x&client_secret=b"), 9_000_411),
        (Method::POST, v2.clone(), format!("{start}&{scope}&client_secret=%zz"), 9_002_313),
        (Method::POST, v2.clone(), format!("{start}&{scope}&client_secret={secret}&claims=x"), 9_002_313),
        (Method::POST, v2.clone(), format!("{start}&{scope}&client_secret={}", "x".repeat(70_000)), 9_002_313),
        (Method::POST, format!("/{nobody}/oauth2/token"), start.clone(), 90_002),
        (Method::POST, "/contoso.example/oauth2/token".to_owned(), start.clone(), 90_002),
        (Method::POST, "/not~a~tenant/oauth2/token".to_owned(), start.clone(), 900_023),
        (Method::POST, "/common/oauth2/token".to_owned(), start.clone(), 50_059),
        (Method::POST, "/organizations/oauth2/v2.0/token".to_owned(), start.clone(), 50_059),
    ] {
        let (reply, record) = fixture.ask(&request(method, &path, "", &form));
        assert_eq!(error_code(&reply), code, "{path} {form}");
        assert_eq!(logged_error(&record), Some(code));
    }
}

#[test]
fn scopes_that_go_and_java_add_do_not_hide_the_real_error() {
    let fixture = Fixture::new();
    let client = fixture.app.client_id.to_string();
    let secret = fixture.secret.expose();
    let nobody = bonafide_types::ClientId::random(&SystemEntropy).to_string();
    let added = format!("openid+offline_access+{MANAGEMENT}/.default+profile");
    for (client, secret, scope, code) in [
        (&client, secret.as_str(), added.as_str(), 0),
        (&client, "wrong", &added, 7_000_215),
        (&nobody, secret, &added, 700_016),
        (&client, secret, "https://nobody.example/.default+openid+profile", 500_011),
        (&client, secret, "openid+profile+offline_access", 1_002_012),
    ] {
        let form = format!(
            "grant_type=client_credentials&client_id={client}&client_secret={secret}&scope={scope}&client_info=1"
        );
        assert_eq!(error_code(&fixture.post(fixture.app.tenant, &form)), code, "{scope} {secret}");
    }
}

#[test]
fn rv_06_a_token_that_is_bound_to_a_key_is_refused_and_never_a_bearer_token_instead() {
    let fixture = Fixture::new();
    let proof = format!("client_secret={}", fixture.secret.expose());
    let start = format!("grant_type=client_credentials&client_id={}", fixture.app.client_id);
    let v1 = format!("/{}/oauth2/token", fixture.app.tenant);
    for (asked, named) in [
        ("token_type=pop&req_cnf=eyJraWQiOiJ4In0", "pop"),
        ("token_type=mtls_pop", "mtls_pop"),
        ("token_type=PoP", "PoP"),
        ("TOKEN_TYPE=ssh-cert", "ssh-cert"),
        ("token_type=+Bearer", " Bearer"),
        ("req_cnf=eyJraWQiOiJ4In0", "pop"),
        ("token_type=&req_cnf=eyJraWQiOiJ4In0", "pop"),
    ] {
        let by_scope = format!("{start}&scope={MANAGEMENT}/.default&{asked}");
        let by_resource = format!("{start}&resource={MANAGEMENT}&{asked}&{proof}");
        // A client with mutual TLS sends no proof in the form.
        for reply in [
            fixture.post(fixture.app.tenant, &by_scope),
            fixture.post(fixture.app.tenant, &format!("{by_scope}&{proof}")),
            fixture.ask(&request(Method::POST, &v1, "", &by_resource)).0,
        ] {
            assert_eq!(error_code(&reply), 90_100, "{asked}");
            let error = body(&reply);
            assert_eq!(error["error"], "invalid_request");
            let words = format!("AADSTS90100: The request asks for a token of the type '{named}'.");
            assert!(error["error_description"].as_str().unwrap().starts_with(&words), "{error}");
        }
    }
    for bearer in
        ["token_type=Bearer", "token_type=bearer&req_cnf=x", "token_type=", "req_cnf=", "token_type=&req_cnf="]
    {
        let reply = fixture.post(fixture.app.tenant, &format!("{start}&scope={MANAGEMENT}/.default&{bearer}&{proof}"));
        assert_eq!((error_code(&reply), body(&reply)["token_type"].as_str()), (0, Some("Bearer")), "{bearer}");
    }
}

#[test]
fn grants_that_entra_knows_and_we_do_not_are_named_in_the_refusal() {
    let fixture = Fixture::new();
    let client = format!("client_id={}&client_secret={}", fixture.app.client_id, fixture.secret.expose());
    for grant in [
        "authorization_code",
        "refresh_token",
        "password",
        "device_code",
        "urn:ietf:params:oauth:grant-type:device_code",
        "urn:ietf:params:oauth:grant-type:saml2-bearer",
        "urn:ietf:params:oauth:grant-type:token-exchange",
        "implicit",
        "Client_Credentials",
    ] {
        let form = format!("grant_type={grant}&{client}&scope={MANAGEMENT}/.default&code=x&assertion=x&username=x");
        let reply = fixture.post(fixture.app.tenant, &form);
        let error = body(&reply);
        assert_eq!((error_code(&reply), error["error"].as_str()), (70_003, Some("unsupported_grant_type")), "{grant}");
        let words = format!("AADSTS70003: The app requested an unsupported grant type '{grant}'.\r\n");
        assert!(error["error_description"].as_str().unwrap().starts_with(&words), "{error}");
    }
}

#[test]
fn what_stock_clients_send_beside_the_grant_changes_nothing() {
    let fixture = Fixture::new();
    let tenant = fixture.app.tenant.to_string();
    let form = format!(
        "grant_type=client_credentials&client_id={}&client_secret={}",
        fixture.app.client_id.to_string().to_ascii_uppercase(),
        fixture.secret.expose()
    );
    let java_script = "client-request-id=x&x-client-SKU=msal.js.node&x-client-VER=3&x-client-OS=linux&x-client-CPU=x64\
        &x-ms-lib-capability=retry-after,+h429&x-client-current-telemetry=5|771,2,,,|,&x-app-name=a&x-app-ver=1&claims=";
    let claims = "claims=%7B%22access_token%22%3A%7B%22xms_cc%22%3A%7B%22values%22%3A%5B%22CP1%22%5D%7D%2C%22nbf%22%3A%7B\
        %22essential%22%3Atrue%2C%22value%22%3A%221795737890%22%7D%7D%7D";
    let empty = "client_assertion=&client_assertion_type=&resource=&token_type=&req_cnf=&username=";
    for (path, query, more) in [
        (format!("/{tenant}/oauth2/v2.0/token"), "client-request-id=x", java_script),
        (format!("/{tenant}/oauth2/v2.0/token"), "dc=x&slice=y", "client_info=2"),
        (format!("/{tenant}/oauth2/v2.0/token"), "dc=x&dc=y&%zz", claims),
        (format!("/{tenant}/oauth2/v2.0/token"), "", empty),
        (format!("//{}/oauth2/v2.0/token/", tenant.to_ascii_uppercase()), "", "client_info=1"),
        (format!("/{tenant}/OAuth2/V2.0/Token"), "", "instance_aware=true"),
    ] {
        let form = format!("{form}&scope={MANAGEMENT}/.default&{more}");
        let (reply, record) = fixture.ask(&request(Method::POST, &path, query, &form));
        assert_eq!((error_code(&reply), logged_error(&record)), (0, None), "{path}?{query} {more}");
    }
    for (path, more) in [
        (format!("/{tenant}/oauth2/token"), "client_info=1"),
        (format!("/{tenant}/oauth2/token"), "scope=openid&client_info=1"),
        (format!("/{tenant}/OAuth2/Token"), "api-version=1.0&scope="),
    ] {
        let form = format!("{form}&resource={MANAGEMENT}&{more}");
        let (reply, _) = fixture.ask(&request(Method::POST, &path, "api-version=1.0", &form));
        assert_eq!(error_code(&reply), 0, "{path} {more}");
    }
}

#[test]
fn an_error_has_every_field_and_echoes_the_request_s_id() {
    let fixture = Fixture::new();
    let tenant = fixture.app.tenant;
    let given = "8D0C6E0F-1111-4222-8333-944455566677";
    let path = format!("/{tenant}/oauth2/v2.0/token");
    let form = "grant_type=client_credentials&scope=https://vault.azure.net/.default&client_id=me&client_secret=x";
    let mut by_header = request(Method::POST, &path, "", form);
    by_header.headers.insert("client-request-id", given.parse().unwrap());
    let by_query = request(Method::POST, &path, &format!("client-request-id={given}"), form);
    let by_form = request(Method::POST, &path, "", &format!("{form}&client-request-id={given}"));
    for asked in [by_header, by_query, by_form] {
        let (reply, record) = fixture.ask(&asked);
        let error: OAuthError = serde_json::from_slice(&reply.body).unwrap();
        let trace = &error.trace_id;
        assert_eq!(error.correlation_id, given.to_ascii_lowercase());
        assert_eq!(reply.headers["client-request-id"], given.to_ascii_lowercase().as_str());
        assert_eq!(reply.headers["x-ms-request-id"], trace.as_str());
        assert_eq!(
            (reply.headers["x-ms-request-id"].to_str().unwrap().to_owned(), text(&record, "correlation").unwrap()),
            (trace.clone(), error.correlation_id.clone())
        );
        assert_eq!((error.timestamp.as_str(), error.error_codes), (NOW.sts().as_str(), vec![700_016]));
        assert_eq!(
            error.error_description,
            format!(
                "AADSTS700016: Application with identifier 'me' was not found in the directory '{tenant}'. This can happen if \
                 the application has not been installed by the administrator of the tenant or consented to by any user in the \
                 tenant. You might have sent your authentication request to the wrong tenant.\r\nTrace ID: {trace}\r\n\
                 Correlation ID: {}\r\nTimestamp: {}",
                error.correlation_id,
                NOW.sts()
            )
        );
        assert_eq!(error.error_uri.as_deref(), Some("https://login.microsoftonline.com/error?code=700016"));
    }
    let mut odd = request(Method::POST, &path, "client-request-id=x", form);
    odd.headers.insert("client-request-id", "not-an-id".parse().unwrap());
    assert_ne!(fixture.ask(&odd).0.headers["client-request-id"], "not-an-id");
}

#[test]
fn an_unknown_resource_is_refused_in_entra_s_words() {
    let fixture = Fixture::new();
    let form = format!(
        "grant_type=client_credentials&resource=https://nobody.example/&client_id={}&client_secret={}",
        fixture.app.client_id,
        fixture.secret.expose()
    );
    let reply = fixture.ask(&request(Method::POST, &format!("/{}/oauth2/token", fixture.app.tenant), "", &form)).0;
    let error = body(&reply);
    assert_eq!(error["error"], "invalid_resource");
    let expected = format!(
        "AADSTS500011: The application named https://nobody.example/ was not found in the tenant named {}. This can happen",
        fixture.app.tenant
    );
    assert!(error["error_description"].as_str().unwrap().starts_with(&expected), "{error}");
}

#[test]
fn a_body_of_another_type_is_no_form() {
    let fixture = Fixture::new();
    let path = format!("/{}/oauth2/v2.0/token", fixture.app.tenant);
    let form = format!(
        "grant_type=client_credentials&client_id={}&scope={MANAGEMENT}/.default&client_secret={}",
        fixture.app.client_id,
        fixture.secret.expose()
    );
    for (content_type, code) in [
        (Some("application/x-www-form-urlencoded; charset=utf-8"), 0),
        (Some("Application/X-WWW-Form-Urlencoded"), 0),
        (None, 0),
        (Some("application/json"), 900_144),
        (Some("multipart/form-data"), 900_144),
    ] {
        let mut asked = request(Method::POST, &path, "client-request-id=x&unknown=y", &form);
        asked.headers.remove("content-type");
        if let Some(content_type) = content_type {
            asked.headers.insert("content-type", content_type.parse().unwrap());
        }
        assert_eq!(error_code(&fixture.ask(&asked).0), code, "{content_type:?}");
    }
    let mut binary = request(Method::POST, &path, "", "");
    binary.body = vec![0xff, 0xfe].into();
    assert_eq!(error_code(&fixture.ask(&binary).0), 9_002_313);
}

#[test]
fn np_08_a_reply_repeats_a_caller_s_text_harmlessly() {
    let fixture = Fixture::new();
    let long = "x".repeat(10_000);
    for client in ["a%0d%0aSet-Cookie:%20x", "%1b[31m", "%3Cscript%3E", "%00", &long] {
        let form = format!("grant_type=client_credentials&client_id={client}&scope=https://a/.default&client_secret=x");
        let reply = fixture.post(fixture.app.tenant, &form);
        assert_eq!(error_code(&reply), 700_016);
        let error = body(&reply);
        let text = error["error_description"].as_str().unwrap();
        assert!(text.len() < 1_000 && !text.contains(['\0', '\u{1b}']), "{text:?}");
        assert_eq!(text.matches("\r\n").count(), 3, "only our own line ends");
        assert_eq!(reply.headers["content-type"], "application/json; charset=utf-8");
        assert_eq!(reply.headers["x-content-type-options"], "nosniff");
    }
}
