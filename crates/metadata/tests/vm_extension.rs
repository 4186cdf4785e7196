//! The endpoint of the virtual machine extension, as far as it differs from `imds` (docs/wire/vm-extension.md).
#![allow(clippy::unwrap_used)]

mod support;

use bonafide_metadata::dialects::VM_EXTENSION;
use bonafide_metadata::{Agent, Binding, Endpoint, Options};
use bonafide_wire::{Peer, Request};
use bytes::Bytes;
use support::*;

const PATH: &str = "/oauth2/token";
const RESOURCE: &str = "resource=https%3A%2F%2Fmanagement.azure.com%2F";
const HOST: (&str, &str) = ("host", "localhost:50342");
const METADATA: (&str, &str) = ("metadata", "true");

fn get(query: &str) -> Request {
    request("GET", PATH, query, &[HOST, METADATA])
}

fn post(query: &str, media_type: &str, body: &'static str) -> Request {
    let headers = [HOST, METADATA, ("content-type", media_type)];
    Request { body: Bytes::from_static(body.as_bytes()), ..request("POST", PATH, query, &headers) }
}

fn error(agent: &Agent, binding: &Binding, request: &Request) -> (u16, String) {
    let reply = ask(agent, binding, request, NOW);
    (reply.status.as_u16(), body(&reply)["error"].as_str().unwrap_or_default().to_owned())
}

fn at_port(port: u16, names: &[&str]) -> Binding {
    let names = names.iter().map(ToString::to_string).collect();
    Binding::new(workload_id(1), &VM_EXTENSION, Endpoint { port, names, ..Endpoint::default() })
}

#[test]
fn md_01_nothing_but_metadata_true_opens_the_port() {
    let agent = agent(vec![system()]);
    for headers in [&[HOST][..], &[HOST, ("metadata", "1")], &[HOST, METADATA, METADATA], &[HOST, ("metadata", "")]] {
        for method in ["GET", "POST", "PUT", "HEAD"] {
            let asked = request(method, PATH, RESOURCE, headers);
            assert_eq!(
                error(&agent, &vm_extension(), &asked),
                (400, "bad_request_102".to_owned()),
                "{method} {headers:?}"
            );
        }
    }
    for value in ["true", "True", "TRUE"] {
        let asked = request("GET", PATH, RESOURCE, &[HOST, ("Metadata", value)]);
        assert_eq!(ask(&agent, &vm_extension(), &asked, NOW).status, 200);
    }
}

#[test]
fn md_02_a_forwarded_request_gets_no_token_at_the_port_either() {
    let agent = agent(vec![system()]);
    for name in ["x-forwarded-for", "via", "forwarded", "x-real-ip"] {
        let asked = request("GET", PATH, RESOURCE, &[HOST, METADATA, (name, "")]);
        assert_eq!(error(&agent, &vm_extension(), &asked), (400, "invalid_request".to_owned()), "{name}");
    }
    let old = Request { version: http::Version::HTTP_10, ..get(RESOURCE) };
    assert_eq!(error(&agent, &vm_extension(), &old), (400, "invalid_request".to_owned()));
    assert_eq!(ask(&agent, &vm_extension().with_http_1_0(true), &old, NOW).status, 200);
}

#[test]
fn md_03_the_hosts_that_are_answered_follow_the_port() {
    let agent = agent(vec![system()]);
    let at = |binding: &Binding, host: &str| {
        error(&agent, binding, &request("GET", PATH, RESOURCE, &[("host", host), METADATA]))
    };
    let unknown = (401, "unknown_source".to_owned());
    for (port, other) in [(50_342, 50_343), (50_343, 50_342), (8_080, 80)] {
        let binding = at_port(port, &[]);
        for name in ["localhost", "LOCALHOST", "127.0.0.1", "[::1]"] {
            assert_eq!(at(&binding, &format!("{name}:{port}")).0, 200, "{name}:{port}");
            assert_eq!(at(&binding, &format!("{name}:{other}")), unknown, "{name}:{other} at {port}");
            assert_eq!(at(&binding, name), unknown, "{name} at {port}");
        }
        for host in ["", "evil.example", "169.254.169.254", "localhost.:50342", "127.0.0.2:50342", "[::]:50342"] {
            assert_eq!(at(&binding, host), unknown, "{host} at {port}");
        }
    }
    // `http://localhost/oauth2/token`, as Microsoft's page prints it.
    for host in ["localhost", "localhost:80", "127.0.0.1", "[::1]"] {
        assert_eq!(at(&at_port(80, &[]), host).0, 200, "{host}");
    }
    for headers in [&[METADATA][..], &[HOST, HOST, METADATA]] {
        let asked = request("GET", PATH, RESOURCE, headers);
        assert_eq!(error(&agent, &vm_extension(), &asked), (400, "invalid_request".to_owned()));
    }
}

#[test]
fn md_03_an_endpoint_answers_to_the_names_that_it_was_given() {
    let agent = agent(vec![system()]);
    let at = |binding: &Binding, host: &str| {
        ask(&agent, binding, &request("GET", TOKEN, QUERY, &[("host", host), METADATA]), NOW).status.as_u16()
    };
    let named = |port| {
        let names = ["metadata.corp.example", "[fd00:ec2::254]", "mapped.example:8080"].map(str::to_owned).to_vec();
        Binding::new(
            workload_id(1),
            &bonafide_metadata::dialects::IMDS,
            Endpoint { port, names, ..Endpoint::default() },
        )
    };
    for host in [
        "metadata.corp.example",
        "METADATA.corp.example:80",
        "[fd00:ec2::254]",
        "[fd00:ec2::254]:80",
        "mapped.example:8080",
    ] {
        assert_eq!(at(&named(80), host), 200, "{host}");
    }
    for (port, host) in [
        (80, "mapped.example"),
        (80, "[fd00:ec2::255]"),
        (80, "corp.example"),
        (8_081, "metadata.corp.example"),
        (8_081, "[fd00:ec2::254]"),
    ] {
        assert_eq!(at(&named(port), host), 400, "{host} at {port}");
    }
    assert_eq!(at(&named(8_081), "[fd00:ec2::254]:8081"), 200);
}

#[test]
fn md_08_what_did_not_come_over_the_loopback_device_is_refused_before_it_is_read() {
    let agent = agent(vec![system()]);
    let _ = ask(&agent, &vm_extension(), &get(RESOURCE), NOW);
    let from = |address: &str, asked: Request| Request { peer: Peer::Anonymous(address.parse().unwrap()), ..asked };
    for address in ["10.9.0.2:1", "169.254.169.254:1", "[fe80::1]:1", "[::ffff:10.0.0.1]:1", "0.0.0.0:1", "[::]:1"] {
        for asked in [get(RESOURCE), request("GET", "/", "", &[]), request("POST", PATH, "", &[HOST])] {
            assert_eq!(error(&agent, &vm_extension(), &from(address, asked)), (400, "unauthorized_client".to_owned()));
        }
        assert_eq!(
            ask(&agent, &imds(), &from(address, support::get(TOKEN, QUERY)), NOW).status,
            200,
            "imds is not of it"
        );
    }
    for address in ["127.0.0.1:1", "127.1.2.3:1", "[::1]:1", "[::ffff:127.0.0.1]:1"] {
        assert_eq!(error(&agent, &vm_extension(), &from(address, get(RESOURCE))).0, 200, "{address}");
    }
}

#[test]
fn md_04_a_parameter_occurs_once_in_query_and_form_together() {
    let agent = agent(vec![system(), user(1)]);
    let form = "application/x-www-form-urlencoded";
    for (query, form_body, status) in [
        ("", "resource=https://vault.azure.net", 200),
        (RESOURCE, "", 200),
        (RESOURCE, "client_id=", 200),
        (RESOURCE, "grant_type=client_credentials", 200),
        (RESOURCE, "resource=https://vault.azure.net", 400),
        (RESOURCE, "Resource=https://vault.azure.net", 400),
        ("client_id=00000002-0000-4000-8000-000000000001", "client_id=&resource=x", 400),
        (
            "object_id=00000003-0000-4000-8000-000000000001",
            "client_id=00000002-0000-4000-8000-000000000001&resource=x",
            400,
        ),
        ("", "resource=x&principal_id=00000003-0000-4000-8000-000000000001", 400),
        ("", "resource=%zz", 400),
    ] {
        let reply = ask(&agent, &vm_extension(), &post(query, form, form_body), NOW);
        assert_eq!(reply.status, status, "{query} {form_body}");
    }
    for media_type in ["application/json", "text/plain", "multipart/form-data"] {
        assert_eq!(
            error(&agent, &vm_extension(), &post("", media_type, "resource=x")),
            (400, "invalid_request".to_owned())
        );
    }
    let got = Request { body: Bytes::from_static(b"resource=x"), ..get(RESOURCE) };
    assert_eq!(error(&agent, &vm_extension(), &got), (400, "invalid_request".to_owned()), "GET has no body");
}

#[test]
fn id_09_no_identity_at_all_is_the_same_refusal_whatever_is_asked_for() {
    let unauthorized = (400, "unauthorized_client".to_owned());
    let nowhere = Agent::new(unlimited());
    nowhere.apply(everything(vec![]));
    for agent in [agent(vec![]), nowhere] {
        for more in ["", "&client_id=00000002-0000-4000-8000-000000000001", "&client_id=mine", "&msi_res_id=/x"] {
            assert_eq!(error(&agent, &vm_extension(), &get(&format!("{RESOURCE}{more}"))), unauthorized, "{more}");
        }
    }
    let two = agent(vec![user(1), user(2)]);
    let not_here = error(&two, &vm_extension(), &get(&format!("{RESOURCE}&client_id={}", client(3))));
    assert_eq!(not_here, (400, "invalid_request".to_owned()));
}

#[test]
fn md_15_an_address_in_a_refusal_is_short_and_shows() {
    let agent = agent(vec![system()]);
    let long = format!("/{}", "a".repeat(5_000));
    let reply = ask(&agent, &vm_extension(), &request("GET", &long, "", &[HOST, METADATA]), NOW);
    assert!(reply.body.len() < 400, "{}", reply.body.len());
    let asked = request("GET", "/\u{202e}nekot\u{7}", "secret=hidden", &[HOST]);
    let reply = ask(&agent, &vm_extension(), &asked, NOW);
    assert_eq!(body(&reply)["error_description"], "Unknown Source http://localhost:50342/\u{fffd}nekot\u{fffd}");
}

#[test]
fn both_endpoints_of_a_workload_have_one_cache_and_one_throttle() {
    let agent = agent_with(Options::default(), vec![system()]);
    let first = ask(&agent, &imds(), &support::get(TOKEN, QUERY), NOW);
    let second = reply(agent.answer(&vm_extension(), &get(RESOURCE), &at(NOW)));
    assert_eq!(body(&first)["access_token"], body(&second)["access_token"]);
    assert_eq!(body(&first).as_object().unwrap().len(), 9);
    let sorted = |reply: &bonafide_wire::Reply| {
        let mut members: Vec<_> = body(reply).as_object().unwrap().clone().into_iter().collect();
        members.sort_by(|one, other| one.0.cmp(&other.0));
        members
    };
    assert_eq!(sorted(&first), sorted(&second), "the same nine members");
    let passed = (0..40).filter(|_| ask(&agent, &vm_extension(), &get(RESOURCE), NOW).status == 200).count();
    assert_eq!(passed, 18, "twenty together");
    assert_eq!(ask(&agent, &imds(), &support::get(TOKEN, QUERY), NOW).status, 429);
}
