//! Replies and refusals of both dialects, byte by byte (docs/wire/imds.md, docs/wire/app-service.md).
#![allow(clippy::unwrap_used)]

mod support;

use bonafide_metadata::{UpstreamError, refuse};
use bonafide_wire::Unserved;
use bonafide_wire::token::TokenV1;
use serde_json::json;
use support::*;

#[test]
fn the_imds_reply_has_nine_string_fields_in_azures_order() {
    let agent = agent(vec![system()]);
    let first = ask_imds(&agent, "");
    let times = NOW.unix_seconds();
    assert_eq!(
        std::str::from_utf8(&first.body).unwrap(),
        format!(
            r#"{{"access_token":"{client}","client_id":"{client}","expires_in":"86400","expires_on":"{}","ext_expires_in":"86399","not_before":"{}","resource":"https://management.azure.com/","token_type":"Bearer","refresh_token":""}}"#,
            times + DAY,
            times - 300,
            client = client(0)
        )
    );
    assert_eq!(first.headers["content-type"], "application/json; charset=utf-8");
    assert_eq!(first.headers["server"], "IMDS/150.870.65.512");
    assert_eq!(first.headers["cache-control"], "no-store");

    let later = reply(agent.answer(&imds(), &get(TOKEN, QUERY), &at(NOW.plus_seconds(453))));
    let (mut was, mut is) = (body(&first), body(&later));
    assert_eq!(is["expires_in"], "85947");
    was["expires_in"].take();
    is["expires_in"].take();
    assert_eq!(was, is, "nothing but expires_in changes");
}

#[test]
fn the_resource_comes_back_as_it_was_asked_for() {
    let agent = agent(vec![system()]);
    for resource in ["https://vault.azure.net", "https://vault.azure.net/", "api://a?b=c&d", "x\"\\y"] {
        let query = form_urlencoded::Serializer::new("api-version=2019-08-01&".to_owned())
            .append_pair("resource", resource)
            .finish();
        let reply = ask(&agent, &imds(), &get(TOKEN, &query), NOW);
        assert_eq!(body(&reply)["resource"], resource);
    }
    assert_eq!(agent.counters().fetches, 4, "each spelling is a token of its own");
}

#[test]
fn every_refusal_of_imds_is_azures() {
    let two = || agent(vec![user(1), user(2)]);
    let one = || agent(vec![system()]);
    let none = || agent(vec![]);
    let version_error = r#"{"error":"Bad request. api-version is invalid or was not specified in the request. For more information refer to aka.ms/azureimds","error_description":"The query variable 'api-version' must be one of those of /metadata/versions; of a token also a later date","newest-versions":["2025-04-07","2024-07-17","2024-03-15"]}"#;
    let not_found = r#"{"error":"invalid_request","error_description":"Identity not found"}"#;
    let several = r#"{"error":"invalid_request","error_description":"Multiple user assigned identities exist, please specify the clientId / resourceId of the identity in the token request"}"#;
    let no_resource =
        r#"{"error":"invalid_request","error_description":"Required query variable 'resource' is missing"}"#;
    assert_eq!((not_found.len(), several.len()), (68, 168), "the lengths that Azure sends");
    let v = "api-version=2018-02-01";
    for (agent, query, expected) in [
        (one(), "resource=x".to_owned(), version_error),
        (one(), "api-version=2017-12-01&resource=x".to_owned(), version_error),
        (one(), "api-version=2018-01-31&resource=x".to_owned(), version_error),
        (one(), "api-version=2018-02-01-preview&resource=x".to_owned(), version_error),
        (one(), "api-version=latest&resource=x".to_owned(), version_error),
        (one(), "api-version=&resource=x".to_owned(), version_error),
        (one(), v.to_owned(), no_resource),
        (one(), format!("{v}&resource="), no_resource),
        (none(), format!("{v}&resource=x"), not_found),
        (two(), format!("{v}&resource=x"), several),
        (two(), format!("{v}&resource=x&client_id={}", client(3)), not_found),
        (two(), format!("{v}&resource=x&client_id=mine"), not_found),
        (
            one(),
            format!("{v}&resource=a%20b"),
            r#"{"error":"invalid_scope","error_description":"The query variable 'resource' is not a resource identifier"}"#,
        ),
    ] {
        let reply = reply(agent.answer(&imds(), &get(TOKEN, &query), &at(NOW)));
        assert_eq!((reply.status.as_u16(), &reply.body[..]), (400, expected.as_bytes()), "{query}");
        assert_eq!(reply.headers["content-type"], "application/json; charset=utf-8");
        assert_eq!(reply.headers["server"], "IMDS/150.870.65.512");
    }
}

#[test]
fn a_workload_that_is_not_placed_here_has_no_identity() {
    let agent = bonafide_metadata::Agent::new(unlimited());
    agent.apply(everything(vec![]));
    for path in [TOKEN, "/metadata/identity/info"] {
        let reply = reply(agent.answer(&imds(), &get(path, QUERY), &at(NOW)));
        assert_eq!(body(&reply)["error_description"], "Identity not found");
    }
}

#[test]
fn every_version_from_2018_02_01_on_gets_a_token() {
    for version in ["2018-02-01", "2018-10-01", "2019-08-01", "2019-08-15", "2021-02-01", "2025-04-07", "2031-01-01"] {
        let query = format!("api-version={version}&resource={ARM}");
        assert_eq!(ask(&agent(vec![system()]), &imds(), &get(TOKEN, &query), NOW).status, 200, "{version}");
    }
}

#[test]
fn versions_are_listed_oldest_first_and_need_no_version() {
    let reply = ask(&agent(vec![]), &imds(), &get("/metadata/versions", ""), NOW);
    let listed = body(&reply)["apiVersions"].as_array().unwrap().clone();
    assert_eq!((reply.status.as_u16(), listed.len()), (200, 35));
    assert!(listed.is_sorted_by_key(|version| version.as_str().unwrap().to_owned()));
    assert_eq!((&listed[0], &listed[34]), (&"2017-03-01".into(), &"2025-04-07".into()));
}

#[test]
fn info_lists_the_identities_beside_azures_tenant() {
    let agent = agent(vec![system(), user(1)]);
    let path = "/metadata/identity/info";
    let reply = ask(&agent, &imds(), &get(path, "api-version=2018-02-01"), NOW);
    let expected = serde_json::json!({"tenantId": tenant(), "identities": [
        {"type": "SystemAssigned", "principalId": principal(0), "clientId": client(0), "resourceId": vm(1)},
        {"type": "UserAssigned", "principalId": principal(1), "clientId": client(1), "resourceId": user_assigned_id(1)},
    ]});
    assert_eq!((reply.status.as_u16(), body(&reply)), (200, expected));
    assert_eq!(ask(&agent, &imds(), &get(path, ""), NOW).status, 400);
    assert_eq!(ask(&agent, &imds(), &get(path, "api-version=2018-02-01&a=1&a=1"), NOW).status, 400);
}

#[test]
fn what_login_says_about_the_resource_reaches_the_caller_and_nothing_else_does() {
    let unreachable = || UpstreamError::Unreachable("connection refused".to_owned());
    let upstream = r#"{"error":"unknown","error_description":"Failed to retrieve token from the Active directory. For details see the logs of the host"}"#;
    let gone = r#"{"error":"invalid_request","error_description":"Identity not found"}"#;
    let passed = serde_json::to_string(&refusal("invalid_resource", 500_011)).unwrap();
    for (error, status, expected) in [
        (UpstreamError::Refused(refusal("invalid_resource", 500_011)), 400, passed.as_str()),
        (UpstreamError::Refused(refusal("unauthorized_client", 700_016)), 400, gone),
        (UpstreamError::Refused(refusal("invalid_client", 700_030)), 400, gone),
        (UpstreamError::Refused(refusal("invalid_client", 700_027)), 500, upstream),
        (UpstreamError::Refused(refusal("invalid_client", 700_024)), 500, upstream),
        (UpstreamError::Refused(refusal("invalid_request", 900_144)), 500, upstream),
        (unreachable(), 500, upstream),
        (UpstreamError::Malformed, 500, upstream),
    ] {
        let agent = agent(vec![system()]);
        let (waiting, duty) = waits(agent.answer(&imds(), &get(TOKEN, QUERY), &at(NOW)));
        agent.complete(duty.unwrap(), Err(error.clone()), &at(NOW));
        let reply = agent.finish(waiting, &at(NOW));
        assert_eq!((reply.status.as_u16(), &reply.body[..]), (status, expected.as_bytes()), "{error:?}");
        assert_eq!(agent.counters().failures, 1);
    }
}

#[test]
fn a_failure_names_the_file_and_the_id_under_which_its_cause_is_logged() {
    const FILE: &str = "/data/log/bonafide.log";
    for (binding, request, member, beginning) in [
        (imds(), get(TOKEN, QUERY), "error_description", "Failed to retrieve token from the Active directory. "),
        (app_service(), get_app_service(APP), "message", "An unexpected error occured while fetching the AAD Token. "),
    ] {
        let agent = agent(vec![system()]).logging_to(FILE);
        let failed = |result: Option<Result<TokenV1, UpstreamError>>| {
            let (waiting, duty) = waits(agent.answer(&binding, &request, &at(NOW)));
            if let Some(result) = result {
                agent.complete(duty.unwrap(), result, &at(NOW));
            }
            let reply = agent.finish(waiting, &at(NOW));
            let id = reply.headers["x-ms-request-id"].to_str().unwrap();
            let expected = format!("{beginning}For details see logs in {FILE} (request {id})");
            assert_eq!((reply.status.as_u16(), body(&reply)[member].as_str()), (500, Some(expected.as_str())));
            reply.why.unwrap()
        };
        let refused = failed(Some(Err(UpstreamError::Unreachable("connection refused".to_owned()))));
        assert_eq!(&*refused, "login gave no token: connection refused");
        assert_eq!(&*failed(None), "login did not answer in time");
    }
}

#[test]
fn a_token_that_is_no_token_is_a_failure() {
    for (field, value) in [("expires_on", "soon"), ("not_before", ""), ("expires_on", "1"), ("expires_on", "-5")] {
        let agent = agent(vec![system()]);
        let (waiting, duty) = waits(agent.answer(&imds(), &get(TOKEN, QUERY), &at(NOW)));
        let mut token = token_at(NOW, DAY, "t");
        *(if field == "expires_on" { &mut token.expires_on } else { &mut token.not_before }) = value.to_owned();
        agent.complete(duty.unwrap(), Ok(token), &at(NOW));
        assert_eq!(agent.finish(waiting, &at(NOW)).status, 500, "{field} {value}");
        assert_eq!(agent.counters().failures, 1);
    }
}

const APP: &str = "api-version=2019-08-01&resource=https%3A%2F%2Fvault.azure.net";

#[test]
fn the_app_service_reply_has_its_own_six_fields() {
    let agent = agent(vec![system()]);
    let reply = ask(&agent, &app_service(), &get_app_service(APP), NOW);
    assert_eq!(
        std::str::from_utf8(&reply.body).unwrap(),
        format!(
            r#"{{"access_token":"{client}","client_id":"{client}","expires_on":"{}","not_before":"{}","resource":"https://vault.azure.net","token_type":"Bearer"}}"#,
            NOW.unix_seconds() + DAY,
            NOW.unix_seconds() - 300,
            client = client(0)
        )
    );
    assert!(!reply.headers.contains_key("server"));
}

#[test]
fn both_dialects_of_a_workload_share_its_tokens() {
    let agent = agent(vec![system()]);
    ask(&agent, &imds(), &get(TOKEN, APP), NOW);
    ask(&agent, &app_service(), &get_app_service(APP), NOW);
    assert_eq!((agent.counters().fetches, agent.counters().hits), (1, 1));
}

#[test]
fn app_service_wants_its_secret_before_anything_else() {
    let host = ("host", "127.0.0.1:41013");
    let almost = format!("{}0", &SECRET[..31]);
    let cases: [&[(&str, &str)]; 7] = [
        &[host],
        &[host, ("metadata", "true")],
        &[host, ("x-identity-header", "")],
        &[host, ("x-identity-header", &almost)],
        &[host, ("x-identity-header", &SECRET[..31])],
        &[host, ("x-identity-header", SECRET), ("x-identity-header", SECRET)],
        &[host, ("secret", SECRET)],
    ];
    for headers in cases {
        for query in [APP, ""] {
            let reply = ask(&agent(vec![system()]), &app_service(), &request("GET", "/msi/token", query, headers), NOW);
            assert_eq!(
                reply.body,
                r#"{"statusCode":401,"message":"The X-IDENTITY-HEADER header is missing or wrong.","correlationId":"00000000-0000-4000-8000-000000000000"}"#
            );
            assert_eq!(reply.status, 401);
        }
    }
    let headers = [host, ("X-IDENTITY-HEADER", SECRET), ("metadata", "true")];
    for path in ["/msi/token", "/msi/token/"] {
        let reply = ask(&agent(vec![system()]), &app_service(), &request("GET", path, APP, &headers), NOW);
        assert_eq!(reply.status, 200, "{path}");
    }
}

/// Version 2017-09-01 with its own header.
fn get_of_2017(more: &str, secret: &str) -> bonafide_wire::Request {
    let query = format!("api-version=2017-09-01&resource=https%3A%2F%2Fvault.azure.net{more}");
    request("GET", "/msi/token/", &query, &[("host", "127.0.0.1:41013"), ("secret", secret)])
}

#[test]
fn version_2017_09_01_has_its_own_header_selectors_and_four_fields() {
    let agent = agent(vec![system(), user(1)]);
    let reply = ask(&agent, &app_service(), &get_of_2017("", SECRET), NOW);
    assert_eq!(
        std::str::from_utf8(&reply.body).unwrap(),
        format!(
            r#"{{"access_token":"{}","expires_on":"{}","resource":"https://vault.azure.net","token_type":"Bearer"}}"#,
            client(0),
            NOW.plus_seconds(DAY).american_with_offset(),
        )
    );
    for more in [
        format!("&clientid={}", client(1)),
        format!("&object_id={}", principal(1)),
        format!("&mi_res_id={}", user_assigned_id(1)),
    ] {
        let reply = ask(&agent, &app_service(), &get_of_2017(&more, SECRET), NOW);
        assert_eq!(body(&reply)["access_token"], client(1).to_string(), "{more}");
    }
    for more in ["&client_id=x", "&principal_id=x", "&principalid=x"] {
        assert_eq!(ask(&agent, &app_service(), &get_of_2017(more, SECRET), NOW).status, 400, "{more}");
    }
    assert_eq!(agent.counters().fetches, 2, "both versions share a workload's tokens");
}

#[test]
fn version_2017_09_01_wants_its_secret_too_and_no_other_version_takes_it_there() {
    let agent = agent(vec![system()]);
    for secret in ["", &SECRET[..31], "wrong"] {
        assert_eq!(ask(&agent, &app_service(), &get_of_2017("", secret), NOW).status, 401, "{secret}");
    }
    assert_eq!(ask(&agent, &app_service_with(""), &get_of_2017("", ""), NOW).status, 401);
    let headers = [("host", "127.0.0.1:41013"), ("secret", SECRET)];
    for query in [APP, "", "api-version=2017-09-01&api-version=2019-08-01", "api-version=%zz"] {
        let reply = ask(&agent, &app_service(), &request("GET", "/msi/token", query, &headers), NOW);
        assert_eq!(reply.status, 401, "{query}");
    }
    let twice = [("host", "127.0.0.1:41013"), ("secret", SECRET), ("secret", SECRET)];
    let query = "api-version=2017-09-01&resource=x";
    assert_eq!(ask(&agent, &app_service(), &request("GET", "/msi/token", query, &twice), NOW).status, 401);
}

#[test]
fn an_empty_secret_opens_nothing() {
    let binding = app_service_with("");
    let headers = [("host", "localhost:41013"), ("x-identity-header", "")];
    let reply = ask(&agent(vec![system()]), &binding, &request("GET", "/msi/token", APP, &headers), NOW);
    assert_eq!(reply.status, 401);
}

#[test]
fn every_refusal_of_app_service_is_numbered() {
    let not_found =
        "No User Assigned or Delegated Managed Identity found for specified ClientId/ResourceId/PrincipalId.";
    for (identities, query, status, message) in [
        (vec![system()], "resource=x".to_owned(), 400, "The api-version is missing or not supported. Use 2019-08-01."),
        (
            vec![system()],
            "api-version=2018-02-01&resource=x".to_owned(),
            400,
            "The api-version is missing or not supported. Use 2019-08-01.",
        ),
        (vec![system()], "api-version=2019-08-01".to_owned(), 400, "The parameter 'resource' is missing."),
        (
            vec![system()],
            "api-version=2019-08-01&resource=a%20b".to_owned(),
            400,
            "The parameter 'resource' is not a resource identifier.",
        ),
        (vec![], APP.to_owned(), 400, "Unable to load the proper Managed Identity."),
        (vec![user(1), user(2)], APP.to_owned(), 400, "Unable to load the proper Managed Identity."),
        (vec![user(1)], format!("{APP}&client_id={}", client(2)), 400, not_found),
        (vec![user(1)], format!("{APP}&principal_id={}", principal(2)), 400, not_found),
        (
            vec![user(1)],
            format!("{APP}&clientid={}", client(1)),
            400,
            "the parameter 'clientid' does not select an identity here",
        ),
    ] {
        let reply = reply(agent(identities).answer(&app_service(), &get_app_service(&query), &at(NOW)));
        let expected = serde_json::json!(
            {"statusCode": status, "message": message, "correlationId": "00000000-0000-4000-8000-000000000000"});
        assert_eq!((reply.status.as_u16(), body(&reply)), (status, expected), "{query}");
    }
    let words = "An unexpected error occured while fetching the AAD Token.";
    let named = format!("{words} {}", refusal("invalid_resource", 500_011).error_description);
    assert!(named.contains("AADSTS500011: "));
    for (error, message) in [
        (UpstreamError::Refused(refusal("invalid_resource", 500_011)), named.as_str()),
        // Of our own request nothing is said.
        (UpstreamError::Refused(refusal("invalid_client", 700_027)), words),
        (UpstreamError::Unreachable("x".to_owned()), words),
        (UpstreamError::Malformed, words),
    ] {
        let agent = agent(vec![system()]);
        let (waiting, duty) = waits(agent.answer(&app_service(), &get_app_service(APP), &at(NOW)));
        agent.complete(duty.unwrap(), Err(error), &at(NOW));
        let reply = agent.finish(waiting, &at(NOW));
        assert_eq!(body(&reply)["message"], message);
        assert_eq!(reply.status, 500);
    }
}

#[test]
fn app_service_does_not_serve_the_paths_of_imds() {
    for path in [TOKEN, "/metadata/versions", "/MSI/token", "/msi"] {
        let headers = [("host", "127.0.0.1:41013"), ("x-identity-header", SECRET), ("metadata", "true")];
        let reply = ask(&agent(vec![system()]), &app_service(), &request("GET", path, APP, &headers), NOW);
        assert_eq!(reply.status, 404, "{path}");
    }
}

#[test]
fn what_the_shell_does_not_serve_is_said_in_the_words_of_the_dialect() {
    let imds_says = [
        (
            Unserved::OtherUser,
            403,
            "access_denied",
            "this endpoint serves only the user who started it, and root; `bonafide up --any-user` serves every user of its machine",
        ),
        (Unserved::TargetTooLong, 414, "invalid_request", "the request target is too long"),
        (Unserved::HeadTooLarge, 431, "invalid_request", "the request header fields are too large"),
        (Unserved::HeadMalformed, 400, "invalid_request", "the request line or a header field cannot be read"),
        (Unserved::BodyTooLarge, 413, "invalid_request", "the request body is too large"),
        (Unserved::BodyTooSlow, 400, "invalid_request", "the request body did not arrive in time"),
        (Unserved::BodyBroken, 400, "invalid_request", "the request body cannot be read"),
        (Unserved::Busy, 503, "unknown", "the server is busy; try again"),
    ];
    for (why, status, error, description) in imds_says {
        let said = refuse(&imds(), why, &at(NOW));
        assert_eq!((said.status.as_u16(), &said.headers["server"]), (status, &"IMDS/150.870.65.512".parse().unwrap()));
        assert_eq!(body(&said), json!({ "error": error, "error_description": description }));
        let said = refuse(&app_service(), why, &at(NOW));
        assert_eq!(said.status.as_u16(), status);
        let correlation = body(&said)["correlationId"].clone();
        assert_eq!(body(&said), json!({ "statusCode": status, "message": description, "correlationId": correlation }));
    }
}
