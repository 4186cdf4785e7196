//! The guards of what is asked for: path, method, and an address as target (THREAT_MODEL.md).
#![allow(clippy::unwrap_used)]

mod support;

use bonafide_metadata::canonical;
use proptest::prelude::*;
use support::*;

const HOST: (&str, &str) = ("host", "169.254.169.254");
const METADATA: (&str, &str) = ("metadata", "true");

fn status(request: &bonafide_wire::Request) -> u16 {
    ask(&agent(vec![system()]), &imds(), request, NOW).status.as_u16()
}

#[test]
fn md_05_paths_that_could_be_read_in_two_ways_are_refused() {
    for path in [
        "/metadata/identity/oauth2/token%3Fapi-version=2018-02-01",
        "/metadata%2Fidentity/oauth2/token",
        "/metadata/%252e%252e/metadata/identity/oauth2/token",
        "/x/../metadata/identity/oauth2/token",
        "/metadata/identity/oauth2/token;x=y",
        "/metadata/identity/oauth2/token.",
        "/metadata/identity/oauth2/token%20",
        "/metadata/identity/oauth2/token%00",
        "/metadata/identity/oauth2/token\u{fffd}",
    ] {
        assert_eq!(status(&get(path, QUERY)), 400, "{path}");
    }
    for path in ["//metadata/identity/oauth2/token", "/METADATA/identity//oauth2/token/"] {
        assert_eq!(status(&get(path, QUERY)), 200, "{path}");
    }
}

proptest! {
    #[test]
    fn md_05_two_spellings_of_a_path_get_one_decision(path in "(/{1,2}|METADATA|metadata|identity|oauth2|token|info|\\.|%2f|;){0,14}") {
        let agent = agent(vec![system()]);
        let raw = ask(&agent, &imds(), &get(&path, QUERY), NOW).status;
        match canonical(&path) {
            Ok(canon) => prop_assert_eq!(ask(&agent, &imds(), &get(&canon, QUERY), NOW).status, raw),
            Err(_) => prop_assert_eq!(raw, 400),
        }
    }
}

#[test]
fn md_06_only_get_is_served_and_nothing_is_forwarded() {
    for method in ["POST", "PUT", "HEAD", "OPTIONS", "DELETE", "PATCH", "FOO", "get"] {
        let reply = ask(&agent(vec![system()]), &imds(), &request(method, TOKEN, QUERY, &[HOST, METADATA]), NOW);
        assert_eq!((reply.status.as_u16(), &reply.headers["allow"]), (405, &"GET".parse().unwrap()), "{method}");
        assert_eq!(body(&reply)["error"], "method_not_allowed");
    }
    for method in ["CONNECT", "TRACE", "PRI"] {
        for path in [TOKEN, "*", "169.254.169.254:80", "/"] {
            assert_eq!(status(&request(method, path, QUERY, &[HOST, METADATA])), 405, "{method} {path}");
        }
    }
    for (protocol, expected) in [("websocket", 400), ("TLS/1.0", 400), ("h2c, websocket", 400), ("h2c", 200)] {
        let headers = [HOST, METADATA, ("connection", "Upgrade"), ("upgrade", protocol)];
        assert_eq!(status(&request("GET", TOKEN, QUERY, &headers)), expected, "{protocol}");
    }
}

#[test]
fn md_06_an_address_as_target_is_served_where_it_is_the_endpoints_own() {
    for (authority, expected) in [
        ("http://169.254.169.254", 200),
        ("http://169.254.169.254:80", 200),
        ("http://169.254.169.254:50342", 200),
        ("http://127.0.0.1:50342", 200),
        ("http://LocalHost:50342", 200),
        ("http://[::1]:50342", 200),
        ("HTTP://169.254.169.254", 200),
        ("http://169.254.169.254/", 200),
        ("http://evil.example", 400),
        ("http://127.0.0.1", 400),
        ("http://127.0.0.1:50343", 400),
        ("http://169.254.169.254.", 400),
        ("http://x@169.254.169.254", 400),
        ("http://169.254.169.254:80@evil.example", 400),
        ("http://", 400),
        ("http:/", 400),
        ("https://169.254.169.254", 400),
        ("ftp://169.254.169.254", 400),
        ("169.254.169.254", 400),
        ("169.254.169.254:80", 400),
    ] {
        let target = format!("{authority}{TOKEN}");
        assert_eq!(status(&get(&target, QUERY)), expected, "{target}");
    }
    for target in ["*", "", "http://evil.example/", "\"http://169.254.169.254/metadata/identity/oauth2/token\""] {
        assert_eq!(status(&get(target, QUERY)), 400, "{target}");
    }
    // The target in such a request is then read as ever, and so is the Host.
    let target = format!("http://169.254.169.254{TOKEN}");
    assert_eq!(status(&get("http://169.254.169.254", QUERY)), 404);
    assert_eq!(status(&get("http://169.254.169.254/metadata%2Fidentity/oauth2/token", QUERY)), 400);
    assert_eq!(status(&request("GET", &target, QUERY, &[HOST])), 400);
    assert_eq!(status(&request("POST", &target, QUERY, &[HOST, METADATA])), 405);
    assert_eq!(status(&request("GET", &target, QUERY, &[METADATA])), 400);
    assert_eq!(status(&request("GET", &target, QUERY, &[("host", "evil.example"), METADATA])), 400);
    assert_eq!(status(&request("GET", &target, QUERY, &[("host", "localhost:50342"), METADATA])), 200);
    // The other dialect too.
    let headers = [("host", "127.0.0.1:41013"), ("x-identity-header", SECRET)];
    for (target, expected) in [("http://127.0.0.1:41013/msi/token", 200), ("http://127.0.0.1:41014/msi/token", 400)] {
        let request = request("GET", target, QUERY.replace("2018", "2020").as_str(), &headers);
        assert_eq!(ask(&agent(vec![system()]), &app_service(), &request, NOW).status, expected, "{target}");
    }
}
