//! The guards, row by row of the security catalogue (THREAT_MODEL.md).
#![allow(clippy::unwrap_used)]

mod support;

use bytes::Bytes;
use http::Method;
use support::*;

const HOST: (&str, &str) = ("host", "169.254.169.254");
const METADATA: (&str, &str) = ("metadata", "true");

fn status(request: &bonafide_wire::Request) -> u16 {
    ask(&agent(vec![system()]), &imds(), request, NOW).status.as_u16()
}

/// Every path that wants the header.
const WITH_HEADER: [&str; 3] = [TOKEN, "/metadata/identity/info", "/metadata/versions"];

#[test]
fn md_01_nothing_but_true_opens_a_path() {
    let cases: [&[(&str, &str)]; 13] = [
        &[],
        &[("metadata", "1")],
        &[("metadata", "")],
        &[("metadata", "yes")],
        &[("metadata", "tru")],
        &[("metadata", "truee")],
        &[("metadata", "false")],
        &[("metadata", "\"true\"")],
        &[("metadata", "true"), ("metadata", "true")],
        &[("metadata", "true"), ("metadata", "false")],
        &[("metadata", "true,true")],
        &[("metadata", "true, true")],
        &[("x-metadata", "true"), ("trailer", "Metadata")],
    ];
    for headers in cases {
        for path in WITH_HEADER {
            for query in [QUERY, "", "Metadata=true", "api-version=1&resource=&client_id=&object_id="] {
                for method in ["GET", "HEAD", "POST", "DELETE"] {
                    let request = request(method, path, query, &[&[HOST], headers].concat());
                    let reply = ask(&agent(vec![system()]), &imds(), &request, NOW);
                    assert_eq!(reply.status, 400, "{headers:?} {path} {query}");
                    assert_eq!(
                        reply.body,
                        r#"{"error":"bad_request_102","error_description":"Required metadata header not specified"}"#
                    );
                    assert_eq!(reply.headers["server"], "IMDS/150.870.65.512");
                }
            }
        }
    }
}

#[test]
fn md_01_true_opens_every_path_in_any_case() {
    for path in WITH_HEADER {
        for name in ["metadata", "Metadata", "METADATA"] {
            for value in ["true", "True", "TRUE", "tRuE"] {
                assert_eq!(status(&request("GET", path, QUERY, &[HOST, (name, value)])), 200, "{path} {name}: {value}");
            }
        }
    }
}

#[test]
fn unknown_paths_are_404_with_and_without_the_header() {
    for path in [
        "/",
        "/metadata",
        "/metadata/identity",
        "/metadata/identity/oauth2/token/x",
        "/metadata/Identity/oauth2/token",
        "/metadata/identity/getplatformmetadata",
        "/metadata/identity/issuecredential",
        "/msi/token",
        "/oauth2/token",
    ] {
        for method in ["GET", "POST"] {
            for headers in [&[HOST][..], &[HOST, METADATA][..]] {
                let reply =
                    ask(&agent(vec![system()]), &imds(), &request(method, path, "cred-api-version=2.0", headers), NOW);
                assert_eq!(reply.status, 404, "{path}");
                assert_eq!(reply.body, r#"{"error":"Not found","error_description":"Nothing is served at this path"}"#);
            }
        }
    }
}

#[test]
fn md_02_forwarded_requests_get_no_token() {
    for name in [
        "X-Forwarded-For",
        "x-forwarded-for",
        "X-FORWARDED-FOR",
        "X_Forwarded_For",
        "X-Forwarded-Host",
        "X-Forwarded-Proto",
        "X-Forwarded-Server",
        "Forwarded",
        "Via",
        "X-Forwarded",
        "X-Forwarded-Port",
        "X-Forwarded-Prefix",
        "X-Forwarded-Scheme",
        "X-Forwarded-Client-Cert",
        "X-Forwarded-Anything",
        "X-Real-IP",
        "X_Real_IP",
        "X-Original-URL",
        "X-Original-URI",
        "X-Original-Host",
        "X-Original-Forwarded-For",
        "X-Rewrite-URL",
        "X-Client-IP",
        "X-Cluster-Client-IP",
        "X-Envoy-External-Address",
        "X-Envoy-Original-Path",
        "X-Envoy-Attempt-Count",
        "True-Client-IP",
        "CF-Connecting-IP",
        "CF-Ray",
        "Client-IP",
        "Fastly-Client-IP",
        "X-Azure-ClientIP",
        "X-Originating-IP",
        "X-ProxyUser-IP",
        "Proxy-Connection",
        "CDN-Loop",
        "X-Varnish",
        "Fly-Client-IP",
        "Incap-Client-IP",
        "X-Appengine-User-IP",
        "X-True-Client-IP",
        "Fastly-FF",
        "X-Envoy-Decorator-Operation",
        "X-Original-Method",
        "X-Real-Port",
        "CF-Visitor",
        "WL-Proxy-Client-IP",
        "Forwarded-For",
        "X-Sucuri-ClientIP",
        "CloudFront-Viewer-Address",
        "X-ARR-LOG-ID",
        "Max-Forwards",
    ] {
        for value in ["", "127.0.0.1", "169.254.169.254", "10.0.0.1, 10.0.0.2"] {
            for headers in [[HOST, METADATA, (name, value)], [(name, value), HOST, METADATA]] {
                let agent = agent(vec![system()]);
                ask(&agent, &imds(), &get(TOKEN, QUERY), NOW);
                let reply = ask(&agent, &imds(), &request("GET", TOKEN, QUERY, &headers), NOW);
                assert_eq!(reply.status, 400, "{name}: {value}");
                assert_eq!(
                    reply.body,
                    r#"{"error":"invalid_request","error_description":"forwarded requests are refused"}"#
                );
            }
        }
    }
    let twice = [HOST, METADATA, ("x-forwarded-for", ""), ("x-forwarded-for", "a")];
    assert_eq!(status(&request("GET", TOKEN, QUERY, &twice)), 400);
    let harmless = [HOST, METADATA, ("x-ms-client-request-id", "1"), ("x-client-sku", "MSAL"), ("viable", "1")];
    assert_eq!(status(&request("GET", TOKEN, QUERY, &harmless)), 200);
}

#[test]
fn md_02_http_1_0_gets_no_token_where_it_was_not_allowed() {
    let (agent, query) = (agent(vec![system()]), "api-version=2018-02-01");
    let of = |version, request: bonafide_wire::Request| bonafide_wire::Request { version, ..request };
    let old = |request| of(http::Version::HTTP_10, request);
    for (path, query) in [(TOKEN, QUERY), ("/metadata/identity/info", query), ("/metadata/versions", "")] {
        let reply = ask(&agent, &imds(), &old(get(path, query)), NOW);
        assert_eq!(reply.status, 400, "{path}");
        let said = body(&reply)["error_description"].as_str().unwrap().to_owned();
        assert!(said.starts_with("HTTP/1.0 is refused") && said.contains("--allow-http-1.0"), "{said}");
        let allowed = imds().with_http_1_0(true);
        assert_eq!(ask(&agent, &allowed, &old(get(path, query)), NOW).status, 200, "{path}");
        assert_eq!(ask(&agent, &imds(), &of(http::Version::HTTP_11, get(path, query)), NOW).status, 200, "{path}");
    }
    let probe = ask(&agent, &imds(), &old(request("GET", TOKEN, QUERY, &[HOST])), NOW);
    assert_eq!(body(&probe)["error"], "bad_request_102", "the probe is always answered the same");
    let app_service_query = "api-version=2019-08-01&resource=https%3A%2F%2Fvault.azure.net";
    assert_eq!(ask(&agent, &app_service(), &old(get_app_service(app_service_query)), NOW).status, 400);
}

#[test]
fn md_03_only_the_names_of_the_endpoint_are_answered() {
    for (host, expected) in [
        ("169.254.169.254", 200),
        ("169.254.169.254:80", 200),
        ("169.254.169.254:50342", 200),
        ("localhost:50342", 200),
        ("LOCALHOST:50342", 200),
        ("127.0.0.1:50342", 200),
        ("[::1]:50342", 200),
        ("", 400),
        ("localhost", 400),
        ("localhost:50343", 400),
        ("localhost.:50342", 400),
        ("127.0.0.2:50342", 400),
        ("169.254.169.254.", 400),
        ("169.254.169.254@evil.example", 400),
        ("evil.example", 400),
        ("evil.example:50342", 400),
        ("imds.corp.example:50342", 400),
    ] {
        assert_eq!(status(&request("GET", TOKEN, QUERY, &[("host", host), METADATA])), expected, "{host}");
    }
    assert_eq!(status(&request("GET", TOKEN, QUERY, &[METADATA])), 400);
    assert_eq!(status(&request("GET", TOKEN, QUERY, &[HOST, HOST, METADATA])), 400);
    assert_eq!(status(&request("GET", TOKEN, QUERY, &[HOST, ("host", "evil.example"), METADATA])), 400);
}

#[test]
fn md_09_no_other_spelling_of_the_address_is_the_endpoint() {
    for address in [
        "0xa9fea9fe",
        "2852039166",
        "0251.0376.0251.0376",
        "169.254.43518",
        "[::ffff:169.254.169.254]",
        "[::ffff:a9fe:a9fe]",
    ] {
        for host in [address.to_owned(), format!("{address}:80"), format!("{address}:50342")] {
            assert_eq!(status(&request("GET", TOKEN, QUERY, &[("host", &host), METADATA])), 400, "{host}");
        }
    }
}

#[test]
fn md_03_a_binding_at_port_80_is_also_known_without_port() {
    let binding = imds_of(workload_id(1), 80);
    for host in ["localhost", "127.0.0.1", "[::1]", "localhost:80"] {
        let request = request("GET", TOKEN, QUERY, &[("host", host), METADATA]);
        assert_eq!(ask(&agent(vec![system()]), &binding, &request, NOW).status, 200, "{host}");
    }
}

#[test]
fn md_04_a_parameter_is_given_once_and_a_selector_alone() {
    for query in [
        "resource=b",
        "Resource=b",
        "%72esource=b",
        "api-version=2018-02-01",
        "API-VERSION=2018-02-01",
        "x=1&x=1",
        "client_id=00000002-0000-4000-8000-000000000000&object_id=00000003-0000-4000-8000-000000000000",
        "client_id=00000002-0000-4000-8000-000000000000&CLIENT_ID=00000002-0000-4000-8000-000000000000",
        "mi_res_id=/a&msi_res_id=/a",
        "resource_id=/a&mi_res_id=/a",
        "principal_id=00000003-0000-4000-8000-000000000000",
        "msi-res-id=/subscriptions/x",
        "clientid=00000002-0000-4000-8000-000000000000",
        "bypass_cache=false",
        "bypass_cache=1",
        "broken=%zz",
    ] {
        let reply = ask_imds(&agent(vec![system()]), &format!("&{query}"));
        assert_eq!(reply.status, 400, "{query}");
        assert_eq!(body(&reply)["error"], "invalid_request", "{query}");
    }
    for (query, words) in [
        ("client_id=a&mi_res_id=b", "the parameters 'client_id' and 'mi_res_id' exclude each other"),
        ("clientid=a", "the parameter 'clientid' does not select an identity here"),
        ("%72esource=b", "the parameter 'resource' occurs more than once"),
        ("bypass_cache=1", "the only value of 'bypass_cache' is 'true'"),
    ] {
        assert_eq!(
            body(&ask_imds(&agent(vec![system()]), &format!("&{query}")))["error_description"],
            words,
            "{query}"
        );
    }
    // A semicolon separates nothing: what follows is part of the value.
    let reply = ask(&agent(vec![system()]), &imds(), &get(TOKEN, "api-version=2018-02-01;resource=b"), NOW);
    assert_eq!(reply.status, 400);
    for query in [
        "unknown=1",
        "authority=x",
        "claims=%7B%7D",
        "xms_cc=cp1",
        "token_sha256_to_refresh=00",
        "bypass_cache=true",
        "bypass_cache=True",
        "BYPASS_CACHE=TRUE",
        "bypass_cache=",
        "xms_cc=",
    ] {
        assert_eq!(ask_imds(&agent(vec![system()]), &format!("&{query}")).status, 200, "{query}");
    }
}

#[test]
fn md_04_a_body_is_refused_so_that_nothing_can_be_repeated_in_it() {
    let mut request = get(TOKEN, QUERY);
    request.body = Bytes::from_static(b"resource=https://vault.azure.net");
    assert_eq!(status(&request), 400);
    // Of what is wrong with a form that is posted, the method is said first.
    request.method = Method::POST;
    assert_eq!(status(&request), 405);
    request.path = "/nothing".to_owned();
    assert_eq!(status(&request), 404);
}

#[test]
fn a_probe_without_the_header_is_400_however_many_there_are() {
    let agent = agent_with(bonafide_metadata::Options::default(), vec![system()]);
    let probe = request("GET", TOKEN, QUERY, &[HOST]);
    let other = |number: usize| get(TOKEN, &format!("api-version=2018-02-01&resource=api%3A%2F%2F{number}"));
    let waiting: Vec<_> = (0..5).map(|number| waits(agent.answer(&imds(), &other(number), &at(NOW)))).collect();
    assert_eq!(ask(&agent, &imds(), &other(5), NOW).status, 429, "five wait already");
    for _ in 0..1_000 {
        assert_eq!(ask(&agent, &imds(), &probe, NOW).status, 400);
    }
    drop(waiting);
    let left = (0..100).filter(|_| ask(&agent, &imds(), &get(TOKEN, QUERY), NOW).status == 200).count();
    assert_eq!(left, 15, "the probes took nothing from the twenty");
}
