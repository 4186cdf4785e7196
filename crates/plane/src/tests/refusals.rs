//! Refusals of what no surface answers, in the words of the surface that they belong to.

use super::cloud::{Cloud, request};
use bonafide_http::Service;
use bonafide_wire::{Answer, Request, Unserved};
use http::Method;
use http::header::HOST;
use serde_json::Value;

#[test]
fn every_refusal_is_in_the_words_of_its_surface() {
    let cloud = Cloud::new();
    let (public, hosts) = (cloud.public(), cloud.hosts());
    for why in Unserved::ALL {
        let said = |service: &dyn Fn(&Request) -> Answer, path: &str| {
            let Answer { reply, .. } = service(&request(Method::PUT, path));
            assert_eq!(reply.status, why.status(), "{path} {why:?}");
            let is_later = why.is_for_now();
            assert_eq!(reply.headers.contains_key("retry-after"), is_later, "{path} {why:?}");
            let body: Value = serde_json::from_slice(&reply.body).unwrap();
            (reply.headers, body)
        };
        let public = |head: &Request| public.refusal(head, why);
        let (headers, body) = said(&public, "/subscriptions/x");
        assert!(headers.contains_key("x-ms-request-id") && headers.contains_key("x-ms-correlation-request-id"));
        assert!(body["error"]["code"].is_string() && body["error"]["message"].is_string(), "{body}");
        let hosts = |head: &Request| hosts.refusal(head, why);
        for (headers, body) in [said(&public, "/common/oauth2/token"), said(&hosts, "/common/oauth2/token")] {
            assert_eq!(headers["x-ms-request-id"], body["trace_id"].as_str().unwrap());
            assert!(body["error_codes"][0].is_number() && body["error"].is_string(), "{body}");
        }
        for path in ["/v1.0/users", "/beta/users"] {
            let (headers, body) = said(&public, path);
            assert_eq!(headers["request-id"], body["error"]["innerError"]["request-id"].as_str().unwrap());
            assert!(body["error"]["code"].is_string() && body["error"]["message"].is_string(), "{body}");
        }
        let vault = |head: &Request| public(&of_vault(head.clone()));
        let (_, body) = said(&vault, "/secrets/s");
        assert!(body["error"]["code"].is_string() && body["error"]["message"].is_string(), "{body}");
        let (_, body) = said(&hosts, "/%68osts/v1/join");
        assert!(body["code"].is_string() && body["message"].is_string(), "{body}");
        let (_, body) = said(&hosts, "/hosts/v1/join");
        assert!(body["code"].is_string() && body["message"].is_string(), "{body}");
    }
}

/// The same request to the host of a vault.
fn of_vault(mut request: Request) -> Request {
    request.headers.insert(HOST, "demo.vault.localhost:8443".parse().unwrap());
    request
}

#[tokio::test]
async fn a_path_that_no_surface_serves_is_answered_in_the_form_that_its_clients_read() {
    let cloud = Cloud::new();
    let id = "00000000-0000-4000-8000-000000000001";
    let (status, body) = cloud.get(&format!("/v1.0/devices/{id}")).await;
    assert_eq!((status, body["error"]["code"].as_str()), (404, Some("Request_ResourceNotFound")));
    let message = body["error"]["message"].as_str().unwrap();
    assert!(message.starts_with(&format!("Resource 'devices/{id}' does not exist or one of its queried")), "{message}");
    let (status, body) = cloud.get("/beta/servicePrincipals").await;
    assert_eq!((status, body["error"]["code"].as_str()), (401, Some("InvalidAuthenticationToken")));
    for path in ["/secrets/s", "/subscriptions", "/v1.0/users", "/common/oauth2/token"] {
        let asked = of_vault(request(Method::GET, path));
        let Answer { reply, .. } = cloud.public().answered(asked).await;
        let body: Value = serde_json::from_slice(&reply.body).unwrap();
        assert_eq!((reply.status.as_u16(), body["error"]["code"].as_str()), (404, Some("VaultNotFound")), "{path}");
        assert!(body["error"]["message"].as_str().unwrap().contains("'demo'"), "{body}");
    }
    for path in ["/", "/nothing/here", "/favicon.ico", "/%zz", "/common/../x"] {
        let (status, body) = cloud.get(path).await;
        assert_eq!((status, body["error"].as_str()), (404, Some("invalid_request")), "{path}");
        assert!(body["error_description"].as_str().unwrap().starts_with("AADSTS"), "{path}");
    }
    for (path, status) in [("/providers/x/../y", 400), ("/%73ubscriptions/%2573", 400), ("/tenants/x", 404)] {
        let (answered, body) = cloud.get(path).await;
        assert_eq!(answered, status, "{path}");
        assert!(body["error"]["code"].is_string(), "{path} {body}");
    }
}

#[test]
fn a_failure_names_the_file_and_the_id_under_which_its_cause_is_logged() {
    let cloud = Cloud::new();
    let public = cloud.public();
    let file = cloud.folder.path().join("data/log/bonafide.log").display().to_string();
    for (path, member) in [("/subscriptions", "/error/message"), ("/common/oauth2/token", "/error_description")] {
        let reply = public.refusal(&request(Method::POST, path), Unserved::Failed).reply;
        let body: Value = serde_json::from_slice(&reply.body).unwrap();
        let (text, id) = (body.pointer(member).unwrap().as_str().unwrap(), reply.headers["x-ms-request-id"].to_str());
        assert!(text.contains(&format!("For details see logs in {file}")), "{text}");
        assert!(text.contains(id.unwrap()), "{text}");
        let refused = public.refusal(&request(Method::POST, path), Unserved::BodyTooSlow).reply;
        assert!(!String::from_utf8_lossy(&refused.body).contains(&file), "a refusal is no failure");
    }
}
