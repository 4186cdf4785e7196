//! The session mode of a binding (MD-12).
#![allow(clippy::unwrap_used)]

mod support;

use bonafide_metadata::{Agent, Binding};
use bonafide_wire::{Reply, Request};
use support::*;

const HOST: (&str, &str) = ("host", "169.254.169.254");
const METADATA: (&str, &str) = ("metadata", "true");
const PATH: &str = "/metadata/session";
const LIFE: &str = "x-metadata-session-ttl-seconds";
const SESSION: &str = "x-metadata-session";

fn put(headers: &[(&str, &str)]) -> Request {
    request("PUT", PATH, "", &[&[HOST, METADATA], headers].concat())
}

fn begin(agent: &Agent, binding: &Binding, life: &str) -> String {
    let reply = ask(agent, binding, &put(&[(LIFE, life)]), NOW);
    assert_eq!((reply.status.as_u16(), reply.headers[LIFE].to_str().unwrap()), (200, life));
    String::from_utf8(reply.body.to_vec()).unwrap()
}

fn token_in(agent: &Agent, binding: &Binding, session: &str, seconds: u64) -> Reply {
    let asked = request("GET", TOKEN, QUERY, &[HOST, METADATA, (SESSION, session)]);
    ask(agent, binding, &asked, NOW.plus_seconds(seconds))
}

#[test]
fn md_12_nothing_is_answered_outside_of_a_session_and_everything_within() {
    let (agent, binding) = (agent(vec![system()]), imds().with_sessions(true));
    for (path, query) in [(TOKEN, QUERY), ("/metadata/versions", ""), ("/metadata/identity/info", QUERY)] {
        let reply = ask(&agent, &binding, &get(path, query), NOW);
        assert_eq!((reply.status.as_u16(), body(&reply)["error"].as_str()), (401, Some("session_required")), "{path}");
        let session = begin(&agent, &binding, "60");
        let asked = request("GET", path, query, &[HOST, METADATA, (SESSION, &session)]);
        assert_eq!(ask(&agent, &binding, &asked, NOW).status, 200, "{path}");
    }
}

#[test]
fn md_12_a_session_ends_with_its_life_and_is_of_its_endpoint_alone() {
    let agent = agent(vec![system()]);
    let (binding, other) = (imds().with_sessions(true), imds().with_sessions(true));
    let session = begin(&agent, &binding, "60");
    assert_eq!(token_in(&agent, &binding, &session, 59).status, 200);
    assert_eq!(token_in(&agent, &binding, &session, 60).status, 401);
    assert_eq!(token_in(&agent, &other, &session, 0).status, 401);
    for at in [0, 5, 20, 40, session.len() - 1] {
        let mut changed = session.clone().into_bytes();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(changed).unwrap();
        assert_eq!(token_in(&agent, &binding, &changed, 0).status, 401, "{at}");
    }
    for text in ["", "A", &session[..session.len() - 4], &format!("{session}AAAA"), "null"] {
        assert_eq!(token_in(&agent, &binding, text, 0).status, 401, "{text}");
    }
    let twice = request("GET", TOKEN, QUERY, &[HOST, METADATA, (SESSION, &session), (SESSION, &session)]);
    assert_eq!(ask(&agent, &binding, &twice, NOW).status, 401);
}

#[test]
fn md_12_who_cannot_put_with_headers_of_its_own_has_no_session() {
    let (agent, binding) = (agent(vec![system()]), imds().with_sessions(true));
    let status = |asked: &Request| ask(&agent, &binding, asked, NOW).status.as_u16();
    for method in ["GET", "POST", "HEAD", "DELETE"] {
        assert_eq!(status(&request(method, PATH, "", &[HOST, METADATA, (LIFE, "60")])), 405, "{method}");
    }
    for life in ["0", "21601", "-1", "1e3", "", "60 ", "99999999999999999999"] {
        assert_eq!(status(&put(&[(LIFE, life)])), 400, "{life}");
    }
    assert_eq!(status(&put(&[])), 400);
    assert_eq!(status(&put(&[(LIFE, "60"), ("x-forwarded-for", "10.0.0.1")])), 400);
    assert_eq!(status(&request("PUT", PATH, "", &[HOST, (LIFE, "60")])), 400, "no Metadata header");
    assert_eq!(status(&request("PUT", PATH, "", &[("host", "evil.example"), METADATA, (LIFE, "60")])), 400);
}

#[test]
fn md_12_it_is_off_unless_it_was_asked_for() {
    let agent = agent(vec![system()]);
    assert_eq!(ask(&agent, &imds(), &put(&[(LIFE, "60")]), NOW).status, 404);
    assert_eq!(ask(&agent, &imds(), &get(TOKEN, QUERY), NOW).status, 200);
    let wanted = vm_extension().with_sessions(true);
    let asked = request("GET", "/oauth2/token", "resource=x", &[("host", "localhost:50342"), METADATA]);
    assert_eq!(ask(&agent, &wanted, &asked, NOW).status, 401, "in every dialect");
}
