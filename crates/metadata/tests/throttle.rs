//! Limits of a workload's requests, and what they leave alone.
#![allow(clippy::unwrap_used)]

mod support;

use bonafide_metadata::{Options, UpstreamError};
use support::*;

#[test]
fn ov_02_too_many_requests_are_429_with_a_short_retry_after() {
    let agent = agent_with(Options::default(), vec![system()]);
    let statuses: Vec<u16> = (0..25).map(|_| ask(&agent, &imds(), &get(TOKEN, QUERY), NOW).status.as_u16()).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 20);
    let reply = reply(agent.answer(&imds(), &get(TOKEN, QUERY), &at(NOW)));
    let expected = r#"{"error":"invalid_request","error_description":"Temporarily throttled, too many requests"}"#;
    assert_eq!((reply.status.as_u16(), &reply.body[..], expected.len()), (429, expected.as_bytes(), 90));
    assert_eq!(reply.headers["retry-after"], "1");
    assert_eq!(agent.counters().throttled, 6);
    // A request that is wrong anyway is refused as such, and is not counted.
    assert_eq!(ask(&agent, &imds(), &get(TOKEN, ""), NOW).status, 400);
    assert_eq!(ask(&agent, &imds(), &get(TOKEN, QUERY), NOW.plus_seconds(1)).status, 200);
}

/// A query for another token than any other number's.
fn cold(number: usize) -> String {
    format!("api-version=2018-02-01&resource=api%3A%2F%2F{number}")
}

#[test]
fn ov_07_a_login_that_hangs_takes_no_place_from_cached_tokens_nor_from_those_who_wait_for_one_fetch() {
    let agent = agent_with(Options::default(), vec![system()]);
    assert_eq!(ask(&agent, &imds(), &get(TOKEN, QUERY), NOW).status, 200);
    let get_cold = |number| agent.answer(&imds(), &get(TOKEN, &cold(number)), &at(NOW));
    let mut hanging: Vec<_> = (0..5).map(|number| waits(get_cold(number))).collect();
    for _ in 0..5 {
        let (cached, _) = replies(agent.answer(&imds(), &get(TOKEN, QUERY), &at(NOW)));
        assert_eq!(cached.status, 200);
        // Another who wants what is being fetched already.
        assert!(waits(get_cold(0)).1.is_none());
    }
    // The sixth thing that login is asked at once is turned away, and uses up nothing: four of the twenty of this second are left.
    for _ in 0..30 {
        assert_eq!(reply(get_cold(5)).status, 429);
    }
    let (first, duty) = hanging.swap_remove(0);
    agent.complete(duty.unwrap(), Ok(token_at(NOW, DAY, "t")), &at(NOW));
    assert_eq!(agent.finish(first, &at(NOW)).status, 200);
    assert!(waits(get_cold(5)).1.is_some());
}

#[test]
fn ov_02_what_is_served_beside_tokens_has_a_throttle_of_its_own_and_the_probe_has_none() {
    let agent = agent_with(Options::default(), vec![system()]);
    let status = |path: &str, query: &str| ask(&agent, &imds(), &get(path, query), NOW).status.as_u16();
    let served = |path: &str, query: &str| (0..25).filter(|_| status(path, query) == 200).count();
    assert_eq!(served("/metadata/versions", ""), 20);
    let throttled = reply(agent.answer(&imds(), &get("/metadata/identity/info", "api-version=2018-02-01"), &at(NOW)));
    assert_eq!((throttled.status.as_u16(), throttled.headers["retry-after"].to_str().unwrap()), (429, "1"));
    assert_eq!(served(TOKEN, QUERY), 20, "tokens have a share of their own");
    let unplaced = imds_of(workload_id(7), 80);
    let of_nobody = |_: &_| reply(agent.answer(&unplaced, &get("/metadata/versions", ""), &at(NOW))).status == 200;
    assert_eq!((0..25).filter(of_nobody).count(), 20, "a workload that is not here");
    for path in [TOKEN, "/metadata/identity/info", "/metadata/versions"] {
        let probe = request("GET", path, "", &[("host", "169.254.169.254")]);
        for _ in 0..200 {
            assert_eq!(reply(agent.answer(&imds(), &probe, &at(NOW))).status, 400);
        }
    }
}

#[test]
fn ov_02_what_login_answers_429_is_429_here_and_an_old_token_is_better() {
    let throttled = || Err(UpstreamError::Refused(refusal("temporarily_unavailable", 90_055)));
    let agent = agent(vec![system()]);
    for (binding, request) in [
        (imds(), get(TOKEN, QUERY)),
        (app_service(), get_app_service("api-version=2019-08-01&resource=https%3A%2F%2Fvault.azure.net")),
    ] {
        let (waiting, duty) = waits(agent.answer(&binding, &request, &at(NOW)));
        agent.complete(duty.unwrap(), throttled(), &at(NOW));
        let reply = agent.finish(waiting, &at(NOW));
        assert_eq!((reply.status.as_u16(), reply.headers["retry-after"].to_str().unwrap()), (429, "1"));
    }
    let (waiting, duty) = waits(agent.answer(&imds(), &get(TOKEN, QUERY), &at(NOW)));
    agent.complete(duty.unwrap(), Ok(token_at(NOW, DAY, "t")), &at(NOW));
    assert_eq!(agent.finish(waiting, &at(NOW)).status, 200);
    let late = NOW.plus_seconds(DAY - 20);
    let (waiting, duty) = waits(agent.answer(&imds(), &get(TOKEN, QUERY), &at(late)));
    agent.complete(duty.unwrap(), throttled(), &at(late));
    assert_eq!(agent.finish(waiting, &at(late)).status, 200);
}

#[test]
fn id_16_one_workload_cannot_use_up_anothers_share() {
    let agent = agent_with(Options::default(), vec![system()]);
    agent.apply(change(vec![workload(2, vec![user(2)])], vec![]));
    let other = imds_of(workload_id(2), 80);
    for _ in 0..100 {
        ask(&agent, &imds(), &get(TOKEN, QUERY), NOW);
    }
    for _ in 0..20 {
        assert_eq!(ask(&agent, &other, &get(TOKEN, QUERY), NOW).status, 200);
    }
}
