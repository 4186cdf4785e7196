//! Requests for what is not known: held for a look at the control plane, and then answered, but never with what is not sure.
#![allow(clippy::unwrap_used)]

mod support;

use bonafide_metadata::dialects::{ALL, VM_EXTENSION};
use bonafide_metadata::{Agent, Answer, Binding, Endpoint, Held};
use bonafide_types::Timestamp;
use bonafide_wire::{Reply, Request};
use std::time::Duration;
use support::*;

fn unknown() -> Request {
    get(TOKEN, &format!("{QUERY}&client_id={}", client(7)))
}

fn after(milliseconds: u64) -> Timestamp {
    Timestamp::from_unix_micros(NOW.unix_micros() + milliseconds * 1_000)
}

/// The reply to a request, or `None` where it is held.
fn asked(agent: &Agent, request: &Request, milliseconds: u64) -> Result<Reply, Held> {
    agent.answer_or_hold(&imds(), request, &at(after(milliseconds))).map(reply)
}

fn held(agent: &Agent, request: &Request, milliseconds: u64) -> Held {
    match asked(agent, request, milliseconds) {
        Err(held) => held,
        Ok(reply) => panic!("replied {} {:?}", reply.status, reply.body),
    }
}

fn again(agent: &Agent, held: Held, request: &Request, is_late: bool, milliseconds: u64) -> Result<Reply, Held> {
    agent.answer_held(held, &imds(), request, is_late, &at(after(milliseconds))).map(reply)
}

/// An agent with one workload that has heard of the control plane at [`NOW`].
fn connected() -> Agent {
    let agent = agent(vec![system()]);
    agent.look_at_clock(NOW, Duration::from_secs(1_000));
    agent.hear(NOW);
    agent
}

fn is_not_found(reply: &Reply) -> bool {
    reply.status == 400 && body(reply)["error_description"] == "Identity not found"
}

#[test]
fn av_11_a_request_for_what_is_about_to_be_known_is_held_and_answered() {
    let agent = connected();
    let request = unknown();
    let waits = held(&agent, &request, 2_000);
    let Err(waits) = again(&agent, waits, &request, false, 2_010) else { panic!("nothing has been heard since") };
    agent.apply(change(vec![workload(1, vec![system(), user(7)])], vec![]));
    agent.hear(after(2_020));
    match agent.answer_held(waits, &imds(), &request, false, &at(after(2_020))) {
        Ok(Answer::Wait { duty: Some(duty), .. }) => assert_eq!(duty.fetch().client_id, client(7)),
        _ => panic!("it is known now"),
    }
}

#[test]
fn av_11_what_is_really_unknown_is_told_once_the_control_plane_was_asked() {
    let agent = connected();
    let request = unknown();
    let waits = held(&agent, &request, 2_000);
    agent.hear(after(2_020));
    let Ok(reply) = again(&agent, waits, &request, false, 2_020) else { panic!() };
    assert!(is_not_found(&reply));
    // A known identity was never held up.
    assert!(matches!(agent.answer_or_hold(&imds(), &get(TOKEN, QUERY), &at(after(5_000))), Ok(Answer::Wait { .. })));
}

#[test]
fn id_16_guesses_cost_the_control_plane_next_to_nothing_and_nobody_else_a_look() {
    let agent = Agent::new(unlimited());
    agent.apply(everything(vec![workload(1, vec![system()]), workload(2, vec![system()])]));
    agent.look_at_clock(NOW, Duration::from_secs(1_000));
    agent.hear(NOW);
    let request = unknown();
    let mut looks = 0;
    // A hundred guesses a second for ten minutes.
    for tick in 0..60_000_u64 {
        match asked(&agent, &request, tick * 10) {
            Ok(reply) => assert!(is_not_found(&reply)),
            Err(waits) => {
                looks += 1;
                agent.hear(after(tick * 10 + 5));
                let answered = again(&agent, waits, &request, false, tick * 10 + 5);
                assert!(answered.is_ok_and(|reply| is_not_found(&reply)));
            }
        }
    }
    assert!((5..20).contains(&looks), "{looks}");
    let other = agent.answer_or_hold(&imds_of(workload_id(2), 50_342), &request, &at(after(602_000)));
    assert!(other.is_err(), "another workload has its look");
    // A change of the workload begins anew.
    agent.apply(change(vec![workload(1, vec![system(), user(1)])], vec![]));
    assert!(asked(&agent, &request, 603_000).is_err());
}

#[test]
fn av_11_before_anything_is_known_nothing_is_said_not_to_be_here() {
    let agent = Agent::new(unlimited());
    let request = get(TOKEN, QUERY);
    let waits = held(&agent, &request, 0);
    let Err(waits) = again(&agent, waits, &request, false, 100) else { panic!() };
    let Ok(reply) = again(&agent, waits, &request, true, 500) else { panic!() };
    assert_eq!(reply.status, 404);
    assert!(!String::from_utf8_lossy(&reply.body).contains("Identity not found"));
    // Never loaded is never known, however long that takes.
    let waits = held(&agent, &request, 3_600_000);
    assert_eq!(again(&agent, waits, &request, true, 3_600_500).ok().unwrap().status, 404);
    agent.apply(everything(vec![]));
    agent.hear(after(3_601_000));
    assert!(is_not_found(&asked(&agent, &request, 3_601_001).ok().unwrap()));
}

#[test]
fn av_11_while_something_may_be_under_way_it_is_retryable_and_in_a_long_outage_it_is_decided() {
    let agent = connected();
    let request = unknown();
    agent.miss(after(10_000));
    let status = |milliseconds| {
        let reply = match asked(&agent, &request, milliseconds) {
            Ok(reply) => reply,
            Err(waits) => {
                agent.miss(after(milliseconds + 100));
                again(&agent, waits, &request, true, milliseconds + 500).ok().unwrap()
            }
        };
        reply.status.as_u16()
    };
    for seconds in [10, 20, 39] {
        assert_eq!(status(seconds * 1_000), 404, "{seconds}");
    }
    // A .NET process waits with all its tokens for one answer that is to be repeated: not for the whole of an outage.
    for seconds in [41, 100, 86_400] {
        assert_eq!(status(seconds * 1_000), 400, "{seconds}");
    }
    agent.hear(after(86_500_000));
    assert_eq!(status(86_500_100), 400);
    // An answer that could not be read was to say something.
    agent.fall_behind(after(86_600_000));
    assert_eq!(status(86_600_100), 404);
}

#[test]
fn av_11_every_dialect_has_words_for_what_is_not_known_yet_that_clients_repeat() {
    // The extension's endpoint answers over the loopback device alone; its words are held to their row in docs/wire/imds.md.
    for dialect in ALL.iter().filter(|dialect| !std::ptr::eq(**dialect, &VM_EXTENSION)) {
        let agent = Agent::new(unlimited());
        let secret = dialect.has_secret().then(|| SECRET.to_owned().into());
        let binding = Binding::new(workload_id(1), dialect, Endpoint { port: 41_013, secret, ..Endpoint::default() });
        let (path, query) = match dialect.name() {
            "imds" => (TOKEN, QUERY),
            "app-service" => ("/msi/token", "api-version=2019-08-01&resource=https%3A%2F%2Fvault.azure.net"),
            _ => ("/oauth2/token", "resource=https%3A%2F%2Fvault.azure.net"),
        };
        let headers = [("host", "127.0.0.1:41013"), ("metadata", "true"), ("x-identity-header", SECRET)];
        let answer = agent.answer(&binding, &request("GET", path, query, &headers), &at(NOW));
        let reply = reply(answer);
        assert_eq!(reply.status, 404, "{}", dialect.name());
        assert!(!String::from_utf8_lossy(&reply.body).contains("Identity not found"), "{}", dialect.name());
    }
}
