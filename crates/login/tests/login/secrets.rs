//! Client secrets, in the body and by HTTP Basic.

use crate::fixture::{Fixture, MANAGEMENT, NOW, body, error_code, logged_error, request, text};
use bonafide_login::Confirm;
use bonafide_types::base64url::encode_standard;
use bonafide_wire::{Outcome, Surface};
use http::Method;
use serde_json::json;

fn form(fixture: &Fixture, secret: &str) -> String {
    let scope = format!("{MANAGEMENT}/.default");
    format!("grant_type=client_credentials&client_id={}&scope={scope}&client_secret={secret}", fixture.app.client_id)
}

#[test]
fn version_2_answers_numbers_and_version_1_strings() {
    let fixture = Fixture::new();
    let tenant = fixture.app.tenant;
    let reply = fixture.post(tenant, &form(&fixture, fixture.secret.expose()));
    let token = body(&reply);
    assert_eq!((&token["expires_in"], &token["ext_expires_in"]), (&json!(3_599), &json!(3_599)));
    assert_eq!((token["token_type"].as_str(), token.as_object().unwrap().len()), (Some("Bearer"), 4));
    assert_eq!(reply.headers["cache-control"], "no-store, no-cache");
    assert_eq!(reply.headers["content-type"], "application/json; charset=utf-8");
    assert!(fixture.verify(token["access_token"].as_str().unwrap()).is_ok());
    let version_1 = form(&fixture, fixture.secret.expose()).replace("scope=", "resource=").replace("//.default", "/");
    let token = body(&fixture.ask(&request(Method::POST, &format!("/{tenant}/oauth2/token"), "", &version_1)).0);
    let now = NOW.unix_seconds();
    for (name, value) in [
        ("token_type", "Bearer".to_owned()),
        ("expires_in", "3599".to_owned()),
        ("ext_expires_in", "3599".to_owned()),
        ("expires_on", (now + 3_600).to_string()),
        ("not_before", (now - 300).to_string()),
        ("resource", MANAGEMENT.to_owned()),
    ] {
        assert_eq!(token[name], json!(value), "{name}");
    }
    assert_eq!(token.as_object().unwrap().len(), 7);
}

#[test]
fn a_secret_may_come_by_basic_authentication() {
    let fixture = Fixture::new();
    let path = format!("/{}/oauth2/v2.0/token", fixture.app.tenant);
    let bare = format!("grant_type=client_credentials&scope={MANAGEMENT}/.default");
    let client = fixture.app.client_id;
    let ask = |form: &str, authorization: &str| {
        let mut request = request(Method::POST, &path, "", form);
        request.headers.insert("authorization", authorization.parse().unwrap());
        error_code(&fixture.ask(&request).0)
    };
    let basic = |text: &str| format!("Basic {}", encode_standard(text.as_bytes()));
    let good = basic(&format!("{client}:{}", fixture.secret.expose()));
    assert_eq!(ask(&bare, &good), 0);
    assert_eq!(ask(&bare, &good.replace("Basic", "basic")), 0);
    assert_eq!(ask(&bare, &basic(&format!("{client}:{}", fixture.secret.expose().replace('_', "%5F")))), 0);
    assert_eq!(ask(&format!("{bare}&client_id={client}"), &good), 0);
    assert_eq!(ask(&format!("{bare}&client_id={}", fixture.other_app.client_id), &good), 9_002_313);
    assert_eq!(ask(&format!("{bare}&client_secret=x"), &good), 9_002_313);
    // The same secret in both places is one proof.
    let (secret, client_id) = (fixture.secret.expose(), format!("client_id={client}"));
    assert_eq!(ask(&format!("{bare}&{client_id}&client_secret={secret}&response_type=client_credentials"), &good), 0);
    assert_eq!(ask(&format!("{bare}&client_secret={secret}"), &good), 0);
    assert_eq!(ask(&format!("{bare}&client_secret="), &good), 0);
    let (twice, wrong) = (format!("{bare}&{client_id}&client_secret=a%2Bb%25"), basic(&format!("{client}:a+b%")));
    assert_eq!(ask(&twice, &wrong), 7_000_215, "as it stands, without the encoding of a form");
    assert_eq!(ask(&twice, &basic(&format!("{client}:a%2Bb%25"))), 7_000_215);
    assert_eq!(ask(&twice, &basic(&format!("{client}:a b%"))), 9_002_313);
    for wrong in ["wrong", "100%", "%zz", "%ff", "a+b", "a:b", ""] {
        assert_eq!(ask(&bare, &basic(&format!("{client}:{wrong}"))), 7_000_215, "{wrong}");
    }
    for broken in ["Basic", "Basic !", "Basic eA==", "Bearer x", "Digest x", "Basic /w=="] {
        assert_eq!(ask(&bare, broken), 9_002_313, "{broken}");
    }
}

#[test]
fn a_wrong_or_expired_secret_is_refused() {
    let mut fixture = Fixture::new();
    let secret = fixture.secret.expose().clone();
    for wrong in ["x", &secret[1..], &format!("{secret}x"), &format!("{secret}%20"), &secret.to_ascii_uppercase()] {
        assert_eq!(error_code(&fixture.post(fixture.app.tenant, &form(&fixture, wrong))), 7_000_215, "{wrong}");
    }
    fixture.now = NOW.plus_seconds(1_000);
    assert_eq!(error_code(&fixture.post(fixture.app.tenant, &form(&fixture, &secret))), 7_000_222);
}

#[test]
fn a_negative_answer_is_given_only_after_the_view_has_caught_up() {
    let fixture = Fixture::new();
    let path = format!("/{}/oauth2/v2.0/token", fixture.app.tenant);
    let good = form(&fixture, fixture.secret.expose());
    let unknown = bonafide_types::ClientId::random(&bonafide_crypto::SystemEntropy).to_string();
    let client = fixture.app.client_id.to_string();
    for (path, form, confirms) in [
        (path.clone(), good.clone(), false),
        (path.clone(), form(&fixture, "wrong"), true),
        (path.clone(), good.replace(&client, &unknown), true),
        (path.clone(), good.replace(MANAGEMENT, "api://new/"), true),
        (format!("/{unknown}/oauth2/v2.0/token"), good.clone(), true),
        // A request that no directory could make right is refused at once.
        (path.clone(), good.replace("client_credentials", "password"), false),
        (path.clone(), good.replace("/.default", ""), false),
        ("/common/oauth2/v2.0/token".to_owned(), good.clone(), false),
    ] {
        let answer = fixture.cx(false).handle(&request(Method::POST, &path, "", &form));
        assert_eq!(matches!(answer, Outcome::Need(Confirm)), confirms, "{path} {form}");
    }
}

#[test]
fn what_is_logged_holds_no_secret_and_no_token() {
    let fixture = Fixture::new();
    let path = format!("/{}/oauth2/v2.0/token", fixture.app.tenant);
    let asked = request(Method::POST, &path, "", &form(&fixture, fixture.secret.expose()));
    let (reply, record) = fixture.ask(&asked);
    let logged = format!("{record:?}");
    assert!(!logged.contains(fixture.secret.expose().as_str()));
    assert!(!logged.contains(body(&reply)["access_token"].as_str().unwrap()));
    assert_eq!(
        (text(&record, "client"), text(&record, "tenant")),
        (Some(fixture.app.client_id.to_string()), Some(fixture.app.tenant.to_string()))
    );
    assert_eq!((text(&record, "aud").as_deref(), logged_error(&record)), (Some(MANAGEMENT), None));
    let (_, record) = fixture.ask(&request(Method::POST, &path, "", &form(&fixture, "wrong")));
    assert_eq!(
        (text(&record, "client"), text(&record, "principal"), logged_error(&record)),
        (Some(fixture.app.client_id.to_string()), None, Some(7_000_215))
    );
    assert_eq!(text(&record, "aud"), None, "nobody has signed in");
    // A secret in the wrong field names no resource.
    let good = form(&fixture, fixture.secret.expose());
    let mispasted = good.replace(MANAGEMENT, &format!("{}/", fixture.secret.expose()));
    assert_ne!(good, mispasted);
    let (_, record) = fixture.ask(&request(Method::POST, &path, "", &mispasted));
    assert_eq!(
        (text(&record, "principal"), logged_error(&record)),
        (Some(fixture.app.object_id.to_string()), Some(500_011))
    );
    assert!(!format!("{record:?}").contains(fixture.secret.expose().as_str()), "{record:?}");
}
