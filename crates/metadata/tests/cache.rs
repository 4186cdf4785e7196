//! Requests to login, the callers that wait for them, and answers while login is down.
#![allow(clippy::unwrap_used)]

mod support;

use bonafide_metadata::{Agent, Answer, Options, UpstreamError, Waiting};
use bonafide_types::Timestamp;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Wake, Waker};
use support::*;

fn down() -> UpstreamError {
    UpstreamError::Unreachable("no route".to_owned())
}

fn get_at(agent: &Agent, now: Timestamp) -> Answer {
    agent.answer(&imds(), &get(TOKEN, QUERY), &at(now))
}

/// An agent that holds a token named `first`, from `NOW` on, for `life` seconds.
fn holding(options: Options, life: u64) -> Agent {
    let agent = agent_with(options, vec![system()]);
    let (waiting, duty) = waits(get_at(&agent, NOW));
    agent.complete(duty.unwrap(), Ok(token_at(NOW, life, "first")), &at(NOW));
    assert_eq!(agent.finish(waiting, &at(NOW)).status, 200);
    agent
}

fn name(reply: &bonafide_wire::Reply) -> String {
    body(reply)["access_token"].as_str().unwrap_or("none").to_owned()
}

struct Alarm(AtomicU32);

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn ov_05_ten_thousand_callers_on_a_cold_cache_are_one_fetch() {
    let agent = agent(vec![system()]);
    let answers: Vec<Answer> = std::thread::scope(|scope| {
        let callers: Vec<_> =
            (0..8).map(|_| scope.spawn(|| (0..1_250).map(|_| get_at(&agent, NOW)).collect::<Vec<_>>())).collect();
        callers.into_iter().flat_map(|caller| caller.join().unwrap()).collect()
    });
    let (mut waiting, duties): (Vec<Waiting>, Vec<_>) = answers.into_iter().map(waits).unzip();
    let mut duties: Vec<_> = duties.into_iter().flatten().collect();
    assert_eq!((waiting.len(), duties.len()), (10_000, 1));

    let alarm = Arc::new(Alarm(AtomicU32::new(0)));
    let waker = Waker::from(Arc::clone(&alarm));
    for _ in 0..2 {
        assert!(waiting.iter_mut().all(|waiting| !waiting.poll_finished(&waker)));
    }
    agent.complete(duties.remove(0), Ok(token_at(NOW, DAY, "shared")), &at(NOW));
    assert_eq!(alarm.0.load(Ordering::Relaxed), 10_000, "everybody is woken, once");
    for mut waiting in waiting {
        assert!(waiting.poll_finished(&waker));
        assert_eq!(name(&agent.finish(waiting, &at(NOW))), "shared");
    }
    let counters = agent.counters();
    assert_eq!((counters.fetches, counters.waits, counters.hits, counters.failures), (1, 10_000, 0, 0));
}

#[test]
fn a_fetch_is_per_identity_resource_and_capabilities() {
    let agent = agent(vec![system(), user(1)]);
    let mut kept = Vec::new();
    for more in ["", &format!("&client_id={}", client(1)), "&xms_cc=cp1", "&xms_cc=cp2"] {
        let (waiting, duty) = waits(agent.answer(&imds(), &get(TOKEN, &format!("{QUERY}{more}")), &at(NOW)));
        let duty = duty.expect("a fetch of its own");
        assert_eq!(duty.fetch().capabilities.as_deref(), more.strip_prefix("&xms_cc="));
        assert_eq!((duty.fetch().tenant, duty.fetch().workload), (tenant(), workload_id(1)));
        kept.push((waiting, duty));
    }
    assert!(waits(agent.answer(&imds(), &get(TOKEN, &format!("{QUERY}&xms_cc=cp1")), &at(NOW))).1.is_none());
    assert!(waits(agent.answer(&imds(), &get(TOKEN, &format!("{QUERY}&xms_cc=")), &at(NOW))).1.is_none());
}

#[test]
fn ov_07_a_cached_token_is_served_without_login_for_all_of_its_life() {
    let agent = holding(Options { throttle: None, refresh_ahead: false }, DAY);
    for second in [0, 1, DAY / 2, DAY / 2 + 1, DAY - 31] {
        let (reply, refresh) = replies(get_at(&agent, NOW.plus_seconds(second)));
        assert_eq!(body(&reply)["expires_in"], (DAY - second).to_string());
        assert!(refresh.is_none());
    }
    assert_eq!((agent.counters().hits, agent.counters().waits, agent.counters().fetches), (5, 1, 1));
}

#[test]
fn ov_05_past_half_its_life_a_token_is_refreshed_once_in_the_background() {
    let agent = holding(unlimited(), DAY);
    assert!(replies(get_at(&agent, NOW.plus_seconds(DAY * 44 / 100))).1.is_none());
    let half = NOW.plus_seconds(DAY / 2 + 1);
    let (reply, refresh) = replies(get_at(&agent, half));
    let duty = refresh.expect("the first one past half starts it");
    assert!(name(&reply) == "first");
    for _ in 0..10 {
        let (reply, refresh) = replies(get_at(&agent, half));
        assert!(name(&reply) == "first" && refresh.is_none(), "it is served while the refresh is under way");
    }
    agent.complete(duty, Ok(token_at(half, DAY, "second")), &at(half));
    let (reply, refresh) = replies(get_at(&agent, half));
    assert!(name(&reply) == "second" && refresh.is_none());
    let counters = agent.counters();
    assert_eq!((counters.fetches, counters.refreshes, counters.waits, counters.hits), (2, 1, 1, 13));
}

#[test]
fn a_refresh_that_fails_is_tried_again_later_and_less_and_less_often() {
    let agent = holding(unlimited(), DAY);
    let mut now = NOW.plus_seconds(DAY / 2 + 1);
    let mut pauses = Vec::new();
    for _ in 0..9 {
        let duty = replies(get_at(&agent, now)).1.expect("due");
        agent.complete(duty, Err(down()), &at(now));
        let mut pause = 0;
        while replies(get_at(&agent, now.plus_seconds(pause))).1.is_none() {
            pause += 1;
        }
        now = now.plus_seconds(pause + 100);
        pauses.push(pause);
    }
    assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
    assert_eq!(name(&replies(get_at(&agent, now)).0), "first");
    assert_eq!(agent.counters().waits, 1, "nobody waited");
}

#[test]
fn a_late_token_is_waited_for_but_served_when_login_is_down() {
    let agent = holding(unlimited(), DAY);
    let late = NOW.plus_seconds(DAY - 29);
    let (waiting, duty) = waits(get_at(&agent, late));
    let (follower, none) = waits(get_at(&agent, late));
    assert!(none.is_none());
    agent.complete(duty.unwrap(), Err(down()), &at(late));
    for waiting in [waiting, follower] {
        let reply = agent.finish(waiting, &at(late));
        assert_eq!((name(&reply).as_str(), &body(&reply)["expires_in"]), ("first", &"29".into()));
    }
    assert_eq!(name(&replies(get_at(&agent, late)).0), "first", "while login is down nobody waits for it again");
    assert!(waits(get_at(&agent, late.plus_seconds(2))).1.is_some(), "but soon somebody tries");

    let expired = NOW.plus_seconds(DAY);
    let (waiting, duty) = waits(get_at(&agent, expired));
    agent.complete(duty.unwrap(), Err(down()), &at(expired));
    assert_eq!(agent.finish(waiting, &at(expired)).status, 500, "an expired token is never handed out");
}

#[test]
fn a_late_token_is_replaced_by_a_new_one() {
    let agent = holding(unlimited(), DAY);
    let late = NOW.plus_seconds(DAY - 29);
    let (waiting, duty) = waits(get_at(&agent, late));
    agent.complete(duty.unwrap(), Ok(token_at(late, DAY, "second")), &at(late));
    assert_eq!(name(&agent.finish(waiting, &at(late))), "second");
}

#[test]
fn the_margin_of_a_short_token_is_a_tenth_of_its_life() {
    let agent = holding(unlimited(), 20);
    assert_eq!(name(&replies(get_at(&agent, NOW.plus_seconds(17))).0), "first");
    assert!(waits(get_at(&agent, NOW.plus_seconds(18))).1.is_some());
}

#[test]
fn a_caller_that_will_not_wait_longer_gets_what_there_is() {
    let agent = holding(unlimited(), DAY);
    let late = NOW.plus_seconds(DAY - 20);
    let (waiting, _duty) = waits(get_at(&agent, late));
    assert_eq!(name(&agent.finish(waiting, &at(late))), "first");
    let cold = support::agent(vec![system()]);
    let (waiting, _duty) = waits(get_at(&cold, NOW));
    assert_eq!(cold.finish(waiting, &at(NOW)).status, 500);
}

#[test]
fn a_duty_that_is_dropped_leaves_nobody_waiting() {
    let agent = agent(vec![system()]);
    let (mut waiting, duty) = waits(get_at(&agent, NOW));
    let alarm = Arc::new(Alarm(AtomicU32::new(0)));
    assert!(!waiting.poll_finished(&Waker::from(Arc::clone(&alarm))));
    drop(duty);
    assert_eq!(alarm.0.load(Ordering::Relaxed), 1);
    assert_eq!(agent.finish(waiting, &at(NOW)).status, 500);
    assert!(waits(get_at(&agent, NOW)).1.is_some(), "the next caller has a new duty");
}

#[test]
fn a_waiter_that_hangs_up_does_not_disturb_the_others() {
    let agent = agent(vec![system()]);
    let (first, duty) = waits(get_at(&agent, NOW));
    let (second, _) = waits(get_at(&agent, NOW));
    drop(first);
    agent.complete(duty.unwrap(), Ok(token_at(NOW, DAY, "t")), &at(NOW));
    assert_eq!(name(&agent.finish(second, &at(NOW))), "t");
}

#[test]
fn a_forced_refresh_waits_for_a_new_token_and_replaces_the_old() {
    let agent = holding(unlimited(), DAY);
    let forced = get(TOKEN, &format!("{QUERY}&bypass_cache=true"));
    let (waiting, duty) = waits(agent.answer(&imds(), &forced, &at(NOW)));
    agent.complete(duty.unwrap(), Ok(token_at(NOW, DAY, "second")), &at(NOW));
    assert_eq!(name(&agent.finish(waiting, &at(NOW))), "second");
    assert_eq!(name(&replies(get_at(&agent, NOW)).0), "second");

    let (waiting, duty) = waits(agent.answer(&imds(), &forced, &at(NOW)));
    agent.complete(duty.unwrap(), Err(down()), &at(NOW));
    assert_eq!(agent.finish(waiting, &at(NOW)).status, 500, "the old one is not what was asked for");
    assert_eq!(name(&replies(get_at(&agent, NOW)).0), "second", "but others still get it");
}

#[test]
fn a_refresh_that_learns_that_the_identity_is_gone_drops_its_token() {
    let agent = holding(unlimited(), DAY);
    let half = NOW.plus_seconds(DAY / 2 + 1);
    let duty = replies(get_at(&agent, half)).1.unwrap();
    agent.complete(duty, Err(UpstreamError::Refused(refusal("unauthorized_client", 700_016))), &at(half));
    assert!(waits(get_at(&agent, half)).1.is_some());
}

#[test]
fn a_refused_resource_is_not_answered_with_an_older_token() {
    let agent = holding(unlimited(), DAY);
    let late = NOW.plus_seconds(DAY - 20);
    let (waiting, duty) = waits(get_at(&agent, late));
    agent.complete(duty.unwrap(), Err(UpstreamError::Refused(refusal("invalid_resource", 500_011))), &at(late));
    assert_eq!(agent.finish(waiting, &at(late)).status, 400);
}

#[test]
fn a_full_cache_gives_up_what_expires_first() {
    let max = bonafide_metadata::limits::TOKENS_PER_WORKLOAD_MAX;
    let agent = agent(vec![system()]);
    let fetch = |number: usize, life: u64| {
        let query = format!("api-version=2018-02-01&resource=api%3A%2F%2F{number}");
        if let Answer::Wait { waiting, duty } = agent.answer(&imds(), &get(TOKEN, &query), &at(NOW)) {
            agent.complete(duty.unwrap(), Ok(token_at(NOW, life, "t")), &at(NOW));
            drop(waiting);
            return true;
        }
        false
    };
    for number in 0..max {
        fetch(number, if number == 7 { 3_000 } else { 3_600 + number as u64 });
    }
    assert!(!fetch(7, 3_000) && !fetch(0, 1), "all are held");
    fetch(max, DAY);
    assert!(!fetch(0, 1) && !fetch(max - 1, 1) && !fetch(max, 1));
    assert!(fetch(7, 1), "the one with the shortest life went");
}

#[test]
fn fetches_under_way_are_bounded() {
    let max = bonafide_metadata::limits::FETCHES_PER_WORKLOAD_MAX;
    let agent = agent(vec![system()]);
    let query = |number: usize| format!("api-version=2018-02-01&resource=api%3A%2F%2F{number}");
    let kept: Vec<_> =
        (0..max).map(|number| waits(agent.answer(&imds(), &get(TOKEN, &query(number)), &at(NOW)))).collect();
    assert_eq!(reply(agent.answer(&imds(), &get(TOKEN, &query(max)), &at(NOW))).status, 429);
    assert!(waits(agent.answer(&imds(), &get(TOKEN, &query(0)), &at(NOW))).1.is_none());
    drop(kept);
    assert!(waits(agent.answer(&imds(), &get(TOKEN, &query(max)), &at(NOW))).1.is_some());
}

#[test]
fn ky_12_a_token_of_a_clock_that_was_set_back_is_not_handed_out_until_its_beginning_comes() {
    let agent = holding(unlimited(), DAY);
    let seconds_before = |seconds| Timestamp::from_unix_seconds(NOW.unix_seconds() - seconds);
    let kept = reply(get_at(&agent, seconds_before(300 + 300)));
    assert_eq!(name(&kept), "first", "clocks differ by five minutes, and a token begins five minutes before its issue");
    let long_before = seconds_before(26 * 3_600);
    let (waiting, duty) = waits(get_at(&agent, long_before));
    agent.complete(duty.unwrap(), Ok(token_at(long_before, DAY, "second")), &at(long_before));
    assert_eq!(name(&agent.finish(waiting, &at(long_before))), "second");
    // A host whose own clock is behind that of login keeps what it gets.
    let agent = agent_with(unlimited(), vec![system()]);
    let (waiting, duty) = waits(get_at(&agent, long_before));
    agent.complete(duty.unwrap(), Ok(token_at(NOW, DAY, "of tomorrow")), &at(long_before));
    assert_eq!(name(&agent.finish(waiting, &at(long_before))), "of tomorrow");
    assert_eq!(name(&reply(get_at(&agent, long_before))), "of tomorrow");
}
